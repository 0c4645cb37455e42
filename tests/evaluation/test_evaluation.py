"""Measuring: rates against known answers, records per image, curves that never rise."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from robustlens import progress
from robustlens.attacks import bind, fgsm, pgd, square, worst_of
from robustlens.balls import L2, Linf
from robustlens.bounds import clopper_pearson
from robustlens.data import Dataset, load
from robustlens.errors import Doubtful, InputError
from robustlens.evaluation import (
    Evaluation,
    Rate,
    accuracy,
    attacked_accuracy,
    minimum_norm_curve,
    on_device_of,
    pgd_accuracy,
    pgd_curve,
    robustness_curve,
)
from robustlens.evaluation.curve import Curve
from robustlens.evaluation.decisions import checked_logits


def brightness(x: Tensor) -> Tensor:
    """Class 1 when the mean pixel is above one half, with a margin linear in the mean."""
    score = x.flatten(1).mean(dim=1) - 0.5
    return torch.stack([-score, score], dim=1)


@pytest.fixture
def levels() -> Dataset:
    """Images of one grey level each: 20 dark (class 0), 20 bright (class 1), 2 labelled wrongly."""
    grey = torch.cat([torch.arange(90, 110), torch.arange(145, 165)]).to(torch.uint8)
    labels = (grey > 127).long()
    labels[[0, 39]] = 1 - labels[[0, 39]]
    return Dataset(
        grey.view(-1, 1, 1, 1).expand(-1, 1, 4, 4).clone(), labels, ("dark", "bright"), "g"
    )


def needed(data: Dataset) -> Tensor:
    """Smallest l-inf radius that changes each decision."""
    return (data.images[:, 0, 0, 0].float() / 255 - 0.5).abs()


def test_accuracy_counts_and_records(levels: Dataset) -> None:
    result = accuracy(brightness, levels, batch_size=7)
    assert result.rate == Rate(38 / 40, *clopper_pearson(38, 40), 40)
    wrong = [r.index for r in result.records if r.clean != r.label]
    assert wrong == [0, 39]
    assert all((r.margin > 0) == (r.index in wrong) for r in result.records)
    assert [r.label for r in result.records] == levels.labels.tolist()
    assert str(result.rate).startswith("95.0% [")


@pytest.mark.parametrize("eps", [0.103, 0.11, 0.12])
def test_pgd_accuracy_is_exact_on_a_linear_model(levels: Dataset, eps: float) -> None:
    result = pgd_accuracy(brightness, levels, Linf(eps), steps=5, seed=0)
    safe = (needed(levels) > eps) & (brightness(levels.images / 255).argmax(1) == levels.labels)
    assert result.rate.value == pytest.approx(float(safe.float().mean()))
    assert [r.attacked == r.label for r in result.records] == safe.tolist()
    assert all(r.distance <= eps + 1e-6 for r in result.records)
    assert result.name == f"accuracy under pgd linf eps {eps:g}, steps 5, restarts 1"


def test_wrong_images_count_as_broken_and_are_not_attacked(levels: Dataset) -> None:
    result = attacked_accuracy(brightness, levels, bind(fgsm, Linf(0.0)), seed=0)
    assert result.rate.value == 38 / 40
    assert result.records[0].distance == 0.0


def test_a_plain_function_is_an_attack_too(levels: Dataset) -> None:
    def invert(model, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        return 1 - x

    result = attacked_accuracy(brightness, levels, invert, seed=0)
    assert result.rate.value == 0.0


def test_all_wrong_is_no_error(levels: Dataset) -> None:
    flipped = Dataset(levels.images[1:39], 1 - levels.labels[1:39], levels.classes, "flipped")
    assert pgd_accuracy(brightness, flipped, L2(0.1), steps=1).rate.value == 0.0
    assert pgd_curve(brightness, flipped, "l2", [0.0, 0.1], steps=1).smallest.sum() == 0


def test_results_do_not_depend_on_the_batch_size_without_random_draws(levels: Dataset) -> None:
    a, b = (attacked_accuracy(brightness, levels, bind(fgsm, Linf(0.1)), seed=0, batch_size=size)
            for size in (3, 40))  # fmt: skip
    assert [r.attacked for r in a.records] == [r.attacked for r in b.records]


def test_records_are_written_one_line_an_image(levels: Dataset, tmp_path: Path) -> None:
    result = accuracy(brightness, levels)
    result.write(tmp_path / "deep" / "records.jsonl")
    head, *lines = (tmp_path / "deep" / "records.jsonl").read_text().splitlines()
    assert json.loads(head) == {"header": {"name": "clean accuracy"}}
    assert len(lines) == 40
    assert set(json.loads(lines[3])) == {
        "index", "label", "clean", "attacked", "margin", "distance", "by", "step", "not_finite",
    }  # fmt: skip
    assert Evaluation.read(tmp_path / "deep" / "records.jsonl") == result


def test_curve_never_rises_and_finds_the_smallest_radius(levels: Dataset) -> None:
    radii = [0.0, 0.081, 0.101, 0.121, 0.2]
    curve = pgd_curve(brightness, levels, "linf", radii, steps=5)
    values = [rate.value for rate in curve.rates]
    assert values == sorted(values, reverse=True)
    assert values[0] == 38 / 40
    assert values[-1] == 0.0
    want = needed(levels)
    for i in range(1, 39):
        at = float(curve.smallest[i])
        assert at >= float(want[i])
        assert at == min(r for r in radii if r > float(want[i]))


def test_curve_agrees_with_pgd_at_each_radius(trained) -> None:
    pixels = (trained.x * 255).round().to(torch.uint8)
    data = Dataset(pixels, trained.y, tuple("0123456789"), "part")
    curve = pgd_curve(trained.model, data, "l2", [0.25, 0.5, 1.0], steps=10)
    for eps, rate in zip(curve.radii, curve.rates, strict=True):
        alone = pgd_accuracy(trained.model, data, L2(eps), steps=10).rate
        assert rate.value <= alone.value + 2 / rate.n


@pytest.mark.parametrize("radii", [[], [0.2, 0.1], [0.1, 0.1]])
def test_curve_refuses_radii(levels: Dataset, radii: list[float]) -> None:
    with pytest.raises(InputError, match="radii"):
        pgd_curve(brightness, levels, "linf", radii)


def test_labels_beyond_the_model_are_refused() -> None:
    data = load("fashion", "test").take(20)
    with pytest.raises(InputError, match="label 9 for a model with 2 classes"):
        accuracy(brightness, data)


def test_data_follow_the_model(trained, levels: Dataset) -> None:
    assert on_device_of(trained.model, levels).images.device == torch.device("cpu")
    assert on_device_of(brightness, levels) is levels
    assert on_device_of(torch.nn.Identity(), levels) is levels


def test_the_attack_is_the_one_named(trained) -> None:
    assert str(bind(pgd, L2(0.5), steps=3)) == "pgd l2 eps 0.5, steps 3, restarts 1"


@pytest.mark.parametrize("size", [1, 3, 40, 99])
def test_each_record_says_what_happened_to_its_image(levels: Dataset, size: int) -> None:
    """Grey level g moves by 1/8 towards the other class: the margin grows by 1/4, to the bit."""
    result = attacked_accuracy(brightness, levels, bind(fgsm, Linf(0.125)), seed=0, batch_size=size)
    assert result.name == "accuracy under fgsm linf eps 0.125"
    for i, record in enumerate(result.records):
        grey = float(levels.images[i].max()) / 255
        label, clean = int(levels.labels[i]), int(grey > 0.5)
        margin = 2 * abs(grey - 0.5) * (1 if clean != label else -1)
        broken = clean == label and margin + 0.25 > 0
        assert (record.index, record.label, record.clean) == (i, label, clean)
        assert record.attacked == (1 - clean if broken else clean)
        assert record.margin == pytest.approx(margin + 0.25 * broken, abs=1e-6)
        assert record.distance == pytest.approx(0.125 * broken, abs=1e-6)
        by, step = {0: ("", -1), 1: ("fgsm", 1)}[broken]
        expected = (by, step) if clean == label else ("as it is", 0)
        assert (record.by, record.step) == expected


def test_the_records_of_images_as_they_are(levels: Dataset) -> None:
    result = accuracy(brightness, levels, batch_size=7)
    assert result.name == "clean accuracy"
    assert result.clean == result.rate
    for i, record in enumerate(result.records):
        wrong = i in (0, 39)
        assert record.attacked == record.clean == int(levels.images[i].max() > 127)
        assert (record.index, record.distance) == (i, 0.0)
        assert (record.by, record.step) == (("as it is", 0) if wrong else ("", -1))
        margin = abs(2 * float(levels.images[i].max()) / 255 - 1) * (1 if wrong else -1)
        assert record.margin == pytest.approx(margin, abs=1e-6)


def test_a_function_is_judged_by_the_decision_and_has_no_distance(levels: Dataset) -> None:
    def brighter(model, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        return (x + 0.13).clamp(0, 1)

    result = attacked_accuracy(brightness, levels, brighter, seed=0, batch_size=9)
    fooled = [i for i in range(1, 20) if levels.images[i].max() / 255 + 0.13 > 0.5]
    held = [i for i in range(40) if i not in (0, 39, *fooled)]
    assert [r.index for r in result.records if not r.by] == held
    assert {r.step for r in result.records if r.index in fooled} == {0}
    assert {r.by for r in result.records if r.index in fooled} == {"brighter"}
    assert {r.distance for r in result.records} == {0.0}


def test_every_batch_draws_anew_from_its_images_alone(levels: Dataset) -> None:
    """The same seed, the same start for an image, whatever batch it is in."""
    starts: dict[int, set[float]] = {}

    def watched(model, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        drawn = torch.rand((), generator=generator)
        for image in x:
            starts.setdefault(round(float(image.max()) * 255), set()).add(float(drawn))
        return x

    for seed, size in ((0, 5), (0, 40), (1, 40)):
        attacked_accuracy(brightness, levels, watched, seed=seed, batch_size=size)
    assert len({frozenset(drawn) for drawn in starts.values()}) == 1
    assert {len(drawn) for drawn in starts.values()} == {2}  # one for each seed
    assert len(starts) == 38  # those that are wrong already are not attacked


def test_a_curve_follows_from_the_smallest_radii() -> None:
    smallest = torch.tensor([0.0, 0.5, torch.inf, 1.0], dtype=torch.float64)
    curve = Curve.of("name", [0.0, 0.25, 0.5, 1.0], smallest)
    assert curve.name == "name"
    assert curve.radii == (0.0, 0.25, 0.5, 1.0)
    assert [rate.value for rate in curve.rates] == [0.75, 0.75, 0.5, 0.25]
    assert [rate.n for rate in curve.rates] == [4] * 4
    assert torch.equal(curve.smallest, smallest)


def test_one_minimum_norm_run_gives_the_whole_curve(levels: Dataset) -> None:
    """Fgsm of l-inf 1 goes from g to the wall, and what it breaks is as far as it went."""
    radii = [0.0, 0.1, 0.7, 1.0]
    curve = minimum_norm_curve(brightness, levels, bind(fgsm, Linf(0.11)), radii, batch_size=6)
    broken = needed(levels) < 0.11
    expected = torch.where(broken, 0.11, torch.inf).double()
    expected[[0, 39]] = 0.0
    assert torch.allclose(curve.smallest, expected, atol=1e-6)
    held = 38 - int(broken[1:39].sum())
    assert [rate.value for rate in curve.rates] == [38 / 40, 38 / 40, held / 40, held / 40]
    assert curve.name == "accuracy under fgsm linf eps 0.11"


def test_an_image_broken_at_a_radius_is_not_attacked_above_it(levels: Dataset) -> None:
    met: list[tuple[float, int]] = []

    def counting(model, x, y, ball, *, strength=1.0, generator):
        met.append((ball.eps, len(x)))
        return fgsm(model, x, y, Linf(ball.eps * strength))

    def found(model, x, y, ball, *, strength=1.0, generator):
        met.append((ball.eps, len(x)))
        return fgsm.found(model, x, y, Linf(ball.eps * strength))

    counting.found = found
    radii = [0.0, 0.1, 0.12, 0.9]
    curve = robustness_curve(
        brightness, levels, "linf", radii, method=counting, batch_size=40, strength=1.0
    )
    want = needed(levels)[1:39]
    left = [38, int((want > 0.1).sum()), int((want > 0.12).sum())]
    assert met == [*zip(radii[1:], left, strict=True)]
    assert curve.name == "accuracy under counting linf, strength 1.0"
    assert curve.smallest.dtype == torch.float64
    assert [rate.value * 40 for rate in curve.rates] == [38, left[1], left[2], 0]


@pytest.mark.parametrize(
    ("shape", "words"),
    [((5,), r"shape \(5,\) for 5 images"), ((5, 2, 1), r"shape \(5, 2, 1\)"), ((4, 2), "5 images")],
)
def test_only_a_row_of_logits_an_image_is_counted(shape: tuple[int, ...], words: str) -> None:
    x, y = torch.zeros(5, 1, 2, 2), torch.zeros(5, dtype=torch.int64)
    with pytest.raises(InputError, match=words):
        checked_logits(lambda x: torch.zeros(shape), x, y)


def test_logits_and_labels_must_fit() -> None:
    x, z = torch.zeros(3, 1, 2, 2), torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    y = torch.tensor([1, 0, 0])
    assert torch.equal(checked_logits(lambda x: z, x, y), z)
    with pytest.raises(InputError, match=r"label 2 for a model with 2 classes.*from 0 to 1"):
        checked_logits(lambda x: z, x, y + 1)
    z[:2, 1] = torch.tensor([torch.nan, torch.inf])
    with pytest.warns(Doubtful, match=r"not finite for 2 of 3 images, which count as wrong"):
        checked = checked_logits(lambda x: z, x, y)
    assert checked[:2].isnan().all()
    assert torch.equal(checked[2], z[2])


def test_rates_of_hits() -> None:
    assert Rate.of(torch.tensor([True, True, False])) == Rate.share(2, 3)
    assert Rate.share(2, 3) == Rate(2 / 3, *clopper_pearson(2, 3, 0.05), 3)


def test_a_curve_draws_by_its_seed_and_its_radii(levels: Dataset) -> None:
    """Points drawn at random fool by luck, and luck has a seed."""
    radii = [0.3, 0.6]

    def smallest(seed: int, **changes: int) -> list[float]:
        curve = pgd_curve(brightness, levels, "linf", radii, steps=0, seed=seed, **changes)
        return curve.smallest.tolist()

    assert smallest(0) == smallest(0, batch_size=7) != smallest(1)
    drawn: list[float] = []

    def draws(model, x, y, ball, *, generator):
        drawn.append(float(torch.rand((), generator=generator)))
        return fgsm(model, x, y, Linf(0.0))

    def found(model, x, y, ball, *, generator):
        drawn.append(float(torch.rand((), generator=generator)))
        return fgsm.found(model, x, y, Linf(0.0))

    draws.found = found
    for seed in (0, 0, 1):
        robustness_curve(brightness, levels, "linf", radii, method=draws, seed=seed)
    assert drawn[:2] == drawn[2:4]
    assert len(set(drawn)) == 4


def test_pgd_accuracy_takes_twenty_steps_from_one_start(levels: Dataset) -> None:
    name = pgd_accuracy(brightness, levels, Linf(0.01)).name
    assert name == "accuracy under pgd linf eps 0.01, steps 20, restarts 1"


def test_an_ensemble_moves_the_bar_inside_a_batch(
    trained, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    images = (trained.x[:12] * 255).round().to(torch.uint8)
    data = Dataset(images, trained.y[:12], tuple("0123456789"), "part")
    within = L2(0.01)  # most hold
    parts = (bind(fgsm, within), bind(pgd, within, steps=2), bind(square, within, queries=8))
    attacked_accuracy(trained.model, data, worst_of(*parts), seed=0, batch_size=6)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("worst of")]
    shares = [line.split(": ")[1].split(",")[0] for line in lines]
    assert shares == ["0%", "0%", "17%", "33%", "50%", "50%", "67%", "83%", "100%"]
    for line, name in zip(lines[1:4] + lines[5:8], ("fgsm", "pgd", "square") * 2, strict=True):
        assert f", {name}" in line

"""Measuring: rates against known answers, records per image, curves that never rise."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from robustlens.attacks import bind, fgsm, pgd
from robustlens.balls import L2, Linf
from robustlens.bounds import clopper_pearson
from robustlens.data import Dataset, load
from robustlens.errors import InputError
from robustlens.evaluation import (
    Evaluation,
    Rate,
    accuracy,
    attacked_accuracy,
    on_device_of,
    pgd_accuracy,
    pgd_curve,
)


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

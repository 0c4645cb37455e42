"""Few images and many: the sets, what is read off the curves, the rules of both studies."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from robustlens.data import Dataset, load
from robustlens.errors import InputError
from robustlens.evaluation import Rate
from robustlens.figures import save_pictures
from robustlens.radii import parse_eps
from robustlens.registry import Bench, run
from robustlens.result import Number, Verdict
from robustlens.streams import stream
from robustlens.studies import standard_accuracy_curve as curve
from robustlens.studies.data_efficiency import study as efficiency
from robustlens.studies.data_efficiency.measures import Extra, Measured, Seen
from robustlens.studies.data_efficiency.needed import Needed, compare, gap, needed
from robustlens.studies.kit.gaussian_images import gaussian_draws, gaussian_images
from robustlens.studies.kit.samples import (
    GENERATED,
    NOISE,
    STANDARD,
    TINY_GRID,
    Cell,
    Grid,
    Nets,
    repeated,
)


@pytest.fixture
def nets(tmp_path: Path) -> Nets:
    return Nets(TINY_GRID, load("fashion"), Bench(tmp_path / "models", torch.device("cpu")), 0)


def same(a: Dataset, b: Dataset) -> bool:
    return torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels)


def rows(data: Dataset) -> set[bytes]:
    return {image.numpy().tobytes() for image in data.images}


def test_small_sets_are_in_the_large_ones_and_draws_differ(nets: Nets) -> None:
    small, large, other = (nets.images(Cell(n, d, "0")) for n, d in ((50, 0), (200, 0), (50, 1)))
    assert rows(small) < rows(large)
    assert len(rows(small) & rows(other)) < 5
    assert torch.bincount(small.labels).tolist() == [5] * 10


def test_all_sets_have_one_length_and_are_stored_once(nets: Nets) -> None:
    cell = Cell(50, 0, "1.5")
    folder = nets.folder(cell)
    stored = load(str(folder))
    assert same(stored, repeated(nets.images(cell), 200))
    assert folder == nets.folder(Cell(50, 0, STANDARD)) != nets.folder(Cell(50, 1, STANDARD))
    before = (folder / "images.npy").stat().st_mtime_ns
    nets.folder(cell)
    assert (folder / "images.npy").stat().st_mtime_ns == before
    assert same(load(str(folder), "test"), load("fashion", "test"))


def test_half_of_a_generated_set_is_real(nets: Nets) -> None:
    cell = Cell(50, 0, "1.5", GENERATED)
    stored, real = load(str(nets.folder(cell))), rows(nets.images(cell))
    assert len(stored) == 200
    assert sum(image.numpy().tobytes() in real for image in stored.images) == 100
    assert torch.bincount(stored.labels).tolist() == [20] * 10


def test_recipes_differ_in_the_loss_and_the_images_alone(nets: Nets) -> None:
    robust, standard, noise = (
        nets.recipe(cell)
        for cell in (Cell(50, 0, "1.5"), Cell(50, 0, STANDARD), Cell(50, 0, "1.5", NOISE))
    )
    assert [r.loss for r in (robust, standard, noise)] == ["adversarial", "standard", "noise"]
    assert robust.data == standard.data == noise.data
    assert robust.training == standard.training == noise.training
    assert noise.sigma == pytest.approx(parse_eps("1.5") / 28)
    assert nets.recipe(Cell(50, 1, "1.5")).seed == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sizes": (300, 100)}, "grid.sizes"),
        ({"length": 5000}, "grid.length"),
        ({"draws": (1, 1)}, "grid.draws"),
        ({"radii": ("0", "1.5")}, "grid.radii"),
    ],
)
def test_a_grid_refuses_what_does_not_work(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Grid(**settings)


def test_images_can_be_made_up_from_one_size_of_the_grid_only() -> None:
    with pytest.raises(InputError, match="--generated"):
        efficiency.Config(generated=77)


def test_gaussian_draws_have_the_mean_and_covariance_of_the_points(
    generator: torch.Generator,
) -> None:
    real = torch.randn(7, 3, generator=generator).double() * torch.tensor([1.0, 2.0, 0.5])
    drawn = gaussian_draws(real, 200_000, stream(0, "test"))
    assert torch.allclose(drawn.mean(dim=0), real.mean(dim=0), atol=0.02)
    assert torch.allclose(drawn.T.cov(), real.T.cov(), rtol=0.03, atol=0.03)


def test_made_up_images_are_labelled_and_new(nets: Nets) -> None:
    real = nets.images(Cell(50, 0, STANDARD))
    made = gaussian_images(real, 33, stream(0, "test"))
    assert torch.bincount(made.labels).tolist() == [4, 4, 4] + [3] * 7
    assert not rows(made) & rows(real)
    assert same(made, gaussian_images(real, 33, stream(0, "test")))
    with pytest.raises(InputError, match="at least 10"):
        gaussian_images(real, 9, stream(0, "test"))
    with pytest.raises(InputError, match="at least two"):
        gaussian_images(real.take(10), 20, stream(0, "test"))


def test_the_needed_images_are_read_off_over_log_n() -> None:
    sizes = (100, 1000, 10000)
    assert needed(sizes, (0.1, 0.5, 0.6), 0.1, 0.8) == pytest.approx(1000)
    assert needed(sizes, (0.1, 0.5, 0.6), 0.1, 0.4) == pytest.approx(math.sqrt(1e5))
    assert needed(sizes, (0.59, 0.5, 0.6), 0.1, 0.9) == 100
    assert needed(sizes, (0.05, 0.05, 0.05), 0.1, 0.9) == 10000


def hits(*accuracies: float, n: int = 1000) -> Tensor:
    """One row of right answers for each accuracy, the same images first."""
    return torch.stack([(torch.arange(n) < round(a * n)).double() for a in accuracies])


def test_two_curves_are_compared_with_intervals() -> None:
    sizes, fast, slow = (100, 1000, 10000), hits(0.7, 0.8, 0.8), hits(0.2, 0.4, 0.7)
    found = compare(sizes, slow, fast, 0.1, 0.9, seed=0)
    assert found == compare(sizes, slow, fast, 0.1, 0.9, seed=0)
    assert found.robust.value == pytest.approx(needed(sizes, (0.2, 0.4, 0.7), 0.1, 0.9))
    assert found.ratio.value == pytest.approx(found.robust.value / found.standard.value)
    assert 1 < found.ratio.low < found.ratio.value < found.ratio.high
    alike = compare(sizes, slow, slow, 0.1, 0.9, seed=0).ratio
    assert (alike.low, alike.high) == (1, 1)


def test_the_gap_holds_what_both_intervals_allow() -> None:
    found = gap(Rate.share(90, 100), Rate.share(600, 1000))
    assert found.value == pytest.approx(0.3)
    assert found.low < 0.3 - 0.05 < 0.3 + 0.05 < found.high
    assert found.n == 100


def gained(*draws: float, half: float = 0.01) -> curve.Gain:
    value = sum(draws) / len(draws)
    return curve.Gain(Number(value, value - half, value + half, 1000), draws)


UP, DOWN = gained(0.04, 0.06), gained(-0.05)


@pytest.mark.parametrize(
    ("few", "many", "verdict"),
    [
        ([UP, DOWN], [DOWN, DOWN], Verdict.REPRODUCED),
        ([DOWN, DOWN], [DOWN, DOWN], Verdict.NOT_REPRODUCED),  # it never helps
        ([UP, UP], [DOWN, UP], Verdict.NOT_REPRODUCED),  # it does not always hurt
        ([gained(0.08, -0.01)], [DOWN], Verdict.NOT_REPRODUCED),  # in one draw only
        ([gained(0.01, 0.02, half=0.03)], [DOWN], Verdict.NOT_REPRODUCED),  # unsure
    ],
)
def test_the_rule_of_the_standard_accuracy_curve(
    few: list[curve.Gain], many: list[curve.Gain], verdict: Verdict
) -> None:
    assert curve.judge(few, many) is verdict


def test_a_gain_is_paired_and_wider_for_several_at_once() -> None:
    mine, standard = hits(0.7, 0.6), hits(0.6, 0.6)
    one, two = (curve.gain(mine, standard, together) for together in (1, 2))
    assert one.draws == pytest.approx((0.1, 0.0))
    assert one.mean.value == pytest.approx(0.05)
    assert two.mean.low < one.mean.low < 0.05 < one.mean.high < two.mean.high


def number(value: float) -> Number:
    return Number(value, value - 0.05, value + 0.05, 100)


def found(ratio: float, robust: float, standard: float, made: float) -> Measured:
    sizes = Grid().sizes
    seen = {
        eps: {n: Seen(hits(0.5), hits(0.5), number(value)) for n in sizes}
        for eps, value in (("1.5", robust), (STANDARD, standard))
    }
    need = Needed(number(400), number(200), Number(ratio, ratio - 0.2, ratio + 0.2, 100))
    extra = {"1.5": Extra(hits(0.4)[0], hits(made)[0], hits(0.6)[0])}
    return Measured(seen, need, extra, Rate.share(20, 50))


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (found(2.0, 0.4, 0.2, 0.45), Verdict.REPRODUCED),
        (found(1.1, 0.4, 0.2, 0.45), Verdict.NOT_REPRODUCED),  # as many images do
        (found(2.0, 0.25, 0.2, 0.45), Verdict.NOT_REPRODUCED),  # it carries over as well
        (found(2.0, 0.4, 0.2, 0.6), Verdict.NOT_REPRODUCED),  # no real images are needed
    ],
)
def test_the_rule_of_data_efficiency(measured: Measured, verdict: Verdict) -> None:
    assert efficiency.judge(measured, Grid()) is verdict


@pytest.mark.slow  # both train a few small nets, the same ones
def test_both_studies_repeat_themselves_and_share_their_nets(tmp_path: Path) -> None:
    for module in (curve, efficiency):
        study = module.STUDY
        config = study.presets["tiny"]
        first = run(study, "tiny", config, folder=tmp_path)
        trained = {path.name for path in (tmp_path / "models").iterdir()}
        second = run(study, "tiny", config, folder=tmp_path)
        assert first.numbers == second.numbers
        save_pictures(first.figures, tmp_path / study.id)
        assert list((tmp_path / study.id).glob("*.png"))
        if module is curve:
            shared = trained
    kinds = {name.rsplit("-", 1)[0] for name in trained - shared}
    assert len(trained - shared) == 2, kinds  # with made-up images, twice

"""The transfer matrix, rank correlations, families of nets, and the study of the talk's plot."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy.stats import permutation_test, spearmanr

from robustlens.attacks import bind, pgd
from robustlens.balls import L2
from robustlens.data import Dataset
from robustlens.errors import InputError, UnknownName
from robustlens.evaluation import Rate, TransferMatrix, transfer_matrix
from robustlens.figures import save_pictures
from robustlens.nets import SmallCNN
from robustlens.registry import run
from robustlens.result import Number, Verdict
from robustlens.streams import initialised, stream
from robustlens.studies.kit.families import BATCH_NORM, FAMILIES, SIZES, members
from robustlens.studies.kit.presets import QUICK, TINY
from robustlens.studies.kit.ranks import MOST, RankCorrelation, rank_correlation
from robustlens.studies.transferability_plot import study as plot
from robustlens.studies.transferability_plot.pictures import bars, scatter

# The matrix


@pytest.fixture
def data(trained: Any) -> Dataset:
    stored = (trained.x * 255).round().to(torch.uint8)
    return Dataset(stored, trained.y, tuple("0123456789"), "part")


def test_the_diagonal_is_the_attack_and_the_labels_are_counted(trained: Any, data: Dataset) -> None:
    other = initialised(5, lambda: SmallCNN(width=4)).eval()
    attack = bind(pgd, L2(1.0), steps=10)
    table = transfer_matrix({"a": trained.model, "b": other}, data, attack, seed=0)
    assert (table.sources, table.targets) == (("a", "b"), ("a", "b"))
    x = data.images.float() / 255
    g = stream(0, "transfer", "a")
    moved = attack.worst().found(trained.model, x, data.labels, g).images
    with torch.no_grad():
        said = trained.model(moved).argmax(dim=1)
        right = trained.model(x).argmax(dim=1) == data.labels
    expected = Rate.of((said != data.labels)[right])
    assert table.rate("a", "a") == expected
    assert expected.value > 0.3
    assert table.accuracy("a") == Rate.of(right)
    assert [(p.source, p.target) for p in table.pairs()] == [
        ("a", "a"), ("a", "b"), ("b", "a"), ("b", "b"),
    ]  # fmt: skip
    assert table.heights().shape == (2, 2)
    assert float(table.heights()[0, 0]) == expected.value
    assert str(table).splitlines()[0] == "| made on \\ shown to | a | b |"
    assert str(expected) in str(table).splitlines()[2]
    again = transfer_matrix(
        {"a": trained.model, "b": other}, data, attack, seed=0, batch_size=25
    )  # fmt: skip
    assert torch.equal(again.attacked, table.attacked)


def test_what_a_target_gets_wrong_anyway_is_no_success() -> None:
    labels = torch.tensor([0, 0, 1, 1])
    clean = torch.tensor([[0, 1, 1, 1]])  # wrong on the second as it is
    attacked = torch.tensor([[[1, 1, 1, 0]]])
    table = TransferMatrix("attack", ("s",), ("t",), labels, clean, attacked)
    assert table.rate("s", "t") == Rate.share(2, 3)
    with pytest.raises(InputError, match="no image that t gets right"):
        replace(table, clean=1 - labels[None]).rate("s", "t")
    with pytest.raises(UnknownName, match="unknown source 'x'"):
        table.rate("x", "t")
    with pytest.raises(UnknownName, match="unknown target 'x'"):
        table.accuracy("x")


def test_models_that_are_not_there_are_refused(trained: Any, data: Dataset) -> None:
    attack = bind(pgd, L2(1.0), steps=1)
    with pytest.raises(InputError, match="no models"):
        transfer_matrix({}, data, attack, seed=0)
    with pytest.raises(UnknownName, match="unknown source 'b'"):
        transfer_matrix({"a": trained.model}, data, attack, sources=["b"], seed=0)
    assert len(transfer_matrix({"a": trained.model, "b": trained.model}, data, attack,
                               sources=["b"], seed=0).sources) == 1  # fmt: skip


# Ranks


@pytest.mark.parametrize("seed", range(6))
def test_rank_correlation_is_scipys(seed: int) -> None:
    g = stream(seed, "ranks")
    n = 4 + seed % 4
    x = torch.randint(6, (n,), generator=g).tolist()  # with ties
    y = torch.rand(n, generator=g).tolist()
    got = rank_correlation(x, y)
    assert got.rho == pytest.approx(spearmanr(x, y).statistic)
    exact = permutation_test(
        (x,), lambda a: spearmanr(a, y).statistic, permutation_type="pairings",
        alternative="greater", n_resamples=float("inf"),
    )  # fmt: skip
    assert got.p == pytest.approx(exact.pvalue)


def test_rank_correlation_at_the_ends() -> None:
    assert rank_correlation([1, 2, 3, 4, 5], [2, 3, 5, 7, 11]) == (1, pytest.approx(1 / 120))
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == (-1, 1)
    assert rank_correlation([1, 1, 1], [3, 2, 1]) == RankCorrelation(0, 1)
    with pytest.raises(InputError, match="compare fewer"):
        rank_correlation(range(MOST + 1), range(MOST + 1))
    with pytest.raises(InputError, match="pairs"):
        rank_correlation([1, 2], [1, 2, 3])


# Families


def test_all_families_are_there_in_all_sizes_and_can_be_built() -> None:
    assert len(FAMILIES) >= 5
    assert all(tuple(sizes) == FAMILIES for sizes in SIZES.values())
    data = TINY.dataset()
    for name, recipe in members(TINY, "tiny", FAMILIES).items():
        net = recipe.architecture(data).build()
        has = any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())
        assert has == (name in BATCH_NORM)
        assert recipe.training.epochs == TINY.training.epochs
    assert members(QUICK, "quick", ["small"])["small"] == QUICK
    assert members(QUICK, "quick", ["vgg"])["vgg"].training.lr == pytest.approx(0.02)
    with pytest.raises(UnknownName, match="unknown net 'vit'"):
        members(QUICK, "quick", ["vit"])
    with pytest.raises(UnknownName, match="unknown size 'huge'"):
        members(QUICK, "huge", ["small"])


# The study


def number(value: float, half: float = 0.02) -> Number:
    return Number(value, value - half, value + half, 1000)


@pytest.mark.parametrize(
    ("ranks", "success", "blank", "verdict"),
    [
        (RankCorrelation(0.9, 0.01), 0.5, 0.1, Verdict.REPRODUCED),
        (RankCorrelation(0.6, 0.10), 0.5, 0.1, Verdict.NOT_REPRODUCED),  # may be by chance
        (RankCorrelation(-0.9, 0.99), 0.5, 0.1, Verdict.NOT_REPRODUCED),
        (RankCorrelation(0.9, 0.01), 0.5, 0.48, Verdict.NOT_REPRODUCED),  # any change does it
    ],
)
def test_the_rule(ranks: RankCorrelation, success: float, blank: float, verdict: Verdict) -> None:
    assert (
        plot.judge(ranks, [number(0.8), number(success)], [number(0.1), number(blank)]) is verdict
    )


def measured(name: str, learned: float, fooled: float, n: int = 400) -> plot.Measured:
    at = torch.arange(n)
    return plot.Measured(
        name, at < learned * n, torch.ones(n, dtype=torch.bool), at.flip(0) < fooled * n
    )


def test_the_interval_of_the_rank_correlation_is_about_test_images() -> None:
    apart = [measured(str(i), 0.1 + 0.15 * i, 0.2 + 0.15 * i) for i in range(5)]
    ranks = plot._ranks(apart)
    assert ranks.rho == 1
    sure = plot._with_interval(ranks, apart, seed=0)
    assert sure.low > 0.8
    close = [measured(str(i), 0.3 + 0.002 * i, 0.3 + 0.002 * i) for i in range(5)]
    unsure = plot._with_interval(plot._ranks(close), close, seed=0)
    assert unsure.low < sure.low
    assert unsure == plot._with_interval(plot._ranks(close), close, seed=0)


def test_pictures_can_be_drawn(tmp_path: Path) -> None:
    rates = [Rate.share(k, 100) for k in (20, 40, 60)]
    labels = torch.zeros(100, dtype=torch.int64)
    ones = (torch.arange(100) < 30).long()
    table = TransferMatrix(
        "a", ("s", "c"), ("x", "y"), labels, torch.zeros(2, 100, dtype=torch.int64),
        torch.stack([torch.stack([ones, ones]), torch.zeros(2, 100, dtype=torch.int64)]),
    )  # fmt: skip
    points = [(name, rate, rate) for name, rate in zip("xyz", rates, strict=True)]
    save_pictures((scatter(points), bars(table, "s", "c", ["x", "y"])), tmp_path)
    assert len(list(tmp_path.glob("*.png"))) == 4


@pytest.mark.slow
def test_the_study_repeats_itself_and_drops_nothing(tmp_path: Path) -> None:
    config = plot.STUDY.presets["tiny"]
    first = run(plot.STUDY, "tiny", config, folder=tmp_path)
    second = run(plot.STUDY, "tiny", config, folder=tmp_path)
    assert first.numbers == second.numbers
    for name in config.nets:
        assert sum(key.startswith(f"{name},") for key in first.numbers) == 4
    save_pictures(first.figures, tmp_path / "pictures")

"""The study of features: its rule, its numbers, its pictures, and that it can fail."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from robustlens.data import load
from robustlens.errors import InputError
from robustlens.evaluation import Rate
from robustlens.figures import save_pictures
from robustlens.registry import run
from robustlens.result import Result, Verdict
from robustlens.streams import stream
from robustlens.studies.features_model import images
from robustlens.studies.features_model.gaussian import model
from robustlens.studies.features_model.study import STUDY, Config, judge
from robustlens.theory.linear_features import LinearFeatures
from robustlens.theory.usefulness import Kind, Score, Usefulness

TINY: Config = STUDY.presets["tiny"]
BLANK = torch.zeros(3, 4)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run(STUDY, "tiny", TINY, folder=tmp_path_factory.mktemp("study"))


def test_both_kinds_of_features_are_found(result: Result) -> None:
    assert result.verdict == Verdict.REPRODUCED
    assert next(iter(result.numbers)).startswith("maximum likelihood: share of its margin")
    value = {name: number.value for name, number in result.numbers.items()}
    assert value["robust rule, l-inf: share of its margin from non-robust features"] == 0
    assert value["images: robustly useful components"] >= 1
    assert value["images: useful, not robust components"] >= 1
    assert value["images, rule of the fine components: gamma, l2 0.5"] < 0
    assert set(result.provenance.data) == {"fashion", "fashion, training"}


def test_noise_and_robust_training_agree(result: Result) -> None:
    value = {name: number.value for name, number in result.numbers.items()}
    trained = value["robust rule, l2: share of its margin from non-robust features"]
    noisy = value["the same under that noise: share of its margin from non-robust features"]
    assert noisy == pytest.approx(trained)


@pytest.mark.slow
def test_the_same_config_gives_the_same_numbers(result: Result, tmp_path: Path) -> None:
    assert run(STUDY, "tiny", TINY, folder=tmp_path).numbers == result.numbers
    other = replace(TINY, dimension=9, components=25, shown=2, seed=1)
    assert run(STUDY, "tiny", other, folder=tmp_path).numbers != result.numbers


@pytest.mark.slow
def test_pictures_can_be_drawn(result: Result, tmp_path: Path) -> None:
    assert [figure.name for figure in result.figures] == [
        "rho-gamma", "gamma-eps", "weights", "noise", "components", "rules",
    ]  # fmt: skip
    save_pictures(result.figures, tmp_path)
    assert len(list(tmp_path.glob("*.png"))) >= 6


def known(value: float) -> Usefulness:
    return Usefulness(value, value - 0.05, value + 0.05, 400)


ROBUST, FRAGILE = Score(known(0.5), known(0.3)), Score(known(0.5), known(-0.3))
OPEN, USELESS = Score(known(0.5), known(0.0)), Score(known(0.0), known(-1.0))


def measured(*scores: Score, robust: Score = ROBUST, alarms: int = 2) -> images.Measured:
    return images.Measured(
        ("a", "b"), BLANK, (1, 2, 2), list(scores), OPEN, robust, FRAGILE, Rate.share(alarms, 100)
    )


@pytest.mark.parametrize(
    ("right", "shares", "found", "verdict"),
    [
        (60, (0.6, 0.4, 0.0), measured(ROBUST, FRAGILE, USELESS), Verdict.REPRODUCED),
        (60, (0.6, 0.4, 0.0), measured(ROBUST, FRAGILE, alarms=8), Verdict.REPRODUCED),
        (59, (0.6, 0.4, 0.0), measured(ROBUST, FRAGILE), Verdict.NOT_REPRODUCED),
        (60, (0.4, 0.4, 0.0), measured(ROBUST, FRAGILE), Verdict.NOT_REPRODUCED),
        (60, (0.6, 0.4, 1e-9), measured(ROBUST, FRAGILE), Verdict.NOT_REPRODUCED),
        (60, (0.6, 0.4, 0.0), measured(ROBUST, OPEN, USELESS), Verdict.NOT_REPRODUCED),
        (60, (0.6, 0.4, 0.0), measured(OPEN, FRAGILE), Verdict.NOT_REPRODUCED),
        (60, (0.6, 0.4, 0.0), measured(ROBUST, FRAGILE, robust=OPEN), Verdict.NOT_REPRODUCED),
        (60, (0.6, 0.4, 0.0), measured(ROBUST, FRAGILE, alarms=20), Verdict.NOT_REPRODUCED),
    ],
)
def test_the_rule(right: int, shares: tuple, found: images.Measured, verdict: Verdict) -> None:
    assert judge(Rate.share(right, 60), shares, found) == verdict


def test_random_labels_hold_no_useful_features() -> None:
    """The whole pipeline, fitting included, on labels that say nothing of the images."""
    train, test = (images.points(load("fashion", part), (2, 4)) for part in ("train", "test"))
    wrong = [
        part._replace(y=part.y[torch.randperm(len(part.y), generator=stream(0, name))])
        for name, part in (("train", train), ("test", test))
    ]
    found = images.measure(*wrong, ("a", "b"), count=30, coarse=10, eps=0.05, draws=10, seed=0)
    assert not found.of(Kind.ROBUST)
    assert not found.of(Kind.NON_ROBUST)
    assert judge(Rate.share(60, 60), (0.6, 0.4, 0.0), found) == Verdict.NOT_REPRODUCED


def test_components_are_orthonormal_and_uncorrelated() -> None:
    x = torch.randn(50, 8, generator=stream(0, "x"), dtype=torch.float64)
    rows = images.components(x, 5)
    assert torch.allclose(rows @ rows.T, torch.eye(5).double())
    values = LinearFeatures.of_data(rows, x)(x)
    assert torch.allclose(values.T @ values / 50, torch.eye(5).double(), atol=1e-9)
    spread = (x @ rows.T).var(dim=0)
    assert bool((spread.diff() < 0).all())
    # usefulness adds in squares: features that are not correlated share nothing
    y = torch.tensor([1.0, -1.0]).double().repeat(25)
    points = images.Points(x + y[:, None], y, (1, 2, 4))
    rows = images.components(points.x, 5)
    rho = images.fitted(rows, points)(points.x).T @ y / 50
    best = images.fitted(images.rules(rows, points, 0.0)[:1], points)(points.x).T @ y / 50
    assert float(best) == pytest.approx(float(rho.norm()))


def test_the_model_has_all_three_kinds() -> None:
    made = model(30, 0.5, 0)
    counts = [len(made.of(wanted)) for wanted in (Kind.ROBUST, Kind.NON_ROBUST, Kind.USELESS)]
    assert sum(counts) == 30
    assert counts[2] == 10
    assert min(counts) > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dimension": 2}, "--dimension"),
        ({"eps": 0.0}, "--eps"),
        ({"eps": 50.0}, "--eps"),
        ({"noise": ()}, "--noise"),
        ({"noise": (0.0,)}, "--noise"),
        ({"noise": (-1.0, 1.0)}, "--noise"),
        ({"samples": 1}, "--samples"),
        ({"pair": "Pullover"}, "--pair"),
        ({"pair": "Coat,coat"}, "--pair"),
        ({"pair": "Coat,Hat"}, "--pair"),
        ({"components": 900}, "--components"),
        ({"components": 5}, "--coarse"),
        ({"coarse": 0}, "--coarse"),
        ({"pixel_eps": 0.0}, "--pixel-eps"),
        ({"pixel_eps": 50.0}, "--pixel-eps"),
        ({"permutations": 0}, "--permutations"),
        ({"shown": 1}, "--shown"),
    ],
)
def test_wrong_configs_are_refused_by_name(change: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        run(STUDY, "tiny", replace(TINY, **change), folder=tmp_path)

"""The two studies of the Gaussian framework: rules, numbers, pictures, and that they can fail."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from robustlens.errors import InputError
from robustlens.evaluation import Rate
from robustlens.figures import save_pictures
from robustlens.registry import Study, run
from robustlens.result import Result, Verdict
from robustlens.streams import stream
from robustlens.studies import gradient_alignment_theory as turning
from robustlens.studies.gaussian_theory import study as two
from robustlens.studies.kit.gaussian_model import four_point_numbers, plane_classes, reach
from robustlens.theory.gaussian import eigenvalues, robust_gaussian
from robustlens.theory.minmax import Fit, worst_move

STUDIES: list[Study] = [two.STUDY, turning.STUDY]


def tiny(study: Study, folder: Path, **changed: Any) -> Result:
    return run(study, "tiny", replace(study.presets["tiny"], **changed), folder=folder)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    return {study.id: tiny(study, tmp_path_factory.mktemp("study")) for study in STUDIES}


def test_both_claims_are_reproduced(results: dict[str, Result]) -> None:
    assert {result.verdict for result in results.values()} == {Verdict.REPRODUCED}


def test_what_the_robust_rule_gains_and_what_it_costs(results: dict[str, Result]) -> None:
    value = {name: n.value for name, n in results["gaussian-theory"].numbers.items()}
    assert next(iter(value)) == "robust rule: robust accuracy at l2 1"
    assert value["robust rule: robust accuracy at l2 1"] == pytest.approx(0.8583, abs=1e-4)
    assert value["maximum likelihood: robust accuracy at l2 1"] == pytest.approx(0.6553, abs=1e-4)
    assert value["robust rule: standard accuracy"] == pytest.approx(0.9292, abs=1e-4)
    assert value["maximum likelihood: standard accuracy"] == pytest.approx(0.9719, abs=1e-4)
    assert value["attack of l2 1: standard deviations it covers"] > 1.9


def test_the_least_cosines_are_those_of_the_reference(results: dict[str, Result]) -> None:
    numbers = results["gradient-alignment-theory"].numbers
    found = {name: (f"{n.value:.3f}", n.published) for name, n in numbers.items() if n.published}
    assert found == {
        "least cosine at eps 0": ("0.800", "0.80"),
        "least cosine at eps 0.1": ("0.829", "0.829"),
        "least cosine at eps 1": ("0.942", "0.942"),
        "least cosine at eps 10": ("0.998", "0.998"),
    }
    assert numbers["control, Sigma a multiple of I: least cosine"].value == 1


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.id)
def test_the_same_config_gives_the_same_numbers(
    study: Study, results: dict[str, Result], tmp_path: Path
) -> None:
    assert tiny(study, tmp_path).numbers == results[study.id].numbers
    assert tiny(study, tmp_path, seed=1).numbers != results[study.id].numbers


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.id)
def test_pictures_can_be_drawn(study: Study, results: dict[str, Result], tmp_path: Path) -> None:
    figures = results[study.id].figures
    save_pictures(figures, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {f"{figure.name}-{theme}.png" for figure in figures for theme in ("light", "dark")} <= (
        names
    )


def test_the_rule_of_the_trade_needs_every_part() -> None:
    sure = Rate.of(torch.ones(20, dtype=torch.bool))
    good = two.Measured(gain=0.2, loss=0.04, control=0.0, far=0.01, agreeing=sure)
    assert two.judge(good) == Verdict.REPRODUCED
    worse: list[dict[str, Any]] = [
        {"gain": 0.0},
        {"loss": 0.0},
        {"control": 1e-6},
        {"far": 0.031},
        {"agreeing": Rate.of(torch.arange(20) > 0)},
    ]
    for change in worse:
        assert two.judge(good._replace(**change)) == Verdict.NOT_REPRODUCED


def test_the_rule_of_the_cosines_needs_every_part() -> None:
    rows = [turning.Row(eps, c, c, c) for eps, c in ((0.0, 0.8), (1.0, 0.9))]
    assert turning.judge(rows, 1.0) == Verdict.REPRODUCED
    assert turning.judge(rows, 0.999) == Verdict.NOT_REPRODUCED
    assert turning.judge(rows[::-1], 1.0) == Verdict.NOT_REPRODUCED
    for change in ({"searched": 0.90001}, {"trained": 0.911}):
        assert turning.judge([rows[0], rows[1]._replace(**change)], 1.0) == Verdict.NOT_REPRODUCED


def test_where_all_directions_are_alike_the_claim_fails(tmp_path: Path) -> None:
    result = tiny(two.STUDY, tmp_path, variances=(2.0, 2.0))
    assert result.verdict == Verdict.NOT_REPRODUCED


def test_four_points_that_maximum_likelihood_loses_and_another_rule_holds() -> None:
    value = {name.removeprefix("four points, "): n for name, n in four_point_numbers().items()}
    at = "robust accuracy at l2 0.5"
    assert {name: n.value for name, n in value.items()} == {
        "sign(x1): accuracy": 1,
        f"sign(x1): {at}": 1,
        "maximum likelihood: accuracy": 1,
        f"maximum likelihood: {at}": 0,
        "robust fit: accuracy": 1,
        f"robust fit: {at}": 1,
    }


def test_the_reach_of_an_attack_is_that_of_moved_points() -> None:
    classes = plane_classes((2.0, 1.0), (9.0, 0.5), 30.0)
    x, y = classes.sample(200_000, stream(0, "x"))
    move = worst_move(Fit(classes.mean, classes.covariance), y[:, None] * x, 1.0)
    squared = (move * torch.linalg.solve(classes.covariance, move.T).T).sum(dim=1)
    assert reach(classes, 1.0) == pytest.approx(float(squared.mean().sqrt()), rel=1e-2)
    robust = robust_gaussian(classes, 1.0).classes
    assert reach(classes, 0.0) == 0
    assert reach(classes, 1.0) > float(
        (eigenvalues(robust) / eigenvalues(classes)).sqrt().sub(1).square().sum().sqrt()
    )


@pytest.mark.parametrize(
    ("study", "changed", "flag"),
    [
        (two.STUDY, {"variances": (1.0,)}, "--variances"),
        (two.STUDY, {"variances": (1.0, 0.0)}, "--variances"),
        (two.STUDY, {"mean": (0.0, 0.0)}, "--mean"),
        (two.STUDY, {"radius": 50.0}, "--radius"),
        (two.STUDY, {"eps": ()}, "--eps"),
        (two.STUDY, {"eps": (-1.0,)}, "--eps"),
        (two.STUDY, {"checks": 1}, "--points"),
        (turning.STUDY, {"variances": (2.0, 2.0)}, "--variances"),
        (turning.STUDY, {"variances": (-1.0, 2.0)}, "--variances"),
        (turning.STUDY, {"eps": (0.1, 1.0)}, "--eps"),
        (turning.STUDY, {"eps": (0.0, 2.0, 1.0)}, "--eps"),
        (turning.STUDY, {"starts": 0}, "--starts"),
    ],
)
def test_bad_values_are_refused_by_name(
    study: Study, changed: dict[str, Any], flag: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=flag):
        tiny(study, tmp_path, **changed)

"""The studies of sample complexity: their rules, their numbers, their pictures."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from robustlens.errors import InputError
from robustlens.figures import save_pictures
from robustlens.registry import run
from robustlens.result import Verdict
from robustlens.studies import gaussian_sample_complexity as gaussian
from robustlens.studies.linear_vs_threshold import study as cube
from robustlens.studies.linear_vs_threshold.pictures import Needs, Point
from robustlens.theory import Sampled
from robustlens.theory.bernoulli import BernoulliModel

EXACT = Sampled(0.5, 0.01, 100)


@pytest.mark.parametrize("study", [gaussian.STUDY, cube.STUDY], ids=lambda study: study.id)
@pytest.mark.slow
def test_the_claims_hold_with_the_same_numbers_each_time(study: object, tmp_path: Path) -> None:
    assert isinstance(study, type(gaussian.STUDY))
    first, second = (run(study, "tiny", study.presets["tiny"], folder=tmp_path) for _ in range(2))
    assert first.verdict is Verdict.REPRODUCED
    assert first.numbers == second.numbers
    save_pictures(first.figures, tmp_path)
    assert len(list(tmp_path.glob("*.png"))) == 2 * len(first.figures)


def gaussian_case(
    standard: float = 1.0,
    robust: float = 0.0,
    sampled: float = 0.0,
    need: float = 20.0,
    one: float = 0.5,
    exponent: float = 0.5,
) -> Verdict:
    points = [
        gaussian.Point(1, 0.0, standard, Sampled(standard, 0.0, 100)),
        gaussian.Point(1, 0.5, robust, Sampled(robust, 0.0, 100)),
        gaussian.Point(5, 0.5, 0.5 + sampled, EXACT),
    ]
    needs = [gaussian.Need(1e4, 2.0, need, need, 900.0, one)]
    return gaussian.verdict(points, needs, exponent)


def test_each_part_of_the_gaussian_rule_can_fail() -> None:
    assert gaussian_case() is Verdict.REPRODUCED
    failures = (
        gaussian_case(standard=0.94),
        gaussian_case(robust=0.06),
        gaussian_case(sampled=0.05),
        gaussian_case(need=1.0),
        gaussian_case(need=1000.0),
        gaussian_case(one=1.5),
        gaussian_case(exponent=0.4),
        gaussian_case(exponent=0.6),
    )
    assert set(failures) == {Verdict.NOT_REPRODUCED}


def cube_case(
    threshold: float = 1.0,
    limit: float = 0.0,
    sampled: float = 0.0,
    exponent: float = 0.5,
    control: float = 12.0,
) -> Verdict:
    points = [Point(0.1, 0.5 + sampled, EXACT)]
    needs = Needs((1e4, 1e5, 1e6), (13, 37, 105), exponent, 11.0, control)
    return cube.verdict(threshold, limit, points, needs)


def test_each_part_of_the_rule_on_the_cube_can_fail() -> None:
    assert cube_case() is Verdict.REPRODUCED
    failures = (
        cube_case(threshold=0.98),
        cube_case(limit=0.02),
        cube_case(sampled=-0.05),
        cube_case(exponent=0.4),
        cube_case(control=10.0),
    )
    assert set(failures) == {Verdict.NOT_REPRODUCED}


def test_a_slope_is_an_exponent() -> None:
    assert gaussian.slope([1, 10, 100], [3, 30, 300]) == pytest.approx(1)


@pytest.mark.slow
def test_linear_samples_is_the_smallest_odd_number() -> None:
    model = BernoulliModel(10_000, 0.125)
    n = cube.linear_samples(model, 1.5, 0.9)
    assert n % 2 == 1
    values = [model.normal_accuracy(m, 1.5 * 0.125).value for m in (n - 2, n)]
    assert values[0] < 0.9 <= values[1]
    assert cube.linear_samples(model, 0.1, 0.9) == 1
    with pytest.raises(InputError, match="change --part or --share"):
        cube.linear_samples(BernoulliModel(1000, 0.01), 1.9, 0.9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: replace(gaussian.Config(), d=10), "--d 10"),
        (lambda: replace(gaussian.Config(), dimensions=(1e3, 1e4)), "--dimensions"),
        (lambda: replace(gaussian.Config(), scale=0.9), "--scale 0.9"),
        (lambda: replace(gaussian.Config(), draws=1), "--draws 1"),
        (lambda: replace(cube.Config(), d=10), "--d 10"),
        (lambda: replace(cube.Config(), scale=3), "--scale 3"),
        (lambda: replace(cube.Config(), part=2), "--part 2"),
        (lambda: replace(cube.Config(), samples=(1.5,)), "--samples"),
        (lambda: replace(cube.Config(), grid=1), "--grid 1"),
        (lambda: replace(cube.Config(), sigma_scale=2), "--sigma-scale 2"),
    ],
)
def test_configs_that_make_no_sense_are_refused_by_name(
    change: Callable[[], object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        change()

"""The studies of the aberration view and of the barrier: rules, controls, pictures."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from robustlens.errors import InputError
from robustlens.figures import LIGHT, draw, save_pictures
from robustlens.losses import standard
from robustlens.registry import Study, run
from robustlens.result import Number, Verdict
from robustlens.streams import stream
from robustlens.studies.aberration_view import study as aberration
from robustlens.studies.aberration_view.pictures import ceiling_picture
from robustlens.studies.computational_barrier import study as barrier
from robustlens.studies.computational_barrier.learners import (
    Budget,
    attacked,
    held,
    pictures,
    train,
)
from robustlens.studies.computational_barrier.pictures import cost_picture
from robustlens.theory.concentration import Sphere
from robustlens.theory.low_magnitude import CodedParity

SMALL = replace(
    barrier.STUDY.presets["tiny"], bits=8, sizes=(1, 3), steps=2, tests=50, attack_steps=1, batch=20
)
STUDIES = [
    (aberration.STUDY, replace(aberration.STUDY.presets["tiny"], samples=500)),
    (barrier.STUDY, SMALL),
]


@pytest.mark.slow
@pytest.mark.parametrize(("study", "config"), STUDIES, ids=["aberration", "barrier"])
def test_the_same_config_gives_the_same_numbers_and_pictures(
    study: Study, config: object, tmp_path: Path
) -> None:
    first = run(study, "tiny", config, folder=tmp_path)
    second = run(study, "tiny", config, folder=tmp_path)
    assert first.numbers == second.numbers
    assert first.figures == second.figures
    save_pictures(first.figures, tmp_path)
    assert len(list(tmp_path.glob("*.png"))) == 2 * len(first.figures)


@pytest.mark.parametrize(
    ("study", "seed"), [(aberration.STUDY, 1), (barrier.STUDY, 0)], ids=["aberration", "barrier"]
)
@pytest.mark.slow
def test_tiny_presets_reproduce_the_claim(study: Study, seed: int, tmp_path: Path) -> None:
    config = replace(study.presets["tiny"], seed=seed)
    assert run(study, "tiny", config, folder=tmp_path).verdict == Verdict.REPRODUCED


@pytest.mark.parametrize(
    ("agrees", "steep", "flat", "margin", "good"),
    [
        (True, -0.5, 0.0, 0.0, True),
        (True, -0.46, 0.01, 1e-3, True),
        (False, -0.5, 0.0, 0.0, False),
        (True, -0.4, 0.0, 0.0, False),  # too slow
        (True, -0.5, -0.1, 0.0, False),  # the control falls too
        (True, -0.5, 0.0, -1e-3, False),  # another set beats the half-space
    ],
)
def test_the_rule_of_the_aberration_view(
    agrees: bool, steep: float, flat: float, margin: float, good: bool
) -> None:
    assert (aberration.verdict(agrees, steep, flat, margin) == Verdict.REPRODUCED) == good


GOOD = {"clean": 1.0, "standard": 0.0, "robust": 0.5, "easy": 0.95, "search": 0.95}


@pytest.mark.parametrize(
    ("changed", "right", "good"),
    [
        ({}, True, True),
        ({}, False, False),  # the search found another rule
        ({"clean": 0.9}, True, False),
        ({"standard": 0.2}, True, False),
        ({"robust": 0.8}, True, False),  # robust training found the secret
        ({"easy": 0.5}, True, False),  # robust training finds nothing at all
        ({"search": 0.5}, True, False),
    ],
)
def test_the_rule_of_the_barrier(changed: dict[str, float], right: bool, good: bool) -> None:
    verdict = barrier.verdict(GOOD | changed, right, noise=0.05)
    assert (verdict == Verdict.REPRODUCED) == good


def test_a_slope_has_the_interval_of_its_medians() -> None:
    d = (10, 100, 1000)
    exact = [Number.exact(5 * n**-0.5) for n in d]
    assert aberration.slope(d, exact).value == pytest.approx(-0.5)
    wide = [replace(m, low=m.value / 1.1, high=m.value * 1.1, n=100) for m in exact]
    found = aberration.slope(d, wide)
    assert found.n == 300
    # Three points a decade apart: weights -1 / 2, 0, 1 / 2 in decades.
    assert found.high - found.value == pytest.approx(0.5**0.5 * 0.0413927, rel=1e-5)


def test_the_median_has_an_interval_that_covers() -> None:
    covered = 0
    for seed in range(400):
        found = aberration.median(torch.randn(101, generator=stream(seed, "v")))
        covered += found.low <= 0 <= found.high
    assert covered / 400 >= 0.93
    assert aberration.median(torch.arange(5.0)).value == 2


def test_no_other_set_beats_the_half_space() -> None:
    assert aberration.least_margin(784, 0.01) == pytest.approx(0, abs=1e-12)


def test_enlarged_data_are_measured_on_their_pixels() -> None:
    config = replace(aberration.STUDY.presets["tiny"], samples=3000)
    found = aberration._sampled(10, 200, config)
    assert found.agrees
    assert found.median.low <= Sphere(10).distance(config.share) <= found.median.high


def test_without_the_code_its_pixel_is_grey() -> None:
    world = CodedParity(4, (0,))
    x, y = pictures(world, 10, stream(0, "x"), "grey")
    assert x.shape == (10, 1, 1, 5)
    assert set(y.tolist()) <= {0, 1}
    assert (x[..., -1] == 0.5).all()
    shown, _ = pictures(world, 10, stream(0, "x"))
    assert (shown[..., -1] != 0.5).all()


def test_training_takes_the_code_and_loses_it() -> None:
    world, budget = CodedParity(10, (1, 2, 5)), Budget(steps=60, batch=64, tests=200, lr=0.01)
    net = train(world, standard, budget)
    assert attacked(net, world, budget, 0.0).value >= 0.99
    assert attacked(net, world, budget, 0.3).value <= 0.05
    assert held((1, 2, 5), world, budget, 0.3).value == 1


def test_the_secret_is_drawn_from_the_seed() -> None:
    drawn = set()
    for seed in range(20):
        config = replace(SMALL, bits=12, seed=seed)
        secret = barrier.world(4, config).secret
        assert secret == barrier.world(4, config).secret
        assert len(set(secret)) == 4
        drawn.add(secret)
    assert len(drawn) > 15


def test_pictures_of_closed_forms_can_be_drawn() -> None:
    for picture in (ceiling_picture(20, 0.05), cost_picture(3, 0.1)):
        assert draw(picture, LIGHT).axes


@pytest.mark.parametrize(
    ("study", "changed", "message"),
    [
        (aberration.STUDY, {"dimensions": (10,)}, "change --dimensions"),
        (aberration.STUDY, {"dimensions": (20, 10)}, "change --dimensions"),
        (aberration.STUDY, {"dimensions": (10, 25)}, "change --own"),
        (aberration.STUDY, {"share": 0.7}, "change --share"),
        (aberration.STUDY, {"gap": 0.0}, "change --gap"),
        (aberration.STUDY, {"samples": 5}, "change --samples"),
        (barrier.STUDY, {"sizes": (2, 4)}, "change --sizes"),
        (barrier.STUDY, {"sizes": (1, 30)}, "change --sizes"),
        (barrier.STUDY, {"bits": 100, "sizes": (1, 8)}, "for the search to end"),
        (barrier.STUDY, {"eps": 0.05}, "change --eps"),
        (barrier.STUDY, {"eps": 0.6}, "change --eps"),
        (barrier.STUDY, {"noise": 0.6}, "change --noise"),
        (barrier.STUDY, {"amplitude": 0.0}, "change --amplitude"),
        (barrier.STUDY, {"lr": -1.0}, "change --lr"),
        (barrier.STUDY, {"steps": 0}, "change --steps"),
        (barrier.STUDY, {"attack_steps": 0}, "change --attack-steps"),
    ],
)
def test_bad_settings_are_refused_by_name(
    study: Study, changed: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        run(study, "tiny", replace(study.presets["tiny"], **changed), folder=tmp_path)


@pytest.mark.parametrize("page", ["concentration", "low-magnitude-code"])
def test_the_page_prints_what_it_says(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(__file__).parents[2] / "docs" / "theory" / f"{page}.md"
    text = path.read_text(encoding="utf-8")
    code, shown = re.findall(r"```(?:python)?\n(.*?)```", text, re.DOTALL)
    exec(code, {})
    assert capsys.readouterr().out == shown

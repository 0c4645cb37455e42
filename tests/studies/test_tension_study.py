"""The study of the tension theorem: its rule, its refusals, its pictures."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from robustlens.errors import InputError
from robustlens.figures import save_pictures
from robustlens.streams import stream
from robustlens.studies import Verdict, run
from robustlens.studies.tension_theorem.study import STUDY, Facts, random_rule, verdict
from robustlens.theory.tension import StrongAndWeak

TINY = STUDY.presets["tiny"]
GOOD = Facts(
    inside=True,
    excess=-0.01,
    averaging=(0.9987, 0.0013),
    svm=(0.9999, 0.0001),
    adversarial=(0.95, 0.95),
    p=0.95,
    weak=0.0,
    control=0.99,
    sampled=True,
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Verdict.REPRODUCED),
        ({"inside": False}, Verdict.NOT_COMPARABLE),
        ({"excess": 0.001}, Verdict.NOT_REPRODUCED),
        ({"averaging": (0.98, 0.0013)}, Verdict.NOT_REPRODUCED),
        ({"svm": (0.9999, 0.02)}, Verdict.NOT_REPRODUCED),
        ({"adversarial": (0.95, 0.94)}, Verdict.NOT_REPRODUCED),
        ({"weak": 1e-12}, Verdict.NOT_REPRODUCED),
        ({"control": 0.96}, Verdict.NOT_REPRODUCED),
        ({"sampled": False}, Verdict.NOT_REPRODUCED),
    ],
)
def test_the_rule(changes: dict, expected: Verdict) -> None:
    assert verdict(GOOD._replace(**changes)) is expected


@pytest.mark.slow
def test_a_tiny_run_is_reproduced_and_drawn(tmp_path: Path) -> None:
    found = run(STUDY, "tiny", TINY, folder=tmp_path)
    assert found.verdict is Verdict.REPRODUCED
    assert found.numbers["robust minimiser, largest weak weight"].value == 0
    save_pictures(found.figures, tmp_path)
    assert len(list(tmp_path.glob("*.png"))) == 6


@pytest.mark.slow
def test_outside_the_theorems_nothing_is_claimed(tmp_path: Path) -> None:
    below = run(STUDY, "tiny", replace(TINY, eps=0.05, samples=1000), folder=tmp_path)
    assert below.verdict is Verdict.NOT_COMPARABLE
    assert "says nothing here" in below.summary
    assert "most that a rule lies above the bound" not in below.numbers


def test_random_rules_are_of_many_kinds() -> None:
    law = StrongAndWeak(0.9, 50, 3 / math.sqrt(50))
    rules = [random_rule(law, stream(seed, "rule")) for seed in range(60)]
    assert any((w[1:] < 0).any() for w in rules)
    assert any((w[1:] == 0).any() for w in rules)
    assert all(w.isfinite().all() and w.any() for w in rules)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"p": 0.3}, "--p is 0.3"),
        ({"d": 0}, "--d is 0"),
        ({"eta": -1.0}, "--eta is -1.0"),
        ({"eps": 0.0}, "--eps is 0.0"),
        ({"control": 2.0}, "--control is 2.0"),
        ({"samples": 1}, "--samples is 1"),
        ({"points": 1}, "--points is 1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(changes: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        run(STUDY, "tiny", replace(TINY, **changes), folder=tmp_path)

"""The study of the tension theorem: its rule, its refusals, its pictures."""

from dataclasses import replace
from pathlib import Path

import pytest

from robustlens.errors import InputError
from robustlens.figures import save_pictures
from robustlens.studies import Verdict, run
from robustlens.studies.tension_theorem import (
    STUDY,
    Slid,
    _checks,
    _law,
    _trained,
    judge,
)

TINY = STUDY.presets["tiny"]


def test_it_is_reproduced_and_the_same_twice(tmp_path: Path) -> None:
    first, second = (run(STUDY, "tiny", TINY, folder=tmp_path) for _ in range(2))
    assert first.verdict is Verdict.REPRODUCED
    assert first.numbers == second.numbers
    assert first.numbers["its weak weights that are not zero"].value == 0
    save_pictures(first.figures, tmp_path)
    assert len(list(tmp_path.glob("*.png"))) == 6


def test_the_rule_can_fail() -> None:
    law = _law(TINY, 3.0)
    eps = 2 * law.eta
    landing, trained = _trained(TINY)
    checks = _checks(law, eps, TINY)
    fine = Slid((0.0,), (0.95,), (0.95,))
    assert judge(law, eps, fine, landing, trained, checks) is Verdict.REPRODUCED
    above = Slid((0.0,), (0.99,), (0.5,))
    assert judge(law, eps, above, landing, trained, checks) is Verdict.NOT_REPRODUCED
    astray = [(checks[0][0], checks[0][1], checks[-1][2])]
    assert judge(law, eps, fine, landing, trained, astray) is Verdict.NOT_REPRODUCED
    swapped = landing._replace(adversarial=landing.svm)
    assert judge(law, eps, fine, swapped, trained, checks) is Verdict.NOT_REPRODUCED
    fallen = landing._replace(svm=landing.adversarial)
    assert judge(law, eps, fine, fallen, trained, checks) is Verdict.NOT_REPRODUCED


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"eps": 0.1}, "2 eta"),
        ({"p": 0.3}, "change p"),
        ({"p": 0.98}, "0.975"),
        ({"d": 0}, "change --d"),
        ({"angles": 1}, "change --angles"),
    ],
)
def test_settings_outside_the_theorems_are_refused(
    changes: dict, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words):
        run(STUDY, "tiny", replace(TINY, **changes), folder=tmp_path)

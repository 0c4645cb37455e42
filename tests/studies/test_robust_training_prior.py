"""The rule's branches, and a tiny run whose pictures can be drawn."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from robustlens.errors import InputError
from robustlens.evaluation import Rate
from robustlens.figures import save_pictures
from robustlens.registry import run
from robustlens.result import Number, Verdict
from robustlens.studies.robust_training_prior.measures import Seen
from robustlens.studies.robust_training_prior.study import STUDY, check, judge
from robustlens.theory.usefulness import Kind, Score, Usefulness

USEFUL = Usefulness(0.6, 0.4, 0.8, 50)
KINDS = {
    Kind.ROBUST: Score(USEFUL, Usefulness(0.2, 0.1, 0.3, 50)),
    Kind.NON_ROBUST: Score(USEFUL, Usefulness(-1.0, -1.2, -0.8, 50)),
    Kind.OPEN: Score(USEFUL, Usefulness(0.0, -0.2, 0.2, 50)),
}


def seen(robust: int, fragile: int, unclear: int = 0, alarms: float = 0.02) -> Seen:
    counts = {Kind.ROBUST: robust, Kind.NON_ROBUST: fragile, Kind.OPEN: unclear}
    scores = [KINDS[k] for k, n in counts.items() for _ in range(n)]
    # Values a little apart, so that means over units have an interval.
    scores = [Score(s.rho._replace(value=0.6 + i / 1000), s.gamma) for i, s in enumerate(scores)]
    shares = torch.linspace(0.5, 1.5, len(scores), dtype=torch.float64)
    number = Number(alarms, alarms - 0.01, alarms + 0.01, 20)
    return Seen(scores, shares / shares.sum(), [], [], number, Rate.share(90, 100))


def test_the_rule_holds_where_robust_training_leaves_robust_units() -> None:
    assert judge(seen(2, 58), seen(40, 5, 15)) is Verdict.REPRODUCED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (seen(40, 5, 15), seen(2, 58)),  # the other way round
        (seen(2, 58), seen(2, 58)),  # nothing changes
        (seen(2, 58), seen(4, 5, 51)),  # not robust any more, yet not robust either
        (seen(50, 0, 10), seen(58, 2)),  # nothing to give up
        (seen(2, 58), seen(40, 5, 15, alarms=0.2)),  # anything looks useful
    ],
)
def test_the_rule_can_fail(before: Seen, after: Seen) -> None:
    assert judge(before, after) is Verdict.NOT_REPRODUCED


def test_the_share_of_the_margin_covers_the_share_of_like_units() -> None:
    """Units that give alike, half of them fragile: the share is a half, as of coins."""
    found = seen(50, 50)._replace(shares=torch.full((100,), 0.01, dtype=torch.float64))
    share = found.margin(Kind.NON_ROBUST)
    assert share.value == pytest.approx(0.5)
    assert share.high - share.low == pytest.approx(2 * 1.984 * 0.5 / 99**0.5, rel=1e-2)
    every = seen(0, 20).margin(Kind.NON_ROBUST)
    assert (every.value, every.high) == (1, 1)
    assert every.low < 0.9


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"units": 1}, "units"),
        ({"images": 5}, "images"),
        ({"steps": 0}, "steps"),
        ({"shares": (1.0,)}, "shares"),
        ({"followed": 1}, "followed"),
        ({"noise": (-0.1,)}, "noise"),
        ({"permutations": 1}, "permutations"),
        ({"robust": replace(STUDY.presets["tiny"].robust, eps="0")}, "robust.eps"),
    ],
)
def test_values_out_of_range_are_refused_by_name(change: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check(replace(STUDY.presets["tiny"], **change))


@pytest.mark.slow
def test_a_tiny_run_gives_the_same_numbers_again_and_can_be_drawn(tmp_path: Path) -> None:
    results = [run(STUDY, "tiny", STUDY.presets["tiny"], folder=tmp_path) for _ in range(2)]
    assert results[0].numbers == results[1].numbers
    assert "standard net" in next(iter(results[0].numbers))
    save_pictures(results[0].figures, tmp_path / "pictures")
    assert len(list((tmp_path / "pictures").glob("*-light.png"))) == 4

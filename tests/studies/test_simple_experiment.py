"""The simple experiment: its rule, the colours of what nets say, and a small run."""

from pathlib import Path

import pytest
import torch

from robustlens.figures import save_pictures
from robustlens.pictures import Bars, Gallery
from robustlens.result import Number
from robustlens.studies import PRESETS, Verdict, run
from robustlens.studies.kit.made import LEARNER
from robustlens.studies.simple_experiment import STUDY, _bars, _seen, judge

CHANCE = 0.1
SILENT = [Number(0.08, 0.0, 0.15, 2000), Number(0.05, 0.0, 0.11, 2000)]


@pytest.mark.parametrize(
    ("low", "controls", "verdict"),
    [
        (0.35, SILENT, Verdict.REPRODUCED),
        (0.29, SILENT, Verdict.NOT_REPRODUCED),  # too little learned
        (0.35, [SILENT[0], Number(0.3, 0.2, 0.4, 9)], Verdict.NOT_REPRODUCED),  # labels teach
        (0.35, [SILENT[0], Number(0.04, 0.0, 0.09, 9)], Verdict.NOT_REPRODUCED),  # below chance
    ],
)
def test_the_rule(low: float, controls: list[Number], verdict: Verdict) -> None:
    assert judge(Number(0.4, low, 0.45, 2000), controls, CHANCE) is verdict


def test_learners_keep_the_last_epoch_and_every_image() -> None:
    assert LEARNER.training.validation == 0
    assert STUDY.presets["quick"].learner == LEARNER


def test_the_bars_have_the_experiment_on_top_and_chance_as_a_mark() -> None:
    numbers = {"accuracy on real images after training on random targets": SILENT[0]}
    controls = {"accuracy after random labels, images as they are": SILENT[1]}
    picture = _bars(numbers, controls, CHANCE)
    assert [bar.name for bar in picture.bars] == [
        "pushed towards random targets",
        "random labels, images as they are",
    ]
    assert [bar.tone for bar in picture.bars] == ["good", "bad"]
    assert picture.marks == ((CHANCE, "chance"),)


def test_a_change_is_shown_around_grey_and_none_is_grey() -> None:
    assert torch.equal(_seen(torch.zeros(1, 2, 2)), torch.full((1, 2, 2), 0.5))
    assert _seen(torch.tensor([[[0.1, -0.1, 0.0]]])).flatten().tolist() == [1.0, 0.0, 0.5]


def test_it_states_its_rule_and_has_all_presets() -> None:
    assert STUDY.rule.startswith("Reproduced if")
    assert STUDY.claim.endswith(".")
    assert tuple(STUDY.presets) == (*PRESETS, "dogs-and-cats")
    assert all(c.making.nets == 3 for c in map(STUDY.presets.get, ("full", "dogs-and-cats")))


@pytest.mark.slow
def test_a_small_run_is_drawn_and_repeats(tmp_path: Path) -> None:
    config = STUDY.presets["tiny"]
    first, second = (run(STUDY, "tiny", config, folder=tmp_path) for _ in range(2))
    assert first.numbers == second.numbers
    bars, pairs = first.figures
    assert isinstance(bars, Bars)
    assert len(bars.bars) == len(first.numbers) == 4
    assert isinstance(pairs, Gallery)
    assert 1 <= len(pairs.rows) <= config.shown
    assert all(row[2].text.startswith("label: ") for row in pairs.rows)
    save_pictures(first.figures, tmp_path / "pictures")
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 4

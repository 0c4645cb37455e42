"""The critics' controls: the rule of each, who guards and who looks on, and a small run."""

from dataclasses import replace
from pathlib import Path

import pytest

from robustlens.errors import InputError
from robustlens.figures import save_pictures
from robustlens.pictures import Bars, Curves, Gallery
from robustlens.result import Number
from robustlens.studies import PRESETS, Verdict, run
from robustlens.studies.experiment_controls.measures import Measured
from robustlens.studies.experiment_controls.pictures import over_radii, which_label, who_learns
from robustlens.studies.experiment_controls.sets import Config
from robustlens.studies.experiment_controls.study import (
    STUDY,
    Control,
    _summary,
    controls,
    judge,
)
from robustlens.studies.simple_experiment import STUDY as SIMPLE

CHANCE = 0.1


def number(value: float, half: float = 0.02) -> Number:
    return Number(value, max(value - half, 0.0), value + half, 2000)


PUBLISHED = Measured(
    rand=number(0.63),
    det=number(0.44),
    labels=number(0.08, 0.06),
    changes=number(0.05, 0.06),
    robust_rand=number(0.25),
    robust_det=number(0.06),
    next_det=number(0.16),
    next_robust_det=number(0.65),
    leak_rand=number(0.24),
    leak_det=number(0.03),
    guarded=number(0.12),
    fooled=number(0.75),
    moved=number(0.35),
    unmoved=number(0.02),
    near=number(0.12),
    near_moved=number(0.5),
    near_unmoved=number(0.2),
    mistakes=number(0.5),
    brief=number(0.63),
    wrong=18768,
    sweep=(),
)
ALL = [control.name for control in controls(PUBLISHED, CHANCE)]
SILENT, ROBUST, NEXT, LEAKAGE, GUARDED, MISTAKES = ALL


def test_what_was_published_is_reproduced() -> None:
    found = controls(PUBLISHED, CHANCE)
    assert all(control.as_published for control in found)
    assert judge(found) is Verdict.REPRODUCED
    assert "Not as published: none." in _summary(PUBLISHED, found, CHANCE)


@pytest.mark.parametrize(
    ("changed", "fails"),
    [
        ({"labels": number(0.3)}, {SILENT}),  # labels alone teach
        ({"changes": number(0.3)}, {SILENT}),  # meaningless changes teach
        ({"robust_rand": number(0.63)}, {ROBUST}),  # robust features carry it
        ({"robust_det": number(0.44)}, {ROBUST}),
        ({"next_det": number(0.65)}, {NEXT}),
        ({"leak_rand": number(0.1)}, {LEAKAGE}),  # nothing leaks
        ({"leak_rand": number(0.63)}, {LEAKAGE}),  # the leak is all
        ({"leak_det": number(0.25)}, {LEAKAGE}),  # it leaks where none was found
        ({"det": number(0.105, 0.01)}, {LEAKAGE}),  # the net has learned nothing more
        ({"guarded": number(0.5)}, {GUARDED}),  # what moves one net only teaches
        ({"fooled": number(0.3)}, {GUARDED}),  # not fooled: no control
        ({"unmoved": number(0.35)}, {GUARDED}),  # others moved: no control
        ({"mistakes": number(0.1)}, {MISTAKES}),
    ],
)
def test_each_control_can_fail_alone(changed: dict[str, Number], fails: set[str]) -> None:
    m = replace(PUBLISHED, **changed)
    found = controls(m, CHANCE)
    assert {control.name for control in found if not control.as_published} == fails
    assert judge(found) is Verdict.NOT_REPRODUCED
    said = _summary(m, found, CHANCE)
    assert all(name in said for name in fails)


def test_every_control_excludes_something_else() -> None:
    found = controls(PUBLISHED, CHANCE)
    assert all(isinstance(control, Control) for control in found)
    assert len({control.excludes for control in found}) == len(found) == 6


def test_guards_and_witnesses_are_nets_of_different_seeds() -> None:
    config = Config(guards=3, witnesses=2, seed=7)
    seeds = [recipe.seed for recipe in config.others()]
    assert seeds == [8, 9, 10, 11, 12]
    assert config.standard.seed not in seeds


@pytest.mark.parametrize("changed", [{"guards": 0}, {"witnesses": 0}, {"shown": 0}])
def test_a_control_without_nets_is_refused(changed: dict[str, int]) -> None:
    with pytest.raises(InputError, match=f"--{next(iter(changed))}"):
        Config(**changed)


def test_radii_are_above_0() -> None:
    with pytest.raises(InputError, match="--radii"):
        Config(radii=(0.5, 0.0))


def test_bars_show_the_simple_experiment_on_top_and_chance() -> None:
    picture = who_learns(PUBLISHED, CHANCE)
    assert [bar.value for bar in picture.bars[:2]] == [0.63, 0.44]
    assert len(picture.bars) == 10
    assert picture.marks == ((CHANCE, "chance"),)
    assert [bar.value for bar in which_label(PUBLISHED, CHANCE).bars] == [0.44, 0.16, 0.06, 0.65]


def test_the_curve_begins_with_labels_alone_and_is_in_order() -> None:
    m = replace(PUBLISHED, sweep=((0.75, number(0.4)), (3.0, number(0.7))))
    (series,) = over_radii(m, 1.5, "l2").series
    assert list(series.x) == [0.0, 0.75, 1.5, 3.0]
    assert list(series.y) == [m.labels.value, 0.4, m.rand.value, 0.7]


def test_it_states_its_rule_and_has_all_presets() -> None:
    assert STUDY.rule.startswith("Reproduced if")
    assert STUDY.claim.endswith(".")
    assert tuple(STUDY.presets) == PRESETS


@pytest.mark.slow
def test_a_small_run_shares_its_sets_and_repeats(tmp_path: Path) -> None:
    run(SIMPLE, "tiny", SIMPLE.presets["tiny"], folder=tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "made").iterdir()}
    config = replace(STUDY.presets["tiny"], radii=(0.75,))
    first, second = (run(STUDY, "tiny", config, folder=tmp_path) for _ in range(2))
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "made").iterdir()}
    assert before.items() <= after.items()
    added = [name.rpartition("-")[0] for name in after.keys() - before.keys()]
    # by the robust net twice, without moving the guard, and at another radius
    assert sorted(added) == ["mistakes", "relabelled-next", *["relabelled-random"] * 3]
    assert first.numbers == second.numbers
    bars, labels, pairs, radii = first.figures
    assert isinstance(bars, Bars)
    assert isinstance(labels, Bars)
    assert isinstance(pairs, Gallery)
    assert isinstance(radii, Curves)
    assert len(pairs.rows) == config.shown
    save_pictures(first.figures, tmp_path / "pictures")
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 8

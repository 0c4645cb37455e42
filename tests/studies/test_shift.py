"""Shifts, orders, the rule's branches, and a tiny run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.figures import save_pictures
from robustlens.nets import logits
from robustlens.registry import run
from robustlens.result import Number, Verdict
from robustlens.studies.shift_by_representations import shifts as module
from robustlens.studies.shift_by_representations.measures import Found, agreement, look
from robustlens.studies.shift_by_representations.shifts import Kinds, sharing, shifts
from robustlens.studies.shift_by_representations.study import STUDY, judge


def test_every_shift_changes_images_and_keeps_them_images() -> None:
    for channels, count in ((1, 65), (3, 70)):
        x = torch.rand(4, channels, 12, 12)
        made = shifts(Kinds(), channels, 0)
        assert len(made) == count
        assert len({shift.name for shift in made}) == count
        for shift in made[:: 1 if channels == 3 else 7]:
            moved = shift.change(x)
            assert moved.shape == x.shape
            assert float(moved.min()) >= 0
            assert float(moved.max()) <= 1
            assert not torch.equal(moved, x), shift
            torch.testing.assert_close(shift.change(x), moved, rtol=0, atol=0)


def test_quick_and_full_have_as_many_shifts_as_the_rule_asks() -> None:
    for name, least in (("quick", 15), ("full", 55)):
        config = STUDY.presets[name]
        assert len(shifts(config.kinds, 1, 0)) >= least


def test_shared_classes_keep_the_numbers_of_the_first_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def some(labels: list[int], classes: tuple[str, ...]) -> Dataset:
        images = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2)
        return Dataset(images.contiguous(), torch.tensor(labels), classes, "some")

    theirs = some([0, 1, 2, 0, 1], ("dog", "cow", "cat"))
    monkeypatch.setattr(module, "load", lambda *_: theirs)
    test = some([0, 1, 2, 2], ("cat", "ship", "dog"))
    mine, natural = sharing(test, "others")
    assert mine.labels.tolist() == [0, 2, 2]
    assert natural is not None
    assert natural.labels.tolist() == [2, 0, 2]
    assert natural.images[:, 0, 0, 0].tolist() == [0, 2, 3]
    assert sharing(test, "") == (test, None)
    with pytest.raises(InputError, match="1 classes"):
        sharing(some([0, 1], ("cat", "ship")), "others")


def test_a_net_is_read_and_asked_in_one_pass(trained) -> None:
    seen = look(trained.model, trained.x, trained.y)
    with torch.no_grad():
        answers = logits(trained.model, trained.x).argmax(dim=1)
    assert torch.equal(seen.right, answers == trained.y)
    assert seen.r.shape[0] == len(trained.x)


KINDS = ["a", "a", "b", "b", "c", "c", "d", "d"]
LOST = [0.1, 0.2, 0.15, 0.4, 0.05, 0.6, 0.3, 0.35]


def test_agreement_is_spearmans_of_scipy_averaged() -> None:
    generator = np.random.default_rng(0)
    nets = [{"x": list(generator.random(8)), "y": list(generator.random(8))} for _ in range(2)]
    found = Found({"robust net": nets, "pixels": [{"x": LOST, "y": LOST}]})
    whole, ahead = agreement(found, KINDS, LOST, 200, 0)
    rho = {(k, name): spearmanr(net[name], LOST)[0] for k, net in enumerate(nets) for name in net}
    mine = whole["robust net"]
    assert mine.mean.value == pytest.approx(np.mean(list(rho.values())))
    assert mine.each["x"].value == pytest.approx((rho[0, "x"] + rho[1, "x"]) / 2)
    assert mine.mean.low <= mine.mean.value <= mine.mean.high
    perfect = whole["pixels"].mean
    assert (perfect.value, perfect.low, perfect.high, perfect.n) == pytest.approx((1, 1, 1, 8))
    assert ahead["pixels"].value == pytest.approx(mine.mean.value - 1)
    again, _ = agreement(found, KINDS, LOST, 200, 0)
    assert again == whole


def test_no_order_counts_as_no_correlation() -> None:
    found = Found({"robust net": [{"x": [0.5] * 8}], "pixels": [{"x": LOST}]})
    whole, _ = agreement(found, KINDS, LOST, 20, 0)
    assert whole["robust net"].mean.value == 0


@pytest.mark.parametrize(
    ("count", "low", "verdict"),
    [
        (15, 0.1, Verdict.REPRODUCED),
        (15, -0.1, Verdict.NOT_REPRODUCED),
        (14, 0.1, Verdict.NOT_COMPARABLE),
    ],
)
def test_the_rule(count: int, low: float, verdict: Verdict) -> None:
    clear = Number(0.3, 0.2, 0.4, 20)
    assert judge(count, {"pixels": clear, "standard net": Number(0.2, low, 0.3, 20)}) is verdict


@pytest.mark.parametrize("change", [{"images": 7}, {"judged": 5}, {"resamples": 9}, {"random": 0}])
def test_values_out_of_range_are_refused(change: dict) -> None:
    with pytest.raises(InputError, match=next(iter(change))):
        replace(STUDY.presets["tiny"], **change)


@pytest.mark.slow
def test_a_tiny_run_gives_its_controls_and_can_be_drawn(tmp_path: Path) -> None:
    result = run(STUDY, "tiny", STUDY.presets["tiny"], folder=tmp_path)
    assert next(iter(result.numbers)) == "robust net: rank correlation"
    for space in ("robust net", "standard net", "random net", "pixels"):
        control = result.numbers[f"{space}, no shift: two-sample accuracy"]
        assert control.low <= 0.5 <= control.high
    save_pictures(result.figures, tmp_path / "pictures")
    assert len(list((tmp_path / "pictures").glob("*-light.png"))) == 3

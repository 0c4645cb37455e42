"""What alignment buys and costs: drawn tasks, masks, heads, and the rule's branches."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.figures import save_pictures
from robustlens.registry import run
from robustlens.result import Number, Verdict
from robustlens.studies.alignment_at_training_time.measures import (
    blocks,
    covered,
    explained,
    student,
    transferred,
)
from robustlens.studies.alignment_at_training_time.study import ACCURACY, STUDY, judge_of
from robustlens.studies.alignment_at_training_time.tasks import drawn, task


def test_drawn_signs_are_alike_in_number_and_differ_from_each_other() -> None:
    digits = task("digits", (1, 28, 28), per_class=6, seed=0)
    assert digits.shape == (1, 28, 28)
    assert digits.labels.bincount().tolist() == [6] * 10
    pixels = digits.images.flatten(1).float()
    assert len(torch.unique(pixels, dim=0)) == 60
    assert float(pixels.amax(dim=1).min()) > 100  # each shows something
    assert task("digits", (3, 32, 32), per_class=2, seed=0).shape == (3, 32, 32)
    again = task("digits", (1, 28, 28), per_class=6, seed=0)
    assert torch.equal(again.images, digits.images)
    other = task("digits", (1, 28, 28), per_class=6, seed=1)
    assert not torch.equal(other.images, digits.images)
    assert drawn("AB", 3, 0, "letters").classes == ("A", "B")


def test_a_data_set_gives_as_many_of_each_class_or_says_no() -> None:
    some = task("fashion", (3, 32, 32), per_class=3, seed=0)
    assert some.shape == (3, 32, 32)
    assert some.labels.bincount().tolist() == [3] * 10
    with pytest.raises(InputError, match="fewer draws"):
        task("fashion", (1, 28, 28), per_class=5000, seed=0)


def test_blocks_share_no_image_and_have_all_classes() -> None:
    labels = torch.arange(30) % 3
    found = blocks(labels, draws=2, size=5)
    assert found.shape == (2, 3, 5)
    assert sorted(found.flatten().tolist()) == list(range(30))
    assert (labels[found] == torch.arange(3)[None, :, None]).all()


def test_a_head_transfers_what_features_tell_and_no_more() -> None:
    labels = torch.arange(400) % 2
    noise = torch.randn(400, 5, generator=torch.Generator().manual_seed(0))
    telling = torch.cat([noise, 20 * labels[:, None].float()], dim=1)
    assert transferred(telling, labels, 20, 20, 4).tolist() == [1] * 4
    chance = transferred(noise, labels, 3, 40, 4)
    assert 0.35 < float(chance.mean()) < 0.65


def test_covering_sets_the_masked_pixels_alone() -> None:
    x = torch.rand(2, 3, 2, 2)
    mask = torch.tensor([[True, False, False, False], [False, False, True, True]])
    seen = covered(x, mask, torch.tensor([0.1, 0.2, 0.3]))
    assert seen[0, :, 0, 0].tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert torch.equal(seen[0, :, 0, 1], x[0, :, 0, 1])
    assert torch.equal(seen[1, :, 0], x[1, :, 0])
    assert seen[1, 2, 1].tolist() == pytest.approx([0.3, 0.3])


def one_pixel(weight: Tensor):
    """Return a net of two classes whose answer is one weighted sum of pixels minus a half."""

    def net(x: Tensor) -> Tensor:
        score = x.flatten(1) @ weight - 0.5
        return torch.stack([score, -score], dim=1)

    return net


def test_the_gradient_finds_the_one_pixel_that_a_net_looks_at() -> None:
    weight = torch.zeros(100)
    weight[37] = 1.0
    x = torch.full((8, 1, 10, 10), 0.9)
    blind = one_pixel(torch.full((100,), 0.01))
    found = explained(one_pixel(weight), blind, x, share=0.01, fill=torch.zeros(1), seed=0)
    assert found.own.gradient.tolist() == [1] * 8
    assert found.own.other.tolist() == [1] * 8  # all images have it at the same place
    assert float(found.own.random.mean()) < 0.2
    assert float(found.own.gain.mean()) > 0.8
    assert found.judge.gradient.tolist() == [0] * 8
    assert (found.shown == 0).sum() == 8


def test_students_interval_is_wider_for_a_smaller_alpha() -> None:
    values = torch.tensor([0.1, 0.3, 0.2])
    usual, wide = student(values), student(values, 0.01)
    assert usual.value == pytest.approx(0.2)
    assert wide.low < usual.low < usual.high < wide.high
    assert student(torch.ones(4)) == Number(1, 1, 1, 4)


UP, EVEN, DOWN = (Number(v, v - 0.1, v + 0.1, 50) for v in (0.2, 0.0, -0.2))


@pytest.mark.parametrize(
    ("after", "accuracy", "verdict"),
    [
        ((UP, DOWN), DOWN, Verdict.REPRODUCED),
        ((UP, EVEN), DOWN, Verdict.REPRODUCED),
        ((UP, UP), DOWN, Verdict.NOT_REPRODUCED),  # worth more whatever comes
        ((EVEN, DOWN), DOWN, Verdict.NOT_REPRODUCED),  # buys nothing
        ((UP, DOWN), EVEN, Verdict.NOT_REPRODUCED),  # costs nothing
    ],
)
def test_the_rule(after: tuple[Number, ...], accuracy: Number, verdict: Verdict) -> None:
    table = {f"task {k}": number for k, number in enumerate(after)}
    assert judge_of({**table, ACCURACY: accuracy}) is verdict


@pytest.mark.parametrize(
    "change",
    [
        {"labels": (0,)},
        {"labels": (20, 5)},
        {"draws": 1},
        {"tasks": ()},
        {"share": 1.0},
        {"held": 0},
    ],
)
def test_values_out_of_range_are_refused(change: dict) -> None:
    with pytest.raises(InputError, match=next(iter(change))):
        replace(STUDY.presets["tiny"], **change)


@pytest.mark.slow
def test_a_tiny_run_can_be_drawn(tmp_path: Path) -> None:
    result = run(STUDY, "tiny", STUDY.presets["tiny"], folder=tmp_path)
    assert f"robust net minus standard net: {ACCURACY}" in result.numbers
    save_pictures(result.figures, tmp_path / "pictures")
    assert len(list((tmp_path / "pictures").glob("*-light.png"))) == 4

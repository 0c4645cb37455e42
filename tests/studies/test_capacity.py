"""The study of capacity: its rule, what it measures, and the pictures of it."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from robustlens.attacks import fgsm
from robustlens.balls import Linf
from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.figures import save_pictures
from robustlens.pictures import Curves
from robustlens.recipes import Recipe
from robustlens.streams import initialised, stream
from robustlens.studies import PRESETS, Verdict, run
from robustlens.studies.harder_training_capacity.measures import on_fgsm, own_loss
from robustlens.studies.harder_training_capacity.nets import (
    FGSM,
    PGD,
    STANDARD,
    WAYS,
    Cell,
    Cells,
    Net,
    Sweep,
)
from robustlens.studies.harder_training_capacity.pictures import pictures
from robustlens.studies.harder_training_capacity.study import PUBLISHED, STUDY, judge

N = 1000
SWEEP = Sweep(widths=(1, 8), repeats=1)


def hits(share: float) -> Tensor:
    return torch.arange(N) < round(share * N)


def cell(clean: float, fgsm: float, pgd: float, loss: float) -> Cell:
    return Cell((Net(hits(clean), hits(fgsm), hits(pgd), 0.2, loss),))


def found(**changes: Cell) -> Cells:
    """All that the rule looks at, for a sweep that meets it, with some of it changed."""
    cells = {
        "plain": cell(0.78, 0.0, 0.0, 0.5),
        "one_step": cell(0.6, 0.7, 0.0, 0.4),
        "narrow": cell(0.4, 0.3, 0.25, 1.8),
        "wide": cell(0.75, 0.6, 0.5, 0.9),
    } | changes
    return {
        (STANDARD, 1): cells["plain"],
        (STANDARD, 8): cell(0.83, 0.0, 0.0, 0.0),
        (FGSM, 1): cell(0.4, 0.3, 0.0, 1.7),
        (FGSM, 8): cells["one_step"],
        (PGD, 1): cells["narrow"],
        (PGD, 8): cells["wide"],
    }


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (found(), Verdict.REPRODUCED),
        (found(narrow=cell(0.7, 0.4, 0.25, 1.8)), Verdict.NOT_REPRODUCED),  # it does not sink
        (found(one_step=cell(0.6, 0.5, 0.4, 0.4)), Verdict.NOT_REPRODUCED),  # FGSM is honest
        (found(wide=cell(0.75, 0.6, 0.28, 0.9)), Verdict.NOT_REPRODUCED),  # too small a gain
        (found(wide=cell(0.75, 0.6, 0.5, 1.9)), Verdict.NOT_REPRODUCED),  # it fits no better
        (found(plain=cell(0.5, 0.0, 0.0, 0.5), wide=cell(0.7, 0.6, 0.5, 0.9)),
         Verdict.NOT_REPRODUCED),  # the control gains more
    ],
)  # fmt: skip
def test_the_rule(cells: Cells, expected: Verdict) -> None:
    assert judge(cells, SWEEP) is expected


def test_it_states_its_rule_and_has_all_presets() -> None:
    assert STUDY.rule.startswith("Reproduced if")
    assert STUDY.claim.endswith(".")
    assert tuple(STUDY.presets) == PRESETS
    assert {way for way, _ in PUBLISHED} == set(WAYS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"widths": (4,)}, "two or more, growing"),
        ({"widths": (4, 2)}, "two or more, growing"),
        ({"widths": (0, 2)}, "width 0"),
        ({"repeats": 0}, "repeats 0"),
    ],
)
def test_sweeps_refuse(changes: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Sweep(**changes)


def test_a_net_is_trained_from_several_seeds() -> None:
    sweep = Sweep(repeats=3)
    recipes = sweep.recipes(FGSM, 2)
    first = sweep.learner.seed
    assert [recipe.seed for recipe in recipes] == [first, first + 1, first + 2]
    assert {(recipe.loss, recipe.width) for recipe in recipes} == {(FGSM, 2)}
    assert all(recipe.training.validation == 0 for recipe in recipes)


def test_a_cell_averages_its_trainings_over_the_same_images() -> None:
    """Each image counts with the share of trainings that are right on it."""
    one, two = cell(0.8, 0.5, 0.2, 1.0).nets + cell(0.4, 0.5, 0.0, 2.0).nets
    both = Cell((one, two._replace(one_answer=0.9)))
    assert both.clean.value == pytest.approx(0.6)
    assert both.clean.low < 0.6 < both.clean.high
    assert both.clean.n == N
    assert (both.loss.value, both.one_answer.value) == (1.5, 0.9)
    nothing = Cell((cell(0, 0, 0, 1).nets[0],) * 2).pgd
    assert nothing.low == nothing.value == 0


class Bright(nn.Module):
    """Says 1 where the first pixel is above a half; its loss grows across that line."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(8.0))

    def forward(self, x: Tensor) -> Tensor:
        z = self.slope * (x[:, 0, 0, 0] - 0.5)
        return torch.stack([-z, z], dim=1)


class Reader(nn.Module):
    """Its gradient tells it to move one way, its answer goes by where that ends: it leaks."""

    def forward(self, x: Tensor) -> Tensor:
        value = x[:, 0, 0, 0]
        far = (value - 0.5).abs().detach() > 0.25
        pull = value - value.detach()  # a gradient without a value
        side = torch.where(far, torch.sign(value.detach() - 0.5), torch.zeros_like(value))
        return torch.stack([side - pull, pull - side], dim=1)


def pixels(values: list[int], labels: list[int]) -> Dataset:
    images = torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1)
    return Dataset(images, torch.tensor(labels), ("dark", "bright"), "pixels")


def test_after_fgsm_counts_images_that_were_wrong_before() -> None:
    """At 0.5 +- 0.2 the bright net is right, after a step of 0.3 wrong: by hand."""
    data = pixels([76, 179, 0, 255], [0, 1, 0, 1])
    assert on_fgsm(Bright(), data, Linf(0.3)).tolist() == [False, False, True, True]
    middle = pixels([127, 128], [1, 1])  # `Reader` says dark or has no answer: both logits alike
    moved = on_fgsm(Reader(), middle, Linf(0.4))
    x = middle.images.float() / 255
    step = fgsm(Reader(), x, middle.labels, Linf(0.4), failed="worst") - x
    assert step.flatten().tolist() == pytest.approx([-0.4, -0.4], abs=1e-6)
    assert moved.all()


def test_own_loss_is_that_of_training_on_all_images() -> None:
    """Of the bright net by hand: log(1 + exp(-2 z)), with the pixel moved by eps."""
    data = pixels([0, 255, 255], [0, 1, 1])
    recipe = Recipe(norm="linf", eps="0.25")
    expected = {STANDARD: 4.0, FGSM: 2.0, PGD: 2.0}  # the true logit: 8 * 0.5, 8 * (0.5 - 0.25)
    for way, z in expected.items():
        loss = own_loss(Bright(), replace(recipe, loss=way), data)
        assert loss == pytest.approx(float(torch.tensor(-2 * z).exp().log1p()), rel=1e-4)


def test_pictures_hold_every_training_and_can_be_drawn(tmp_path: Path) -> None:
    twice = {key: Cell(one.nets * 2) for key, one in found().items()}
    drawn = pictures(twice, replace(SWEEP, repeats=2), 20)
    assert [len(picture.series) for picture in drawn] == [6, 6, 6, 6]
    assert all(isinstance(picture, Curves) and picture.log == "x" for picture in drawn)
    assert [series.x for series in drawn[-1].series[:2]] == [(1, 8), (1, 1, 8, 8)]
    assert len({picture.name for picture in drawn}) == 4


@pytest.mark.slow
def test_the_same_config_gives_the_same_numbers(tmp_path: Path) -> None:
    config = STUDY.presets["tiny"]
    first, second = (run(STUDY, "tiny", config, folder=tmp_path) for _ in range(2))
    assert first.numbers == second.numbers
    assert next(iter(first.numbers)).startswith("PGD training, width 2: PGD-2 accuracy")
    assert len(first.figures) == 4
    save_pictures(first.figures, tmp_path)
    assert len(list(tmp_path.glob("*.png"))) == 8


def test_fgsm_images_are_seen_by_the_net_in_evaluation_mode() -> None:
    """Batch norm's statistics stay as they are."""
    net = initialised(0, lambda: nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(1, 2)))
    before = {key: value.clone() for key, value in net.state_dict().items()}
    images = torch.randint(0, 256, (4, 1, 1, 1), generator=stream(0), dtype=torch.uint8)
    on_fgsm(net, replace(pixels([0] * 4, [0, 1] * 2), images=images), Linf(0.1))
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())

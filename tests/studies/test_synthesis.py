"""The six studies of synthesis: their rules, their measures against known answers, small runs."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.figures import save_pictures
from robustlens.registry import run
from robustlens.result import Number, Verdict
from robustlens.studies import STUDIES
from robustlens.studies import image_to_image as translation
from robustlens.studies import in_painting as painting
from robustlens.studies import paint_with_features as features
from robustlens.studies import super_resolution as enlarging
from robustlens.studies.generation import measures as generated
from robustlens.studies.generation import study as generation
from robustlens.studies.kit import synthesis as kit
from robustlens.studies.kit.judges import CIFAR, FASHION, PETS, ROBUST, STANDARD, Nets, unseen
from robustlens.studies.sketch_to_image import drawing
from robustlens.studies.sketch_to_image import study as sketching
from robustlens.studies.sketch_to_image.sketches import GARMENTS, THINGS
from robustlens.vision import Made, Seeds, measures

IDS = ("generation", "image-to-image", "in-painting", "super-resolution", "sketch-to-image",
       "paint-with-features")  # fmt: skip


class Brightest(nn.Module):
    """Logit k is the mean of the k-th column of pixels: the brightest column decides."""

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d((1, classes))
        self.head = nn.Linear(classes, classes, bias=False)
        nn.init.eye_(self.head.weight)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.pool(x).mean(dim=1).flatten(1))
        return logits


@pytest.fixture
def nets() -> Nets:
    """Makers that know "right" and "left" in this order; a judge that knows them in the other."""
    return Nets({ROBUST: Brightest(), STANDARD: Brightest()}, Brightest(),
                ("right", "left"), ("left", "right"))  # fmt: skip


def columns(*values: tuple[float, float]) -> Tensor:
    """Images (n, 1, 12, 12) whose left and right halves have these values."""
    halves = [torch.tensor(v).repeat_interleave(6).expand(1, 12, 12) for v in values]
    return torch.stack(halves)


GOOD, NONE, BAD = (Number(v, v - 0.1, v + 0.1, 50) for v in (0.3, 0.05, -0.3))


@pytest.mark.parametrize(
    ("low", "good"), [((GOOD, GOOD), True), ((GOOD, NONE), False), ((BAD, GOOD), False)]
)
def test_the_rules_want_every_difference_above_zero(low: tuple[Number, Number], good: bool) -> None:
    gains = dict(zip("ab", low, strict=True))
    wanted = Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED
    assert enlarging.judge(gains) is wanted
    assert painting.judge(gains, 0.0) is wanted
    assert painting.judge(gains, 1e-9) is Verdict.NOT_REPRODUCED  # a pixel outside changed
    assert features.judge(gains, 0.0) is wanted
    assert features.judge(gains, 1e-9) is Verdict.NOT_REPRODUCED
    for study in (translation, sketching):
        assert study.judge(gains, Number(0.5, 0.4, 0.6, 50)) is wanted
        assert study.judge(gains, Number(0.49, 0.4, 0.6, 50)) is Verdict.NOT_REPRODUCED


@pytest.mark.parametrize(
    ("robust", "standard", "diverse", "good"),
    [
        (0.1, 0.9, 0.6, True),
        (0.8, 0.9, 0.6, False),  # no nearer to test images than the standard net's
        (0.1, 0.9, 0.4, False),  # one picture again and again
    ],
)
def test_the_rule_of_generation(robust: float, standard: float, diverse: float, good: bool) -> None:
    def number(value: float) -> Number:
        return Number(value, value - 0.1, value + 0.1, 100)

    sets = {
        ROBUST: generated.Measured(number(robust), NONE, number(diverse)),
        STANDARD: generated.Measured(number(standard), NONE, NONE),
        generation.REAL: generated.Measured(NONE, NONE, number(1.0)),
    }
    assert (generation.judge({"a": GOOD}, sets) is Verdict.REPRODUCED) == good
    assert generation.judge({"a": NONE}, sets) is Verdict.NOT_REPRODUCED


def test_a_gain_is_a_paired_difference_with_students_interval() -> None:
    a, b = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([0.0, 0.0, 0.0, 0.0])
    found = kit.gain(a, b)
    assert found.value == 2.5
    assert found.high - 2.5 == pytest.approx(3.182446 * (5 / 3) ** 0.5 / 2, rel=1e-5)
    assert not kit.better(kit.gain(a > 1, a > 1))
    assert kit.better(found)


def test_the_judge_is_asked_for_its_own_class_of_that_name(nets: Nets) -> None:
    x = columns((0.9, 0.1), (0.1, 0.9), (0.9, 0.1))
    y = torch.tensor([1, 0, 0])  # left, right, right
    assert nets.asked(y).tolist() == [0, 1, 1]
    seen = kit.recognised(nets, {"a": x, "b": 1 - x}, y)
    assert seen["a"].tolist() == [True, True, False]
    assert seen["b"].tolist() == [False, False, True]
    rate = measures.judged(nets.judge, x, nets.asked(y))
    assert kit.rates(seen, "seen")["a: seen"] == Number.of(rate)
    drawn = kit.gallery(nets, "g", "c", {"a": x}, y)
    assert [row[0].tone for row in drawn.rows] == ["good", "good", "bad"]
    assert drawn.rows[0][0].text.startswith("left")


def test_parts_are_the_whole() -> None:
    x, k = torch.rand(7, 1, 3, 3), torch.arange(7.0)

    def tool(part: Tensor, number: Tensor) -> Made:
        return Made(part * number.view(-1, 1, 1, 1), part, part, {"k": number}, {})

    made = kit.in_parts("t", tool, x, k, size=3)
    assert torch.equal(made.images, x * k.view(-1, 1, 1, 1))
    assert made.numbers["k"].tolist() == k.tolist()


def test_a_judge_that_makes_pictures_is_refused() -> None:
    with pytest.raises(InputError, match="a net that makes none"):
        replace(FASHION, judge=FASHION.standard)
    for trio in (FASHION, CIFAR, PETS):
        assert len({recipe.weights for recipe in (trio.robust, trio.standard, trio.judge)}) == 3


def test_images_that_defaults_were_chosen_on_are_not_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = unseen(FASHION.robust, 0)
    monkeypatch.setitem(kit_places(), "fashion", (0, 3))
    rest = unseen(FASHION.robust, 0)
    assert len(rest) == len(whole) - 2
    assert torch.equal(rest.images[:2], whole.images[[1, 2]])
    assert torch.equal(unseen(FASHION.robust, 20).labels.bincount(), torch.full((10,), 2))


def kit_places() -> dict[str, tuple[int, ...]]:
    from robustlens.studies.kit.judges import CHOSEN_ON

    return CHOSEN_ON


def test_the_hole_is_in_the_middle_and_the_region_on_the_right() -> None:
    mask = painting.hole_in(torch.zeros(1, 3, 32, 28), 0.375)
    rows, across = (mask.any(dim=axis).nonzero().flatten().tolist() for axis in (1, 0))
    assert rows == list(range(10, 22))
    assert across == list(range(9, 19))
    assert int(mask.sum()) == 120
    right = features.right_part(torch.zeros(1, 1, 4, 6), 0.5)
    assert right.tolist() == [[False] * 3 + [True] * 3] * 4


def test_inside_the_hole_alone_is_counted() -> None:
    x = torch.zeros(1, 1, 8, 8)
    config = painting.Config(hole=0.5)
    off = torch.where(painting.hole_in(x, 0.5), 0.1, 0.9)  # 0.9 off outside, 0.1 inside
    assert float(painting._in_hole(config, off.expand_as(x), x)) == pytest.approx(20.0, abs=1e-4)


def test_an_image_moves_straight_and_at_most_all_the_way() -> None:
    x, goal = torch.zeros(2, 1, 1, 2), torch.tensor([[3.0, 4.0], [3.0, 4.0]]).view(2, 1, 1, 2)
    moved = translation.moved_to(x, goal, torch.tensor([1.0, 99.0])).flatten(1)
    assert torch.allclose(moved, torch.tensor([[0.6, 0.8], [3.0, 4.0]]))


def test_enlargements_are_compared_with_what_was_reduced(nets: Nets) -> None:
    x = torch.rand(3, 1, 13, 14, generator=torch.Generator().manual_seed(0))
    x = enlarging.cropped(x, 4)
    made = enlarging.versions(enlarging.Config(factor=4, steps=2), nets, x)
    assert {tuple(images.shape) for images in made.values()} == {(3, 1, 12, 12)}
    assert torch.equal(made[enlarging.WHOLE], x)
    blocks = made[enlarging.BLOCKS]
    assert torch.allclose(blocks[0, 0, :4, :4], x[0, 0, :4, :4].mean())
    assert math.isinf(float(measures.psnr(blocks, blocks)[0]))


def test_the_class_to_paint_is_never_the_own_one_and_all_others_occur() -> None:
    y = torch.zeros(18, dtype=torch.int64) + 3
    found = features.another(y, 10)
    assert 3 not in found
    assert found.unique().tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def test_the_unit_of_a_class_is_the_one_that_brings_its_logit_most(nets: Nets) -> None:
    x = columns((0.8, 0.2), (1.0, 0.0), (0.2, 0.8))
    data = Dataset((x * 255).to(torch.uint8), torch.tensor([0, 0, 1]), ("left", "right"), "d")
    found = features.chosen(nets.makers[ROBUST], data)
    assert found.unit.tolist() == [0, 1]
    assert found.image.tolist() == [1, 2]
    belief = features.believes(nets, columns((1.0, 0.0)), torch.tensor([1]))
    assert float(belief) == pytest.approx(1 / (1 + math.exp(-1)), rel=1e-5)


def test_seeds_are_the_same_for_every_net_and_a_class_has_its_own() -> None:
    x = torch.cat([columns((0.9, 0.1)).repeat(5, 1, 1, 1), columns((0.1, 0.9)).repeat(5, 1, 1, 1)])
    data = Dataset((x * 255).to(torch.uint8), torch.arange(10) // 5, ("left", "right"), "d")
    seeds = Seeds.fit(data, rank=2)
    y = torch.arange(2).repeat(60)  # more than one part
    begun = generated.seeds_of(seeds, y, 0)
    assert torch.equal(begun, generated.seeds_of(seeds, y, 0))
    still = generated.pictures_of("t", Brightest(), seeds, y, 0, 0)
    assert torch.equal(still, begun)
    assert measures.sees(Brightest(), begun, y).all()


def test_a_set_of_real_images_is_near_to_others_of_its_kind(nets: Nets) -> None:
    g = torch.Generator().manual_seed(0)
    a, b = (torch.rand(200, 1, 12, 12, generator=g) for _ in range(2))
    y = torch.arange(200) % 2
    found = generated.measured(nets, {"alike": a, "dark": a / 4}, y, b, 0)
    assert found["alike"].kernel.low <= 0 <= found["alike"].kernel.high
    assert found["dark"].kernel.low > found["alike"].kernel.high
    assert found["dark"].frechet.value > found["alike"].frechet.value
    assert found["dark"].diversity.value == pytest.approx(found["alike"].diversity.value / 4)
    train = Dataset((a * 255).to(torch.uint8), y, ("left", "right"), "d")
    near = generated.neighbours(nets, train.images[[5, 9]] / 255, train)
    assert near.place.flatten().tolist() == [5, 9]
    assert float(near.distance.max()) < 1e-6


def test_parts_of_a_sketch_have_the_area_that_they_say() -> None:
    plain = drawing.Placed()
    white, black = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)
    shape = (1, 64, 64)
    box = drawing.drawn(drawing.Sketch(black, (drawing.box(white, 0.25, 0, 0.5, 1),)), shape, plain)
    assert float(box.mean()) == pytest.approx(0.25, abs=1e-6)
    oval = drawing.Sketch(black, (drawing.oval(white, 0.0, 0.25, 1.0, 0.75),))
    assert float(drawing.drawn(oval, shape, plain).mean()) == pytest.approx(math.pi / 8, abs=2e-3)
    corner = drawing.polygon(white, (0.0, 0.0), (1.0, 0.0), (0.0, 1.0))
    half = drawing.drawn(drawing.Sketch(black, (corner,)), shape, plain)
    assert float(half.mean()) == pytest.approx(0.5, abs=5e-3)
    assert float(half[0, 5, 5]) == 1
    assert float(half[0, 60, 60]) == 0
    smaller = drawing.drawn(oval, shape, drawing.Placed(right=0.1, scale=0.5))
    assert float(smaller.mean()) == pytest.approx(math.pi / 32, abs=2e-3)
    middle = (smaller[0].sum(dim=0) * (torch.arange(64) + 0.5)).sum() / smaller.sum() / 64
    assert float(middle) == pytest.approx(0.6, abs=1e-3)


def test_sketches_are_varied_by_seed_and_in_colour_where_there_is_colour() -> None:
    classes = ("ship", "no such thing", "frog")
    x, y = sketching.sketches(classes, (3, 32, 32), 2, 0)
    assert y.tolist() == [0, 2, 0, 2]
    assert torch.equal(x, sketching.sketches(classes, (3, 32, 32), 2, 0)[0])
    assert not torch.equal(x[0], x[2])
    assert 0 <= float(x.min()) <= float(x.max()) <= 1
    grey, _ = sketching.sketches(classes, (1, 32, 32), 1, 0)
    luma = (x[:1] * torch.tensor(drawing.LUMA).view(3, 1, 1)).sum(dim=1)
    assert torch.allclose(grey[0], luma, atol=1e-6)
    assert len(GARMENTS) == 9
    assert len(THINGS) == 10
    with pytest.raises(InputError, match="Ankle boot"):
        sketching.sketches(("ship", "sheep"), (3, 32, 32), 1, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: painting.Config(hole=1.0),
        lambda: enlarging.Config(factor=1),
        lambda: translation.Config(second="Pullover"),
        lambda: features.Config(region=0.0),
        lambda: sketching.Config(variations=0),
        lambda: generation.Config(samples=10),
    ],
)
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(InputError):
        wrong()


@pytest.mark.parametrize("id", IDS)
def test_a_small_run_gives_numbers_pictures_and_a_verdict(id: str, tmp_path: Path) -> None:
    study = STUDIES[id]
    result = run(study, "tiny", study.presets["tiny"], folder=tmp_path)
    assert result.verdict is Verdict.TOO_SMALL
    assert study.presets["full"].nets != study.presets["quick"].nets
    outside = [n.value for name, n in result.numbers.items() if "outside" in name]
    assert outside == ([0.0] if id in ("in-painting", "paint-with-features") else [])
    assert any(name.startswith("judge's") and "minus" in name for name in result.numbers)
    save_pictures(result.figures, tmp_path)
    again = run(study, "tiny", study.presets["tiny"], folder=tmp_path)
    assert again.numbers == result.numbers

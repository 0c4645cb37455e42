"""The tools: against nets whose answer is known, alone and in a batch, twice, and misused."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from robustlens.balls import L2, Box
from robustlens.errors import InputError, UnknownName
from robustlens.rules import Steepest
from robustlens.streams import stream
from robustlens.vision import (
    Made,
    Walk,
    add_feature,
    class_of,
    enlarged,
    exemplars,
    feature_sensitivity,
    from_sketch,
    inpaint,
    interpolate,
    invert,
    mean_filled,
    morph,
    noise,
    paint_feature,
    translate,
    upscale,
    visualize_feature,
    wander,
)


class Flat(nn.Module):
    """R(x) = W x and logits = V R(x): everything about it has a closed form."""

    def __init__(self, inputs: int, units: int, classes: int = 3, seed: int = 0) -> None:
        super().__init__()
        g = stream(seed, "flat")
        self.body, self.head = nn.Linear(inputs, units, bias=False), nn.Linear(units, classes)
        with torch.no_grad():
            for part in self.parameters():
                part.copy_(torch.randn(part.shape, generator=g) / math.sqrt(part.shape[-1]))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(x.flatten(1) - 0.5))
        return logits


def small(channels: int = 3, classes: int = 4, seed: int = 0) -> nn.Module:
    """A small CNN of any size and number of channels, in double precision."""
    from robustlens.nets import SmallCNN
    from robustlens.streams import initialised

    return initialised(seed, lambda: SmallCNN(channels, classes, width=4)).double()


def pictures(n: int, channels: int = 3, side: int = 12) -> Tensor:
    g = stream(1, "pictures")
    return torch.rand(n, channels, side, side, generator=g, dtype=torch.float64)


SHORT = Walk(L2(2.0), Steepest(0.2), steps=6)
TOOLS: dict[str, Callable[[nn.Module, Tensor], Made]] = {
    "translate": lambda m, x: translate(m, x, 2, walk=SHORT),
    "sketch": lambda m, x: from_sketch(m, x, 2, walk=SHORT),
    "inpaint": lambda m, x: inpaint(m, x, hole(x), 1, walk=SHORT),
    "upscale": lambda m, x: upscale(m, x, 2, 1, walk=SHORT),
    "paint": lambda m, x: paint_feature(m, x, hole(x), 3, walk=SHORT),
    "visualize": lambda m, x: visualize_feature(m, x, 3, walk=SHORT),
    "add": lambda m, x: add_feature(m, x, 3, (0.5, 9.0), walk=SHORT),
    "invert": lambda m, x: invert(m, x, 1 - x, walk=SHORT),
    "interpolate": lambda m, x: interpolate(m, x, 1 - x, points=3, walk=SHORT),
    "morph": lambda m, x: morph(m, x, 0, 2, points=3, walk=SHORT),
}


def hole(x: Tensor) -> Tensor:
    mask = torch.zeros(x.shape[2:], dtype=torch.bool)
    mask[3:8, 2:9] = True
    return mask


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("tool", TOOLS)
def test_a_batch_gives_what_single_images_give_and_twice_the_same(tool: str, channels: int) -> None:
    model, x = small(channels), pictures(3, channels)
    run = TOOLS[tool]
    made, again = run(model, x), run(model, x)
    assert torch.equal(made.images, again.images)
    assert made.trace.shape == (7, len(made.images))
    assert 0 <= float(made.images.min()) <= float(made.images.max()) <= 1
    assert set(made.numbers) >= {"value", "moved", "not_finite"}
    assert all(v.shape == (len(made.images),) for v in made.numbers.values())
    alone = [run(model, one) for one in x.split(1)]
    torch.testing.assert_close(made.images, torch.cat([one.images for one in alone]))
    assert model.training
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("tool", ["inpaint", "paint"])
def test_not_a_pixel_outside_a_hard_mask_changes(tool: str) -> None:
    x = pictures(2).float()
    made = TOOLS[tool](small().float(), x)
    known = ~hole(x)
    assert torch.equal(made.images * known, x * known)
    assert not torch.equal(made.images, x)
    assert torch.equal(made.numbers["outside"], torch.zeros(2))


def test_inversion_of_a_linear_net_is_the_solution_of_its_equations() -> None:
    model = Flat(12, 12).double()
    x, start = 0.3 + 0.4 * pictures(2, side=2), torch.full((2, 3, 2, 2), 0.5).double()
    made = invert(model, x, start, walk=Walk(Box(), Steepest(0.002), steps=800))
    assert float(made.numbers["distance"].max()) < 0.02
    torch.testing.assert_close(made.images, x, atol=0.05, rtol=0)
    assert torch.equal(made.start, start)


def test_what_a_net_does_not_see_stays_that_of_the_start() -> None:
    model = Flat(12, 2).double()  # a plane of directions is seen, the other ten are not
    x, start = 0.4 + pictures(1, side=2) / 4, torch.full((1, 3, 2, 2), 0.5).double()
    made = invert(model, x, start, walk=Walk(Box(), Steepest(0.0005), steps=1600))
    w = model.body.weight.detach()
    moved = (made.images - start).flatten()
    seen = torch.linalg.lstsq(w.T, moved[:, None]).solution
    torch.testing.assert_close(w.T @ seen, moved[:, None], atol=1e-9, rtol=0)
    assert float(made.numbers["distance"]) < 0.05


def test_a_unit_of_a_linear_net_rises_by_its_length_a_step() -> None:
    model = Flat(12, 5).double()
    x = torch.full((1, 3, 2, 2), 0.5).double()
    made = visualize_feature(model, x, 4, walk=Walk(L2(0.3), Steepest(0.1), steps=3))
    length = torch.linalg.vector_norm(model.body.weight[4].detach())
    expected = torch.arange(4).double() * 0.1 * length
    torch.testing.assert_close(made.trace[:, 0], expected)
    torch.testing.assert_close(made.numbers["after"] - made.numbers["before"], 0.3 * length[None])


def test_a_unit_is_added_up_to_its_level_and_no_further() -> None:
    model = Flat(12, 5).double()
    x = torch.full((2, 3, 2, 2), 0.5).double()
    step = 0.01 * float(torch.linalg.vector_norm(model.body.weight[1].detach()))
    levels = (0.05, 0.1, -1.0)
    made = add_feature(model, x, 1, levels, walk=Walk(Box(), Steepest(0.01), steps=100))
    for level, after in zip(levels * 2, made.numbers["after"].tolist(), strict=True):
        assert max(level, 0.0) - 1e-9 <= after <= max(level, 0.0) + step + 1e-9
    assert made.groups(3).shape == (2, 3, 3, 2, 2)


def test_interpolation_goes_evenly_from_one_end_to_the_other() -> None:
    model = Flat(12, 6).double()
    a, b = pictures(2, side=2), pictures(2, side=2).flip(3)
    made = interpolate(model, a, b, points=5, walk=Walk(Box(), Steepest(0.01), steps=0))
    torch.testing.assert_close(made.numbers["way"], torch.linspace(0, 1, 5).double().repeat(2))
    torch.testing.assert_close(made.groups(5)[:, 0], a)
    torch.testing.assert_close(made.groups(5)[:, -1], b)


def test_a_morph_ends_at_its_classes() -> None:
    made = morph(Flat(12, 5), torch.full((1, 3, 2, 2), 0.5), 0, 2, points=3)
    p = made.numbers["probability"]
    assert bool((p.diff() > 0).all())


def test_translation_climbs_and_stays_in_its_ball() -> None:
    x = pictures(4)
    made = translate(small(), x, torch.tensor([0, 1, 2, 3]), walk=SHORT)
    assert bool((made.trace[-1] > made.trace[0]).all())
    assert float(made.numbers["moved"].max()) <= 2.0 + 1e-9
    torch.testing.assert_close(made.numbers["probability"], made.trace[-1].exp())


@pytest.mark.parametrize("factor", [2, 1.5, 3.7])
def test_enlargements_have_their_size_and_say_how_far_they_are_from_the_small_one(
    factor: float,
) -> None:
    x = pictures(2)
    still = Walk(L2(0.0), Steepest(0.1), steps=1)
    made = upscale(small(), x, factor, 1, mode="nearest", walk=still)
    side = round(12 * factor)
    assert made.images.shape == (2, 3, side, side)
    if factor == 2:
        torch.testing.assert_close(made.numbers["consistency"], torch.zeros(2).double())
        moved = upscale(small(), x, factor, 1, walk=SHORT)
        blocks = moved.images.view(2, 3, 12, 2, 12, 2).mean(dim=(3, 5))
        gap = (blocks - x).square().mean(dim=(1, 2, 3)).sqrt()
        torch.testing.assert_close(moved.numbers["consistency"], gap)


def test_a_class_that_is_not_given_is_what_the_model_sees() -> None:
    model, x = small().eval(), pictures(3)
    with torch.no_grad():
        seen = model(mean_filled(x, hole(x))).argmax(dim=1)
    made = inpaint(model, x, hole(x), walk=SHORT)
    assert made.numbers["target"].long().tolist() == seen.tolist()


def test_frames_show_the_walk_from_its_start_to_its_end() -> None:
    x = pictures(2)
    made = translate(small(), x, 1, walk=Walk(L2(2.0), Steepest(0.2), steps=6, frames=4))
    assert made.frames is not None
    assert made.frames.shape == (4, *x.shape)
    assert torch.equal(made.frames[0], x)
    assert torch.equal(made.frames[-1], made.images)
    half = translate(small(), x, 1, walk=Walk(L2(2.0), Steepest(0.2), steps=2))
    torch.testing.assert_close(made.frames[1], half.images)
    assert torch.equal(translate(small(), x, 1, walk=SHORT).images, made.images)


def test_the_share_of_the_found_unit_is_the_largest_and_shares_sum_to_the_gap() -> None:
    model = Flat(12, 5).double()
    x = pictures(6, side=2)
    with torch.no_grad():
        z, r = model(x), model.body(x.flatten(1) - 0.5)
    p = z.argmax(dim=1)
    y = (p + 1) % 3
    found = feature_sensitivity(model, x, y, walk=SHORT, generator=stream(0, "control"))
    assert torch.equal(found.predicted, p)
    shares = (model.head.weight[p] - model.head.weight[y]) * r
    assert torch.equal(found.unit, shares.argmax(dim=1))
    torch.testing.assert_close(found.share, shares.amax(dim=1).detach())
    bias = model.head.bias[p] - model.head.bias[y]
    torch.testing.assert_close(found.gap, (shares.sum(dim=1) + bias).detach())
    without = r.scatter(1, found.unit[:, None], 0.0)
    with torch.no_grad():
        assert torch.equal(found.without, model.head(without).argmax(dim=1))
    assert bool((found.control != found.unit).all())
    assert torch.equal(found.changed, found.without != p)
    assert bool((found.made.trace[-1] > found.made.trace[0]).all())


def test_sensitivity_is_of_mistakes_only() -> None:
    model, x = Flat(12, 5), pictures(3, side=2).float()
    with torch.no_grad():
        y = model(x).argmax(dim=1)
    with pytest.raises(InputError, match="3 of 3 images that the model is right on"):
        feature_sensitivity(model, x, y, generator=stream(0, "c"))


def test_exemplars_are_the_ends_of_the_data() -> None:
    from robustlens.data import Dataset

    g = stream(0, "data")
    images = torch.randint(256, (30, 3, 2, 2), generator=g, dtype=torch.uint8)
    data = Dataset(images, torch.zeros(30, dtype=torch.int64), ("a",), "toy")
    model = Flat(12, 5)
    found = exemplars(model, data, 2, k=4)
    values = (images.flatten(1) / 255 - 0.5) @ model.body.weight[2].detach()
    torch.testing.assert_close(found.values, values, atol=1e-5, rtol=1e-5)
    assert found.most.tolist() == values.topk(4).indices.tolist()
    assert found.least.tolist() == (-values).topk(4).indices.tolist()
    with pytest.raises(InputError, match="k is 31"):
        exemplars(model, data, 2, k=31)


def test_noise_is_grey_and_the_same_for_any_number() -> None:
    x = noise(40, (3, 16, 16), generator=stream(0, "noise"))
    assert float(x.mean()) == pytest.approx(0.5, abs=0.002)
    assert float(x.std()) == pytest.approx(0.05, abs=0.002)
    assert torch.equal(x[:3], noise(3, (3, 16, 16), generator=stream(0, "noise")))


def test_the_default_walk_grows_with_the_image() -> None:
    walk = wander(torch.zeros(1, 3, 32, 32), 0.22, 60)
    assert walk.ball == L2(0.22 * math.sqrt(3072))
    assert walk.steps == 60


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (torch.ones(5, 12, dtype=torch.bool), r"mask of shape \(5, 12\)"),
        (torch.ones(2, 12, 12, dtype=torch.bool), r"mask of shape \(2, 12, 12\)"),
        (torch.ones(3, 3, 12, 12, dtype=torch.bool), "mask of shape"),
        (torch.ones(12, 12), "mask of torch.float32"),
        (torch.zeros(12, 12, dtype=torch.bool), "covers nothing, of image 0"),
        (torch.ones(12, 12, dtype=torch.bool), "covers everything, of image 0"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused_in_words(mask: Tensor, words: str) -> None:
    with pytest.raises(InputError, match=words):
        inpaint(small(), pictures(3), mask)


def test_one_empty_mask_of_several_is_named() -> None:
    masks = torch.ones(3, 1, 12, 12, dtype=torch.bool)
    masks[:, :, 0] = False
    masks[1] = False
    with pytest.raises(InputError, match="nothing, of image 1"):
        paint_feature(small(), pictures(3), masks, 0)


def test_a_mask_of_everything_can_be_painted() -> None:
    x = pictures(1)
    everywhere = torch.ones(12, 12, dtype=torch.bool)
    painted = paint_feature(small(), x, everywhere, 3, walk=SHORT)
    torch.testing.assert_close(painted.images, visualize_feature(small(), x, 3, walk=SHORT).images)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m, x: translate(m, x, 4), "label 4 for a model with 4 classes"),
        (lambda m, x: translate(m, x, -1), "label -1"),
        (lambda m, x: translate(m, x, True), "target True"),
        (lambda m, x: translate(m, x, torch.tensor([0, 1])), r"target of torch.int64 and shape"),
        (lambda m, x: translate(m, x * 255, 0), "pixels from"),
        (lambda m, x: translate(m, x[:0], 0), "no image"),
        (lambda m, x: translate(m, x[:, :1], 0), "at which the model fails"),
        (lambda m, x: visualize_feature(m, x, 64), "unit 64 of a layer with 64 units"),
        (lambda m, x: visualize_feature(m, x, -1), "unit -1"),
        (lambda m, x: visualize_feature(m, x, 0, layer="nowhere"), "unknown layer 'nowhere'"),
        (lambda m, x: visualize_feature(lambda x: m(x), x, 0), "model that is a function"),
        (lambda m, x: add_feature(m, x, 0, ()), "levels"),
        (lambda m, x: add_feature(m, x, 0, (math.inf,)), "levels"),
        (lambda m, x: invert(m, x, x[:1]), "beside"),
        (lambda m, x: interpolate(m, x, x, points=1), "points is 1"),
        (lambda m, x: morph(m, x, 0, 1, points=1), "points is 1"),
        (lambda m, x: upscale(m, x, 1.0), "factor 1.0"),
        (lambda m, x: upscale(m, x, 0.5), "factor 0.5"),
        (lambda m, x: upscale(m, x, math.nan), "factor nan"),
        (lambda m, x: enlarged(x, 2, "cubic"), "unknown mode 'cubic'"),
    ],
)
def test_misuse_is_refused_in_words(call: Callable[..., object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        call(small(), pictures(3))


def test_an_unknown_class_lists_the_classes() -> None:
    assert class_of("dog", ("cat", "dog")) == class_of(1, ("cat", "dog")) == 1
    with pytest.raises(UnknownName, match=r"unknown class 'cow'; expected one of cat, dog"):
        class_of("cow", ("cat", "dog"))
    with pytest.raises(InputError, match="class 2"):
        class_of(2, ("cat", "dog"))


@pytest.mark.parametrize("numbers", [(-1, 0), (3, 1), (3, -2)])
def test_walks_have_steps_and_frames(numbers: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="steps"):
        Walk(Box(), Steepest(1.0), steps=numbers[0], frames=numbers[1])


def test_a_layer_may_be_any_module_by_its_name() -> None:
    made = visualize_feature(small(), pictures(2), 1, layer="body.0", walk=SHORT)
    assert bool((made.numbers["after"] > made.numbers["before"]).all())
    assert made.settings["layer"] == "body.0"


def test_a_way_to_another_picture_begins_between_the_two() -> None:
    model, x = small(), pictures(2)
    made = morph(model, x, 0, 2, points=3, end=1 - x, walk=Walk(L2(2.0), Steepest(0.2), steps=0))
    for k, image in enumerate(made.images):
        share = (k % 3) / 2
        torch.testing.assert_close(image, (1 - share) * x[k // 3] + share * (1 - x[k // 3]))
    with pytest.raises(InputError, match="as many images, of one size"):
        morph(model, x, 0, 2, end=x[:1])


def test_a_walk_moves_the_bar_that_there_is() -> None:
    from robustlens.progress import within

    seen: list[float] = []
    with within(lambda amount=1, note=None: seen.append(amount), 1.0) as left:
        translate(small(), pictures(1), 2, walk=SHORT)
        assert left() == pytest.approx(0.0)
    assert seen == pytest.approx([1 / 6] * 6)


def test_a_class_has_a_name_in_any_capitals_or_an_index() -> None:
    names = ("Dress", "Ankle boot", "dress", "7")
    assert [class_of(name, names) for name in ("Dress", "dress", "ANKLE BOOT", "7", "1", 0)] == [
        0, 2, 1, 3, 1, 0,
    ]  # fmt: skip
    with pytest.raises(UnknownName, match="unknown class 'DRESS'"):
        class_of("DRESS", names)  # two have that name in other capitals
    with pytest.raises(InputError, match="class 9"):
        class_of("9", names)

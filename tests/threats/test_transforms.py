"""Threats that are no norm balls: what they promise, what they look like, and their search."""

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from robustlens.ascend import value_and_gradient
from robustlens.attacks import bind, pgd, random_search
from robustlens.attacks.transform_attack import transform_search
from robustlens.balls import L2, Ball
from robustlens.data import Dataset
from robustlens.errors import InputError, UnknownName
from robustlens.evaluation import attacked_accuracy
from robustlens.losses import adversarial
from robustlens.streams import Draws, stream
from robustlens.threats.corruptions import CORRUPTIONS, Corruption, corrupted
from robustlens.threats.family import Chain, Family, Threat
from robustlens.threats.transforms import Colour, Spatial, turned, warped

SPATIAL = Spatial(30, 0.1)
THREATS: list[Family] = [
    SPATIAL,
    Spatial(0, 0.2, "border"),
    Colour(),
    Colour(0.2, 0.3, 0.5, 90),
    Corruption("gaussian_noise", 5),
    Chain((Spatial(10, 0), Colour(0.1, 0, 0))),
]


def images(b: int, c: int = 3, side: int = 8, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(b, c, side, side, generator=stream(1, "x"), dtype=dtype)


class Steady:
    """A linear model whose arithmetic for an image does not depend on the batch."""

    def __init__(self, classes: int, inputs: int, dtype: torch.dtype = torch.float32) -> None:
        self.w = torch.randn(classes, inputs, generator=stream(2, "w"), dtype=dtype)

    def __call__(self, x: Tensor) -> Tensor:
        return ((x.flatten(1) - 0.5)[:, None] * self.w).sum(-1)


def setting(b: int, classes: int = 3, channels: int = 3) -> tuple[Steady, Tensor, Tensor]:
    x = images(b, channels)
    model = Steady(classes, channels * 64)
    return model, x, model(x).argmax(dim=1)


@pytest.mark.parametrize("threat", THREATS, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_members_are_images_and_the_neutral_one_is_x_to_the_bit(
    threat: Family, channels: int
) -> None:
    x = images(5, channels)
    theta = torch.rand(5, threat.parameters, generator=stream(0, "theta"))
    theta[0] = torch.tensor(threat.neutral)
    moved = threat.apply(x, theta)
    assert moved.shape == x.shape
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert torch.equal(moved[0], x[0])
    assert (moved[1:] != x[1:]).flatten(1).any(dim=1).all()
    assert torch.equal(threat.apply(x[2:3], theta[2:3])[0], moved[2])
    assert torch.equal(threat.distance(moved, x)[:1], torch.zeros(1))
    assert isinstance(threat, Threat)
    assert isinstance(threat, Ball)


@pytest.mark.parametrize("threat", THREATS, ids=str)
@pytest.mark.parametrize("neutral", [True, False])
def test_changes_have_the_gradient_that_differences_show(threat: Family, neutral: bool) -> None:
    x = images(3, dtype=torch.float64) / 2 + 0.25
    w = torch.randn(x.shape[1:], generator=stream(3, "w"), dtype=x.dtype)
    theta = torch.rand(3, threat.parameters, generator=stream(4, "t"), dtype=x.dtype) * 0.3 + 0.3
    theta = x.new_tensor([threat.neutral] * 3) if neutral else theta

    def objective(theta: Tensor) -> Tensor:
        return (threat.changed(x, theta) * w).sum(dim=(1, 2, 3))

    def applied(theta: Tensor) -> Tensor:
        return (threat.apply(x, theta) * w).sum(dim=(1, 2, 3))

    _, inner = value_and_gradient(objective, theta)
    value, gradient = value_and_gradient(applied, theta)
    assert gradient.abs().amin() > 0
    if isinstance(threat, Corruption):
        return  # noise leaves the range of pixels, and clipping bends the line
    assert torch.allclose(gradient, inner)
    if neutral:
        return  # bilinear interpolation has a kink at whole pixels
    for k in range(threat.parameters):
        step = torch.zeros_like(theta)
        step[:, k] = 1e-6
        slope = (applied(theta + step) - applied(theta - step)) / 2e-6
        assert torch.allclose(slope, gradient[:, k], atol=1e-4)
    assert value.shape == (3,)


def test_a_quarter_turn_is_that_of_the_pixels() -> None:
    x = images(2)
    turn = Spatial(90, 0).apply(x, torch.tensor([[1.0], [0.0]]))
    assert torch.allclose(turn[0], torch.rot90(x[0], 1, (1, 2)), atol=1e-5)
    assert torch.allclose(turn[1], torch.rot90(x[1], -1, (1, 2)), atol=1e-5)


def test_a_shift_is_by_shares_of_the_side() -> None:
    x = torch.rand(1, 1, 4, 8)
    moved = Spatial(0, 0.25).apply(x, torch.tensor([[1.0, 0.0]]))  # 2 to the right, 1 up
    wanted = torch.zeros_like(x)
    wanted[..., :3, 2:] = x[..., 1:, :-2]
    assert torch.allclose(moved, wanted, atol=1e-6)
    kept = Spatial(0, 0.25, "border").apply(x, torch.tensor([[1.0, 0.0]]))
    assert torch.allclose(kept[..., :3, 0], x[..., 1:, 0], atol=1e-6)


def test_long_images_keep_their_angles() -> None:
    x = torch.zeros(1, 1, 9, 21)
    x[..., 4, 10:14] = 1  # from the middle to the right
    turned_up = warped(x, torch.tensor([math.pi / 2]), torch.zeros(1, 2))
    wanted = torch.zeros_like(x)
    wanted[..., 1:5, 10] = 1
    assert torch.allclose(turned_up, wanted, atol=1e-5)


def test_colours_move_as_their_names_say() -> None:
    x = images(1) / 2 + 0.25
    low, high = torch.zeros(1, 1), torch.ones(1, 1)
    assert torch.allclose(Colour(0.1, 0, 0).apply(x, high), x + 0.1)
    flat = Colour(0, 1, 0).apply(x, low)
    assert torch.allclose(flat.mean(dim=1), x.mean().expand(1, 8, 8), atol=1e-6)
    grey = Colour(0, 0, 1).apply(x, low)
    assert torch.allclose(grey, x.mean(dim=1, keepdim=True).expand_as(x), atol=1e-6)
    third = turned(x - x.mean(dim=1, keepdim=True), torch.full((1, 1, 1, 1), 2 * math.pi / 3))
    assert torch.allclose(third, (x - x.mean(dim=1, keepdim=True)).roll(1, dims=1), atol=1e-6)
    one = images(1, 1)
    assert torch.equal(Colour(0, 0, 1, 90).apply(one, torch.rand(1, 2)), one)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_corruptions_are_images_and_grow(name: str, channels: int) -> None:
    x = images(3, channels, 28)
    x = torch.nn.functional.avg_pool2d(x, 5, 1, 2)  # smoother, as photographs are
    moved = [corrupted(x, name, severity, stream(0, "c")) for severity in (1, 3, 5)]
    assert all(m.shape == x.shape and m.dtype == x.dtype for m in moved)
    assert all(0 <= float(m.min()) <= float(m.max()) <= 1 for m in moved)
    far = [float(L2(1).distance(m, x).mean()) for m in moved]
    assert 0 < far[0] < far[2]
    again = corrupted(x, name, 3, stream(0, "c"))
    alone = corrupted(x[1:2], name, 3, stream(0, "c"))
    assert torch.equal(again, moved[1])
    assert torch.allclose(alone[0], again[1], atol=1e-6)
    whole = Corruption(name, 5).apply(x, torch.ones(3, 1))
    assert L2(1).distance(whole, x).mean() > 0.5 * far[2]
    assert corrupted(x[:0], name, 1, stream(0, "c")).shape == (0, channels, 28, 28)


def test_noise_has_the_published_size() -> None:
    x = torch.full((20, 1, 40, 40), 0.5)
    gaussian = corrupted(x, "gaussian_noise", 5, stream(0, "g"))
    assert float((gaussian - x).std()) == pytest.approx(0.10, rel=0.03)
    shot = corrupted(x, "shot_noise", 5, stream(0, "s"))
    assert float(shot.mean()) == pytest.approx(0.5, rel=0.01)
    assert float((shot - x).std()) == pytest.approx(math.sqrt(0.5 / 50), rel=0.03)
    assert torch.allclose((shot * 50).round(), shot * 50, atol=1e-4)
    impulse = corrupted(x, "impulse_noise", 5, stream(0, "i"))
    assert float((impulse == 1).float().mean()) == pytest.approx(0.035, rel=0.15)
    assert float((impulse == 0).float().mean()) == pytest.approx(0.035, rel=0.15)


def test_blurs_keep_the_mean_and_contrast_is_about_it() -> None:
    x = torch.zeros(2, 1, 21, 21)
    x[..., 10, 10] = 1
    for name in ("gaussian_blur", "defocus_blur", "motion_blur"):
        blurred = corrupted(x, name, 5, stream(0, "b"))
        assert float(blurred.sum()) == pytest.approx(2.0, rel=0.02)
        assert float(blurred.max()) < 0.6
    y = images(2)
    contrast = corrupted(y, "contrast", 2, stream(0, "b"))
    mean = y.mean(dim=(2, 3), keepdim=True)
    assert torch.allclose(contrast, mean + 0.5 * (y - mean), atol=1e-6)


def test_brightness_keeps_hue_and_saturation() -> None:
    x = torch.tensor([0.2, 0.4, 0.1]).view(1, 3, 1, 1)
    found = corrupted(x, "brightness", 2, stream(0, "b")).flatten()
    assert torch.allclose(found, torch.tensor([0.25, 0.5, 0.125]))
    black = corrupted(torch.zeros(1, 3, 1, 1), "brightness", 5, stream(0, "b"))
    assert torch.allclose(black, torch.tensor(0.3))


@pytest.mark.parametrize("threat", THREATS, ids=str)
@pytest.mark.parametrize(("classes", "channels"), [(2, 1), (3, 3), (10, 3)])
def test_the_search_keeps_the_contract_of_attacks(
    threat: Family, classes: int, channels: int
) -> None:
    model, x, y = setting(7, classes, channels)
    y = torch.where(torch.arange(7) == 3, (y + 1) % classes, y)  # one is wrong as it is
    before = x.clone()
    settings: dict[str, Any] = {"grid": 2, "tries": 5, "steps": 3}
    found = transform_search.found(model, x, y, threat, generator=stream(0, "a"), **settings)
    assert torch.equal(x, before)
    assert torch.equal(found.done, model(found.images).argmax(dim=1) != y)
    assert torch.equal(found.images[~found.done], x[~found.done])
    assert (found.step[~found.done] == -1).all()
    assert torch.equal(found.images[3], x[3])
    assert found.step[3] == 0
    assert (found.step[found.done & (torch.arange(7) != 3)] > 0).all()
    assert found.step.max() <= 2**threat.parameters + 5 + 4
    assert not found.images.requires_grad
    again = transform_search(model, x, y, threat, generator=stream(0, "a"), **settings)
    assert torch.equal(again, found.images)
    for i in (0, 4):
        alone = transform_search.found(
            model, x[i : i + 1], y[i : i + 1], threat, generator=stream(0, "a"), **settings
        )
        assert torch.equal(alone.done[0], found.done[i])
        assert torch.equal(alone.step[0], found.step[i])
        assert torch.allclose(alone.images[0], found.images[i], atol=1e-6)


@pytest.mark.parametrize("size", [0, 1, 64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_batch_and_number_format(size: int, dtype: torch.dtype) -> None:
    x = images(size, dtype=dtype)
    model = Steady(3, 192, dtype)
    y = model(x).argmax(dim=1)
    found = transform_search.found(
        model, x, y, SPATIAL, grid=2, tries=2, steps=2, generator=stream(0, "a")
    )
    assert found.images.shape == x.shape
    assert found.images.dtype == dtype
    assert found.step.dtype == torch.int64


def test_a_module_is_left_as_it_was(trained: Any) -> None:
    trained.model.train()
    transform_search(trained.model, trained.x[:5], trained.y[:5], SPATIAL, grid=2, steps=2,
                     generator=stream(0, "a"))  # fmt: skip
    assert trained.model.training
    assert all(p.requires_grad and p.grad is None for p in trained.model.parameters())
    trained.model.eval()


@dataclass(frozen=True)
class Level(Family):
    """All pixels move by the same amount, up to 1/4: a threat with a known worst case."""

    @property
    def parameters(self) -> int:
        return 1

    def changed(self, x: Tensor, theta: Tensor) -> Tensor:
        return x + (theta - 0.5).view(-1, 1, 1, 1) / 2


def threshold(x: Tensor) -> Tensor:
    """Two classes: is the mean above a half?"""
    score = x.flatten(1).mean(dim=1) - 0.5
    return torch.stack([-score, score], dim=1)


@pytest.mark.parametrize(
    "settings",
    [
        {"grid": 5, "tries": 0, "steps": 0},
        {"grid": 0, "tries": 0, "steps": 10},
        {"grid": 0, "tries": 300, "steps": 0},
    ],
)
def test_each_part_finds_the_known_worst_case(settings: dict[str, int]) -> None:
    means = torch.tensor([0.28, 0.24, 0.7, 0.76])  # within 1/4 of a half, or not
    x = means.view(-1, 1, 1, 1).expand(4, 1, 3, 3).clone()
    y = torch.tensor([0, 0, 1, 1])
    found = transform_search.found(threshold, x, y, Level(), generator=stream(0, "a"), **settings)
    assert found.done.tolist() == [True, False, True, False]
    worst = transform_search(threshold, x, y, Level(), failed="worst", generator=stream(0, "a"),
                             **settings)  # fmt: skip
    assert torch.allclose(worst.mean(dim=(1, 2, 3))[1], torch.tensor(0.49), atol=3e-3)


def test_looking_beats_climbing(trained: Any) -> None:
    x, y = trained.x, trained.y

    def left(**settings: int) -> int:
        found = transform_search.found(
            trained.model, x, y, SPATIAL, generator=stream(0, "a"), **settings
        )
        return int((~found.done).sum())

    grid, climb = left(grid=5, tries=0, steps=0), left(grid=0, tries=0, steps=20)
    assert left(grid=5, tries=10, steps=10) <= grid < climb < len(x)


def test_successes_of_a_twin_count_only_if_the_model_agrees() -> None:
    model, x, y = setting(16)

    def liar(z: Tensor) -> Tensor:
        return -model(z)  # takes everything for broken

    settings: dict[str, Any] = {"grid": 3, "tries": 3, "steps": 3}
    found = transform_search.found(
        model, x, y, SPATIAL, twin=liar, generator=stream(0, "a"), **settings
    )
    assert torch.equal(found.done, model(found.images).argmax(dim=1) != y)
    assert torch.equal(found.images[~found.done], x[~found.done])
    same = transform_search(model, x, y, SPATIAL, twin=model, generator=stream(0, "a"), **settings)
    assert torch.equal(same, transform_search(model, x, y, SPATIAL, generator=stream(0, "a"),
                                              **settings))  # fmt: skip


def test_evaluation_and_training_take_it_like_any_attack(trained: Any) -> None:
    attack = bind(transform_search, SPATIAL, grid=2, tries=2, steps=0)
    assert str(attack) == (
        "transform_search spatial 30 degrees, shift 0.1, steps 0, grid 2, tries 2"
    )
    pixels = (trained.x[:20] * 255).round().to(torch.uint8)
    data = Dataset(pixels, trained.y[:20], tuple("0123456789"), "p")
    measured = attacked_accuracy(trained.model, data, attack, seed=0)
    assert measured.rate.value < 1
    assert max(record.distance for record in measured.records) > 0
    loss = adversarial(attack)(trained.model, trained.x[:8], trained.y[:8], stream(0, "l"))
    plain = torch.nn.functional.cross_entropy(trained.model(trained.x[:8]), trained.y[:8])
    assert loss > plain


def test_norm_ball_attacks_refuse_a_family_in_words(trained: Any) -> None:
    model, x, y = trained.model, trained.x[:2], trained.y[:2]
    with pytest.raises(InputError, match="Linf, L2 or L1"):
        pgd(model, x, y, SPATIAL, generator=stream(0, "a"))
    with pytest.raises(InputError, match="transform_search"):
        random_search(model, x, y, SPATIAL, generator=stream(0, "a"))
    with pytest.raises(InputError, match="transform_search"):
        SPATIAL.steepest(x, x)


def test_bad_input_is_refused(trained: Any) -> None:
    model, x, y = trained.model, trained.x[:2], trained.y[:2]
    for settings, words in (
        ({"grid": 1}, "grid 1 for 3 parameters"),
        ({"grid": (5, 5)}, "grid"),
        ({"grid": 100}, "100000 points at most"),
        ({"tries": -1}, "tries is -1"),
        ({"steps": -1}, "steps is -1"),
    ):
        with pytest.raises(InputError, match=words):
            transform_search(model, x, y, SPATIAL, generator=stream(0, "a"), **settings)
    with pytest.raises(InputError, match=r"shape \(2, 3\)"):
        SPATIAL.apply(x, torch.zeros(2, 2))
    with pytest.raises(InputError, match="degrees is 200"):
        Spatial(200)
    with pytest.raises(UnknownName, match="border"):
        Spatial(padding="wrap")
    with pytest.raises(InputError, match="contrast is -1"):
        Colour(contrast=-1)
    with pytest.raises(InputError, match="one or three"):
        Colour().apply(images(1, 2), torch.zeros(1, 3))
    with pytest.raises(UnknownName, match="did you mean 'fog'"):
        Corruption("fogg")
    with pytest.raises(InputError, match="severity is 6"):
        corrupted(x, "fog", 6, stream(0, "c"))


def test_words() -> None:
    assert str(Colour()) == "colour brightness 0.2, contrast 0.3, saturation 0.5"
    assert str(Colour(0, 0, 0)) == "colour unchanged"
    assert str(Spatial(10, 0, "border")) == "spatial 10 degrees, shift 0, border"
    assert str(Corruption("fog", 2)) == "fog severity 2"
    assert str(THREATS[-1]) == "spatial 10 degrees, shift 0, then colour brightness 0.1"
    assert Spatial(0, 0).parameters == 0


def test_a_threat_without_strength_changes_nothing() -> None:
    model, x, y = setting(4)
    found = transform_search.found(model, x, y, Spatial(0, 0), generator=stream(0, "a"))
    assert not found.done.any()
    assert torch.equal(found.images, x)


def test_samples_are_members(generator: torch.Generator) -> None:
    x = images(3)
    state = generator.get_state()
    drawn = SPATIAL.sample(x, generator)
    theta = Draws.of(x, generator.set_state(state)).uniform(3)
    assert torch.equal(drawn, SPATIAL.apply(x, theta))

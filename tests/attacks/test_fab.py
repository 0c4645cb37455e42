import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustlens.attacks.bound import bind
from robustlens.attacks.fab import fab
from robustlens.balls import L1, L2, Ball, Box, Linf, Masked
from robustlens.errors import InputError
from robustlens.streams import stream

BALLS: list[Linf | L2 | L1] = [Linf(0.15), L2(1.0), L1(12.0)]
DUAL = {Linf: 1.0, L2: 2.0, L1: math.inf}


class Rows(nn.Module):
    """A net of two layers whose arithmetic for an image does not depend on its batch."""

    def __init__(self, classes: int, size: int, seed: int = 0) -> None:
        super().__init__()
        g = stream(seed, "rows", classes, size)
        self.first = nn.Parameter(torch.randn(16, size, generator=g) / size**0.5 * 3)
        self.second = nn.Parameter(torch.randn(classes, 16, generator=g))

    def forward(self, x: Tensor) -> Tensor:
        hidden = ((x.flatten(1) - 0.5)[:, None] * self.first).sum(-1).tanh()
        return (hidden[:, None] * self.second).sum(-1)


class Plane(nn.Module):
    """Two classes on the two sides of <w, x> = b."""

    def __init__(self, w: Tensor, b: float) -> None:
        super().__init__()
        self.w, self.b = nn.Parameter(w), b

    def forward(self, x: Tensor) -> Tensor:
        score = (x.flatten(1) * self.w).sum(-1) - self.b
        return torch.stack([-score / 2, score / 2], dim=1)


def images(n: int, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(n, *shape, generator=stream(0, "images", n, *shape), dtype=dtype)


def run(model: Any, x: Tensor, y: Tensor, ball: Ball, **settings: Any) -> Any:
    return fab.found(model, x, y, ball, generator=stream(0, "fab"), **settings)


@pytest.mark.parametrize("ball", BALLS, ids=str)
@pytest.mark.parametrize("size", [0, 1, 7])
def test_images_stay_in_ball_and_box_and_failures_are_clean(
    ball: Any, size: int, trained: Any
) -> None:
    x, y = trained.x[:size], trained.y[:size]
    before = x.clone()
    found = run(trained.model, x, y, ball, steps=8, targets=3)
    assert torch.equal(x, before)
    assert found.images.shape == x.shape
    assert found.images.dtype == x.dtype
    assert not found.images.requires_grad
    with torch.no_grad():
        assert torch.equal(trained.model(found.images).argmax(dim=1) != y, found.done)
    assert torch.equal(found.images[~found.done], x[~found.done])
    assert (found.step[~found.done] == -1).all()
    assert (found.step[found.done] >= 0).all()
    assert found.step.dtype == torch.int64
    if size:
        assert found.images.min() >= 0
        assert found.images.max() <= 1
        assert (ball.distance(found.images, x) <= ball.eps + 1e-6 * max(1, ball.eps)).all()
    if size == 7:
        assert found.done.any()


@pytest.mark.parametrize("ball", BALLS, ids=str)
@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_number_of_classes_and_channels(ball: Any, classes: int, channels: int) -> None:
    model, x = Rows(classes, channels * 36), images(12, channels, 6, 6)
    y = model(x).argmax(dim=1)
    y[0] = (y[0] + 1) % classes  # already wrong
    found = run(model, x, y, ball, steps=20)
    assert found.done.all()  # the balls are large for such small images
    assert found.step[0] == 0
    assert torch.equal(found.images[0], x[0])
    assert (found.step[1:] > 0).all()


@pytest.mark.parametrize("kind", [Linf, L2, L1])
def test_a_plane_is_crossed_just_above_its_exact_distance(kind: Any) -> None:
    g = torch.Generator().manual_seed(0)
    w = torch.randn(49, generator=g, dtype=torch.float64)
    x = 0.45 + 0.1 * torch.rand(4, 1, 7, 7, generator=g, dtype=torch.float64)
    score = (x.flatten(1) * w).sum(-1) - 0.5 * w.sum()
    model = Plane(w, float(0.5 * w.sum()))
    y = (score > 0).long()
    exact = score.abs() / torch.linalg.vector_norm(w, ord=DUAL[kind])
    for i in range(len(x)):
        above, below = kind(float(exact[i]) * 1.01), kind(float(exact[i]) * 0.999)
        assert run(model, x[i : i + 1], y[i : i + 1], above, steps=10).done
        assert not run(model, x[i : i + 1], y[i : i + 1], below, steps=10).done


@pytest.mark.parametrize("kind", [Linf, L2, L1])
def test_the_box_counts_in_the_distance(kind: Any) -> None:
    """Half of the pixels stand at the wall that they would have to pass."""
    w = torch.ones(16, dtype=torch.float64)
    x = torch.full((1, 1, 4, 4), 0.5, dtype=torch.float64)
    x[..., 2:] = 1.0
    model, y = Plane(w, float(x.sum()) + 0.8), torch.tensor([0])  # 8 free pixels gain 0.1 each
    exact = {Linf: 0.1, L2: 0.1 * 8**0.5, L1: 0.8}[kind]
    assert run(model, x, y, kind(exact * 1.01), steps=10).done
    assert not run(model, x, y, kind(exact * 0.999), steps=10).done


@pytest.mark.parametrize("ball", [Linf(0.01), L2(0.08), L1(0.3)], ids=str)
def test_what_an_image_gets_does_not_depend_on_its_batch(ball: Any) -> None:
    model, x = Rows(5, 64), images(24, 1, 8, 8)
    y = model(x).argmax(dim=1)
    whole = run(model, x, y, ball, steps=8, restarts=2)
    assert 0 < whole.done.sum() < 24
    for rows in (torch.arange(24).flip(0), torch.arange(3, 10), torch.tensor([5])):
        part = run(model, x[rows], y[rows], ball, steps=8, restarts=2)
        assert torch.equal(part.done, whole.done[rows])
        assert torch.equal(part.step, whole.step[rows])
        assert torch.equal(part.images, whole.images[rows])


def test_the_same_generator_gives_the_same_bits(trained: Any) -> None:
    x, y = trained.x[:6], trained.y[:6]
    settings: dict[str, Any] = {"steps": 5, "targets": 2, "restarts": 2}
    first, second = (run(trained.model, x, y, L2(0.5), **settings) for _ in range(2))
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.step, second.step)


def test_the_model_is_left_as_it_was(trained: Any) -> None:
    model = nn.Sequential(trained.model, nn.Dropout(0.5)).train()
    run(model, trained.x[:3], trained.y[:3], L2(0.5), steps=2, targets=1)
    assert model.training
    assert model[1].training
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    trained.model.eval()


def test_any_callable_is_a_model() -> None:
    inner, x = Rows(3, 16), images(4, 1, 4, 4)
    y = inner(x).argmax(dim=1)
    assert run(lambda z: inner(z), x, y, L2(1.0), steps=10).done.all()


class Counting(nn.Module):
    """A model that counts how often and with how many images it is asked."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.sizes = inner, list[int]()

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append(len(x))
        logits: Tensor = self.inner(x)
        return logits


def test_a_step_asks_the_model_once() -> None:
    model, x = Counting(Rows(4, 16)), images(5, 1, 4, 4)
    y = model.inner(x).argmax(dim=1)
    assert not run(model, x, y, L2(1e-4), steps=30).done.any()
    # the clean images; for each of 3 classes 30 steps, the last point, the point put in the ball
    assert len(model.sizes) == 1 + 3 * (30 + 1 + 1)


def test_finished_images_leave() -> None:
    model, x = Counting(Rows(4, 64)), images(16, 1, 8, 8)
    y = model.inner(x).argmax(dim=1)
    assert run(model, x, y, L2(3.0), steps=30, targets=1).done.all()
    assert sum(model.sizes) < 16 * 15


class Off(nn.Module):
    """A twin whose boundary is off: logits of another scale, and one of them shifted."""

    def __init__(self, inner: nn.Module, shift: float) -> None:
        super().__init__()
        self.inner, self.shift = inner, shift

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = self.inner(x)
        return z + self.shift * torch.eye(z.shape[1])[0]


@pytest.mark.parametrize("shift", [-0.05, 0.0, 0.05])
@pytest.mark.parametrize("ball", [Linf(0.03), L2(0.3), L1(1.5)], ids=str)
def test_a_twin_searches_and_the_model_decides(ball: Any, shift: float) -> None:
    model, x = Rows(5, 64), images(24, 1, 8, 8)
    y = model(x).argmax(dim=1)
    alone = run(model, x, y, ball, steps=20)
    found = run(model, x, y, ball, steps=20, twin=Off(model, shift))
    with torch.no_grad():
        assert torch.equal(model(found.images).argmax(dim=1) != y, found.done)
    assert torch.equal(found.images[~found.done], x[~found.done])
    assert (alone.done != found.done).sum() <= 1


def test_a_twin_that_is_always_wrong_confirms_nothing() -> None:
    model, x = Plane(torch.ones(16), 0.0), images(4, 1, 4, 4)
    y = torch.ones(4, dtype=torch.int64)
    found = run(model, x, y, L2(0.01), steps=8, twin=lambda z: -model(z))
    assert not found.done.any()
    assert torch.equal(found.images, x)


def test_no_gradient_gives_no_numbers_that_are_none() -> None:
    x = images(3, 1, 4, 4)
    y = torch.zeros(3, dtype=torch.int64)

    def flat(z: Tensor) -> Tensor:
        return torch.stack([z.flatten(1).sum(1) * 0 + 1, z.flatten(1).sum(1) * 0], dim=1)

    found = run(flat, x, y, Linf(0.1), steps=5, restarts=2)
    assert not found.done.any()
    assert torch.equal(found.images, x)


def test_restarts_reach_what_the_first_walk_does_not() -> None:
    """The gradient is zero at x, and leads to the boundary a little off it."""

    def ring(z: Tensor) -> Tensor:
        score = (z.flatten(1) - 0.5).square().sum(dim=1) - 0.04
        return torch.stack([-score, score], dim=1)

    x, y = torch.full((4, 1, 3, 3), 0.5), torch.zeros(4, dtype=torch.int64)
    assert not run(ring, x, y, L2(0.25), steps=15).done.any()
    found = run(ring, x, y, L2(0.25), steps=15, restarts=2)
    assert found.done.all()
    assert (found.step > 15).all()


def test_a_ball_of_radius_zero_returns_x(trained: Any) -> None:
    x, y = trained.x[:3], trained.y[:3]
    for kind in (Linf, L2, L1):
        found = run(trained.model, x, y, kind(0.0), steps=3, targets=1)
        assert torch.equal(found.images, x)


def test_it_binds_like_every_attack(trained: Any) -> None:
    attack = bind(fab, L2(0.5), steps=2, targets=1)
    assert str(attack) == "fab l2 eps 0.5, steps 2, restarts 1, targets 1"
    assert attack(trained.model, trained.x[:2], trained.y[:2], stream(0)).shape == (2, 1, 28, 28)


@pytest.mark.parametrize(
    "settings",
    [{"steps": -1}, {"targets": 0}, {"restarts": 0}, {"alpha_max": 2.0}, {"beta": 1.5},
     {"eta": 0.0}],
    ids=str,
)  # fmt: skip
def test_bad_settings_are_refused(settings: dict[str, Any], trained: Any) -> None:
    with pytest.raises(InputError, match=next(iter(settings))):
        run(trained.model, trained.x[:1], trained.y[:1], L2(0.5), **settings)


@pytest.mark.parametrize("ball", [Box(), Masked(L2(0.5), torch.eye(28) > 0)], ids=str)
def test_other_balls_are_refused(ball: Ball, trained: Any) -> None:
    with pytest.raises(InputError, match="Linf, L2, L1"):
        run(trained.model, trained.x[:1], trained.y[:1], ball)

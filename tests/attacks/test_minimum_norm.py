"""Minimum-norm attacks: known distances, and what every attack promises."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustlens.attacks import bind, ddn, fmn
from robustlens.attacks.carlini_wagner import carlini_wagner
from robustlens.attacks.deepfool import deepfool
from robustlens.attacks.nearest import firmly_wrong, odds, smallest
from robustlens.balls import L1, L2, Ball, Box, Linf, Masked
from robustlens.errors import InputError
from robustlens.modes import fast
from robustlens.streams import stream

DUAL = {Linf: 1.0, L2: 2.0, L1: math.inf}
FREE = {Linf: lambda d: Linf(1.0), L2: lambda d: L2(math.sqrt(d)), L1: lambda d: L1(float(d))}
CLOSE = {ddn: 0.001, fmn: 0.001, deepfool: 0.001, carlini_wagner: 0.03}
FEW: dict[Any, dict[str, Any]] = {
    ddn: {"steps": 20},
    fmn: {"steps": 20},
    deepfool: {"steps": 20},
    carlini_wagner: {"steps": 20, "searches": 3, "lr": 0.1, "constant": 3.0},
}
PAIRS = [(ddn, L2), (fmn, Linf), (fmn, L2), (fmn, L1), (deepfool, Linf), (deepfool, L2),
         (carlini_wagner, L2)]  # fmt: skip
IDS = [f"{method.__name__}-{kind.__name__}" for method, kind in PAIRS]
every = pytest.mark.parametrize(("method", "kind"), PAIRS, ids=IDS)


def random(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(*shape, generator=stream(0, *shape), dtype=dtype)


class Heads(nn.Module):
    """A small smooth net whose arithmetic on an image does not depend on its batch."""

    def __init__(self, d: int, classes: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        g = stream(1, d, classes)
        self.first = nn.Parameter(torch.randn(8, d, generator=g, dtype=dtype))
        self.second = nn.Parameter(torch.randn(classes, 8, generator=g, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        hidden = ((x.flatten(1)[:, None] - 0.5) * self.first).sum(-1).tanh()
        return (hidden[:, None] * self.second).sum(-1)


def problem(
    b: int, classes: int = 3, channels: int = 1, dtype: torch.dtype = torch.float32
) -> tuple[Heads, Tensor, Tensor]:
    """A model, images that it gets right, and their labels."""
    model = Heads(channels * 16, classes, dtype)
    x = 0.3 + 0.4 * random(b, channels, 4, 4, dtype=dtype)
    return model, x, model(x).argmax(dim=1)


@every
@pytest.mark.parametrize(
    ("size", "classes", "channels"), [(0, 3, 1), (1, 2, 1), (7, 3, 3), (7, 10, 3)]
)
def test_found_keeps_its_promises(
    method: Any, kind: Any, size: int, classes: int, channels: int
) -> None:
    model, x, y = problem(size, classes, channels)
    if size > 2:
        y[0] = (y[0] + 1) % classes  # wrong already
    before = x.clone(), y.clone()
    ball = FREE[kind](16 * channels)
    if size:
        bare = smallest(bind(method, ball, **FEW[method]), model, x, y, stream(0))
        ball = kind(bare[bare > 0].median().item())
    found = method.found(model, x, y, ball, generator=stream(0), **FEW[method])
    assert found.images.shape == x.shape
    assert found.images.dtype == x.dtype
    assert not found.images.requires_grad
    assert found.step.dtype == torch.int64
    assert torch.equal(found.done, model(found.images).argmax(dim=1) != y)
    assert torch.equal(found.step == -1, ~found.done)
    assert torch.equal(found.images[~found.done], x[~found.done])
    assert torch.equal(x, before[0])
    assert torch.equal(y, before[1])
    if size:
        assert found.images.min() >= 0
        assert found.images.max() <= 1
        assert (ball.distance(found.images, x) <= ball.eps + 1e-6 * max(1, ball.eps)).all()
        assert found.done.any()
    if size > 2:
        assert found.done[0]
        assert found.step[0] == 0
        assert torch.equal(found.images[0], x[0])


@every
def test_what_an_image_gets_does_not_depend_on_its_batch(method: Any, kind: Any) -> None:
    model, x, y = problem(17, 10)
    ball = FREE[kind](16)
    whole = method.found(model, x, y, ball, generator=stream(0), **FEW[method])
    again = method.found(model, x, y, ball, generator=stream(0), **FEW[method])
    assert torch.equal(whole.images, again.images)
    for rows in (slice(3, 4), slice(5, 17)):
        part = method.found(model, x[rows], y[rows], ball, generator=stream(0), **FEW[method])
        assert torch.allclose(whole.images[rows], part.images, atol=1e-6)
        assert torch.equal(whole.done[rows], part.done)
        assert torch.equal(whole.step[rows], part.step)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_distance_of_a_linear_model_is_exact(
    method: Any, kind: Any, dtype: torch.dtype, linear: type
) -> None:
    w = torch.randn(48, generator=stream(2), dtype=dtype)
    model = linear(w)
    x = 0.45 + 0.1 * random(4, 3, 4, 4, dtype=dtype)
    score = torch.tensor([0.3, -0.4, 0.5, -0.6], dtype=dtype)
    gap = score - (x.flatten(1) - 0.5) @ w
    x = x + (gap[:, None] * w / w.square().sum()).view_as(x)
    y = model(x).argmax(dim=1)
    settings = {"steps": 50, "searches": 4} if method is carlini_wagner else {"steps": 60}
    attack = bind(method, FREE[kind](48), **settings)
    got = smallest(attack, model, x, y, stream(0))
    exact = score.abs() / torch.linalg.vector_norm(w, ord=DUAL[kind])
    assert (got / exact).detach().numpy() == pytest.approx(1.0, abs=CLOSE[method])


@every
def test_a_trained_net_is_fooled_and_left_as_it_was(method: Any, kind: Any, trained: Any) -> None:
    x, y = trained.x[:8], trained.y[:8]
    trained.model.train()
    distance = smallest(
        bind(method, FREE[kind](784), **FEW[method]), trained.model, x, y, stream(0)
    )
    assert trained.model.training
    assert all(p.requires_grad and p.grad is None for p in trained.model.parameters())
    trained.model.eval()
    assert distance.isfinite().float().mean() >= 0.7
    assert (distance > 0).all()


@every
def test_a_binding_ball_keeps_only_what_is_inside(method: Any, kind: Any) -> None:
    model, x, y = problem(9, 10)
    attack = bind(method, FREE[kind](16), **FEW[method])
    bare = smallest(attack, model, x, y, stream(0))
    middle = kind(bare.median().item() * 1.0001)
    found = method.found(model, x, y, middle, generator=stream(0), **FEW[method])
    assert torch.equal(found.done, bare <= middle.eps)
    none = method.found(model, x, y, kind(0.0), generator=stream(0), **FEW[method])
    assert not none.done.any()
    assert torch.equal(none.images, x)


class Denying(nn.Module):
    """A twin that turns over too early: what it takes for wrong, the model often denies."""

    def __init__(self, model: Heads, push: float) -> None:
        super().__init__()
        self.model, self.push = model, push

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = self.model(x)
        return z - self.push * nn.functional.one_hot(z.argmax(dim=1), z.shape[1])


@every
def test_a_twin_has_no_say_in_what_counts(method: Any, kind: Any, trained: Any) -> None:
    x, y = trained.x[:8], trained.y[:8]
    ball, few = FREE[kind](784), FEW[method]
    plain = smallest(bind(method, ball, **few), trained.model, x, y, stream(0))
    twin = fast(trained.model, torch.float32)
    near = smallest(bind(method, ball, twin=twin, **few), trained.model, x, y, stream(0))
    both = plain.isfinite() & near.isfinite()
    assert (near[both] / plain[both]).median() == pytest.approx(1.0, abs=0.02)
    model, x, y = problem(9, 3)
    found = method.found(model, x, y, FREE[kind](16), twin=Denying(model, 0.2), **few)
    assert torch.equal(found.done, model(found.images).argmax(dim=1) != y)
    assert torch.equal(found.images[~found.done], x[~found.done])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("method", [ddn, fmn, deepfool, carlini_wagner])
@pytest.mark.parametrize("ball", [Box(), Masked(L2(1.0), torch.ones(4, 4) > 0)], ids=str)
def test_other_balls_are_refused(method: Any, ball: Ball) -> None:
    model, x, y = problem(2)
    with pytest.raises(InputError, match="L2"):
        method(model, x, y, ball, generator=stream(0))


@pytest.mark.parametrize(
    ("method", "settings"),
    [(ddn, {"steps": 1}), (fmn, {"steps": 0}), (fmn, {"gamma": 1.0}), (deepfool, {"steps": 0}),
     (deepfool, {"overshoot": -0.1}), (deepfool, {"classes": 1}), (carlini_wagner, {"lr": 0.0}),
     (carlini_wagner, {"searches": 0}), (carlini_wagner, {"confidence": -1.0})],
)  # fmt: skip
def test_bad_settings_are_refused(method: Any, settings: dict[str, Any]) -> None:
    model, x, y = problem(2)
    with pytest.raises(InputError, match=next(iter(settings))):
        method(model, x, y, L2(1.0), generator=stream(0), **settings)


def test_ddn_and_carlini_wagner_refuse_linf_and_deepfool_l1() -> None:
    model, x, y = problem(2)
    for method, ball in ((ddn, Linf(0.1)), (carlini_wagner, L1(1.0)), (deepfool, L1(1.0))):
        with pytest.raises(InputError, match="the ball"):
            method(model, x, y, ball, generator=stream(0))


def test_confidence_is_a_gap_between_logits() -> None:
    model, x, y = problem(5, 3)
    few = FEW[carlini_wagner] | {"searches": 6}
    found = carlini_wagner.found(model, x, y, L2(4.0), confidence=0.5, generator=stream(0), **few)
    assert found.done.any()
    z = model(found.images)
    true = z.gather(1, y[:, None])[:, 0]
    gap = z.scatter(1, y[:, None], -torch.inf).amax(dim=1) - true
    assert (gap[found.done] > 0.5).all()


def test_the_odds_point_where_the_cross_entropy_points_and_do_not_vanish() -> None:
    z = torch.tensor([[3.0, 1.0, 0.0], [200.0, 1.0, 0.0]], requires_grad=True)
    y = torch.tensor([0, 0])
    (slope,) = torch.autograd.grad(odds(z, y).sum(), z)
    (other,) = torch.autograd.grad(nn.functional.cross_entropy(z, y, reduction="sum"), z)
    assert torch.allclose(slope[0] / slope[0].norm(), other[0] / other[0].norm())
    assert other[1].abs().max() == 0
    assert slope[1].norm() > 1


def test_a_tie_is_not_firmly_wrong() -> None:
    z = torch.tensor([[1.0, 1.0], [1.0, 1.0 + 1e-6], [1.0, 1.001]])
    y = torch.zeros(3, dtype=torch.int64)
    assert firmly_wrong(z, y).tolist() == [False, False, True]
    assert firmly_wrong(z, y, 0.01).tolist() == [False, False, False]


@every
def test_a_model_without_gradient_is_survived(method: Any, kind: Any) -> None:
    def steps(x: Tensor) -> Tensor:
        score = (x.flatten(1) > 0.5).to(x).mean(dim=1) + 0 * x.flatten(1).sum(dim=1)
        return torch.stack([score, 1.5 - score], dim=1)

    x = random(3, 1, 4, 4)
    y = steps(x).argmax(dim=1)
    found = method.found(steps, x, y, FREE[kind](16), generator=stream(0), **FEW[method])
    assert found.images.isfinite().all()
    assert torch.equal(found.done, steps(found.images).argmax(dim=1) != y)

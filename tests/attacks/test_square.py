import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustlens.attacks.square import square
from robustlens.attacks.square_moves import MOVES, side_share
from robustlens.attacks.square_windows import write
from robustlens.balls import L1, L2, Ball, Box, Linf, Masked
from robustlens.errors import InputError
from robustlens.modes import fast
from robustlens.streams import stream

BALLS: list[Any] = [Linf(16 / 255), L2(1.0), L1(8.0)]


def scores(classes: int, c: int, seed: int = 0) -> Callable[[Tensor], Tensor]:
    """A linear model whose arithmetic for one image does not depend on the others."""
    w = torch.randn(classes, c * 64, generator=stream(seed, "w"))

    def model(x: Tensor) -> Tensor:
        return ((x.flatten(1) - 0.5)[:, None] * w.to(x)).sum(dim=-1)

    return model


def images(n: int, c: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(n, c, 8, 8, generator=stream(0, "x")).to(dtype)


def run(model: Any, x: Tensor, y: Tensor, ball: Ball, queries: int = 40, **settings: Any) -> Any:
    return square.found(model, x, y, ball, queries=queries, generator=stream(0, "s"), **settings)


@pytest.mark.parametrize("ball", [Linf(16 / 255), L2(0.5), L1(1.2)], ids=str)
def test_an_image_gets_the_same_alone_and_in_any_batch(ball: Any) -> None:
    model, x = scores(10, 3), images(6, 3)
    y = model(x).argmax(dim=1)
    whole = run(model, x, y, ball, restarts=2)
    assert 0 < whole.done.sum() < len(x)
    cut = run(model, x, y, ball, restarts=2, batch_size=5)
    alone = [run(model, x[k : k + 1], y[k : k + 1], ball, restarts=2) for k in range(len(x))]
    for part, one, *others in zip(whole[:3], cut[:3], *(a[:3] for a in alone), strict=True):
        assert torch.equal(part, one)
        assert torch.equal(part, torch.cat(others))
    again = run(model, x, y, ball, restarts=2)
    assert all(torch.equal(a, b) for a, b in zip(whole[:3], again[:3], strict=True))


def test_more_queries_and_restarts_never_lose_an_image() -> None:
    model, x = scores(10, 3), images(40, 3)
    y = model(x).argmax(dim=1)
    few, more, twice = (
        run(model, x, y, L2(0.8), **s).done
        for s in ({"queries": 20}, {"queries": 120}, {"queries": 20, "restarts": 4})
    )
    assert few.sum() < more.sum()
    assert (more | ~few).all()
    assert (twice | ~few).all()
    assert few.sum() < twice.sum()


@pytest.mark.parametrize(("ball", "share"), [(Linf(0.1), 0.45), (L2(1.0), 0.5), (L1(8.0), 0.3)])
def test_the_margin_of_a_linear_model_comes_near_its_bound(
    ball: Any, share: float, linear: type
) -> None:
    """A far boundary is never met, so the score of the last point says how far the search came."""
    w = torch.randn(64, generator=stream(0, "w"))
    seen: list[Tensor] = []

    class Far(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            score = (x.flatten(1) - 0.5) @ w
            seen.append(score.detach())
            return torch.stack([score, 0 * score - 1000], dim=1)

    x = 0.4 + 0.2 * images(4, 1)
    run(Far(), x, torch.zeros(4, dtype=torch.int64), ball, queries=300)
    dual = {Linf: 1.0, L2: 2.0, L1: math.inf}[type(ball)]
    bound = ball.eps * torch.linalg.vector_norm(w, ord=dual)
    if isinstance(ball, L1):  # the box allows 0.4 to 0.6 a pixel
        bound = w.abs().sort(descending=True).values[:16].sum() * 0.5
    reached = (seen[0] - torch.stack(seen[1:]).amin(dim=0)) / bound
    assert (reached > share).all(), reached
    assert (reached < 1.2).all()


@pytest.mark.parametrize("kind", [Linf, L2, L1])
def test_every_proposal_of_every_side_is_in_the_ball(kind: type) -> None:
    ball, move, x = kind(0.05 if kind is Linf else 2.0), MOVES[kind], images(50, 3)
    numbers = torch.rand(50, move.to_start(3, 8, 8), generator=stream(0))
    best = move.start(x, ball, numbers)
    assert (ball.distance(best, x) > 0.5 * ball.eps).all()
    for side in range(1, 9):
        numbers = torch.rand(50, move.to_propose(3), generator=stream(side))
        tried = best.clone()
        for patch in move.propose(best, x, ball, side, numbers):
            write(tried, patch.cells, patch.new)
        changed = (tried != best).flatten(1).sum(dim=1)
        assert (changed > 0).all() or kind is L1
        if kind is Linf:
            assert (changed <= 3 * side**2).all()
        assert (ball.distance(tried, x) <= ball.eps + 1e-6 * max(1, ball.eps)).all()
        assert tried.min() >= 0
        assert tried.max() <= 1


@pytest.mark.parametrize("kind", [Linf, L2, L1])
@pytest.mark.parametrize("shape", [(1, 1), (2, 7), (11, 5)])
def test_small_and_oblong_images_are_attacked(kind: type, shape: tuple[int, int]) -> None:
    x = torch.rand(3, 2, *shape, generator=stream(0))

    def model(x: Tensor) -> Tensor:
        return torch.stack([x.mean(dim=(1, 2, 3)), x.new_tensor(0.5).expand(len(x))], dim=1)

    y = model(x).argmax(dim=1)
    found = run(model, x, y, kind(1.0 if kind is Linf else 40.0), queries=200)
    assert found.images.isfinite().all()
    assert found.done.any()


@pytest.mark.parametrize("factor", [0.1, 3.0, 20.0])
def test_the_quick_projection_is_near_the_exact_one(factor: float) -> None:
    x = images(20, 3)
    delta = factor * (torch.rand(20, 3, 8, 8, generator=stream(1)) - 0.5) ** 3
    quick, exact = MOVES[L1].fit(x, delta, L1(5.0)), L1(5.0).project(x + delta, x)  # type: ignore[attr-defined]
    assert (quick - exact).flatten(1).abs().sum(dim=1).max() < 0.2


def test_places_cover_the_whole_image() -> None:
    x = torch.zeros(4000, 1, 5, 5)
    numbers = torch.rand(4000, 3, generator=stream(0))
    (patch,) = MOVES[Linf].propose(x.clone(), x, Linf(0.1), 2, numbers)
    seen = torch.bincount(patch.cells[:, 0, 0], minlength=25).view(5, 5)
    assert (seen[:4, :4] > 180).all()
    assert seen.sum() == seen[:4, :4].sum()


def test_the_squares_shrink_as_published() -> None:
    shares = [side_share(0.8, k) for k in (0, 10, 11, 51, 201, 501, 1001, 2001, 4001, 9000)]
    assert shares == [0.8, 0.8, *(0.8 / 2**k for k in (1, 2, 3, 4, 5, 6, 7, 9))]


class Asked:
    """A model of two classes that counts the images it is asked about without a gradient."""

    def __init__(self, score: Callable[[Tensor], Tensor]) -> None:
        self.score, self.without_gradient = score, 0

    def __call__(self, x: Tensor) -> Tensor:
        self.without_gradient += 0 if x.requires_grad else len(x)
        score = self.score(x)
        return torch.stack([0 * score, score], dim=1)


def sums(x: Tensor) -> Tensor:
    return x.flatten(1).sum(dim=1) - 1000


def backwards(x: Tensor) -> Tensor:
    """The same values, with a gradient that points the wrong way."""
    total = x.flatten(1).sum(dim=1)
    return 2 * total.detach() - total - 1000


@pytest.mark.parametrize("patience", [1, 7, 20])
def test_patience_ends_where_the_gradient_gets_further(patience: int) -> None:
    """Twenty squares of two by two cannot brighten half of 256 pixels; a gradient does at once."""
    x, y, ball = torch.zeros(3, 1, 16, 16), torch.zeros(3, dtype=torch.int64), Linf(0.25)

    def asked(score: Callable[[Tensor], Tensor], **settings: Any) -> int:
        model = Asked(score)
        run(model, x, y, ball, queries=50, p_init=0.02, **settings)
        return model.without_gradient

    assert asked(sums) == 3 * (1 + 50)  # as it is, and the queries
    looks = 2  # Auto-PGD looks at its last point without a gradient, and then it is measured
    assert asked(sums, patience=patience) == 3 * (1 + looks + patience)
    assert asked(backwards, patience=patience) == 3 * (1 + looks + 50)


def test_a_restart_counts_on_from_the_queries_of_those_before() -> None:
    model, x = scores(10, 3), images(40, 3)
    y = model(x).argmax(dim=1)
    found = run(model, x, y, L2(0.8), queries=10, restarts=4)
    first = run(model, x, y, L2(0.8), queries=10)
    assert first.done.any()
    assert torch.equal(found.step[first.done], first.step[first.done])
    later = found.step[found.done & ~first.done]
    assert (later > 10).all()
    assert (later <= 40).all()
    assert len(set(((later - 1) // 10).tolist())) > 1


@pytest.mark.parametrize("p_init", [0.01, 0.25, 1.0])
def test_the_first_squares_have_the_share_asked_for(p_init: float) -> None:
    """In l-inf a proposal differs from the first point in one square, of the published side."""
    seen: list[Tensor] = []

    def model(x: Tensor) -> Tensor:
        seen.append(x.clone())
        fall = -torch.tensor([float(len(seen))]).expand(len(x))  # no proposal is ever kept
        return torch.stack([torch.zeros(len(x)), fall], dim=1)

    x, y = torch.full((1, 1, 8, 8), 0.5), torch.zeros(1, dtype=torch.int64)
    run(model, x, y, Linf(0.25), queries=9, p_init=p_init)
    _, first, *proposals = seen
    side = max(round(math.sqrt(p_init * 64)), 1)
    for proposal in proposals[:8]:
        changed = (proposal != first)[0, 0]
        rows, columns = changed.any(dim=1).nonzero(), changed.any(dim=0).nonzero()
        assert 1 <= len(columns) <= side
        assert len(rows) == side
    assert len(proposals) == 8


class Liar(nn.Module):
    """A twin that sees the boundary too early."""

    def __init__(self, model: Any, lie: float) -> None:
        super().__init__()
        self.model, self.lie = model, lie

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = self.model(x).clone()
        z[:, 1] += self.lie
        return z


@pytest.mark.parametrize("lie", [3.0, 1000.0])
def test_a_twin_finds_and_the_model_decides(lie: float) -> None:
    model, x = scores(2, 1), images(40, 1)
    y = torch.zeros(40, dtype=torch.int64)
    right = model(x).argmax(dim=1) == y
    x, y = x[right], y[right]
    alone = run(model, x, y, L2(1.0), queries=200)
    assert 0 < alone.done.sum() < len(x)
    found = run(model, x, y, L2(1.0), queries=200, twin=Liar(model, lie))
    assert torch.equal(found.done, model(found.images).argmax(dim=1) != y)
    assert found.done.sum() >= alone.done.sum() - 1


def test_a_real_net_is_fooled_and_left_as_it_was(trained: Any) -> None:
    x, y = trained.x[:20], trained.y[:20]
    trained.model.train()
    before = {key: t.clone() for key, t in trained.model.state_dict().items()}
    try:
        found = run(trained.model, x, y, Linf(0.1), queries=100, twin=fast(trained.model))
        assert trained.model.training
        assert all(torch.equal(t, before[k]) for k, t in trained.model.state_dict().items())
    finally:
        trained.model.eval()
    assert torch.equal(found.done, trained.model(found.images).argmax(dim=1) != y)
    assert found.done.float().mean() > 0.3
    plain = square(trained.model, x, y, Linf(0.1), queries=100, generator=stream(0))
    assert plain.shape == x.shape


@pytest.mark.parametrize("ball", [Linf(0.0), L2(0.0), L1(0.0)], ids=str)
def test_a_ball_of_radius_zero_returns_x(ball: Ball) -> None:
    model, x = scores(3, 1), images(4, 1)
    y = model(x).argmax(dim=1)
    found = run(model, x, y, ball)
    assert torch.equal(found.images, x)
    assert not found.done.any()


@pytest.mark.parametrize(
    ("ball", "settings", "word"),
    [
        (Box(), {}, "Linf, L2 or L1"),
        (Masked(L2(1.0), torch.ones(8, 8) > 0), {}, "Linf, L2 or L1"),
        (L2(1.0), {"queries": 0}, "queries"),
        (L2(1.0), {"restarts": 0}, "restarts"),
        (L2(1.0), {"batch_size": 0}, "batch_size"),
        (L2(1.0), {"p_init": 0.0}, "p_init"),
    ],
)
def test_what_it_cannot_do_is_refused(ball: Ball, settings: Any, word: str) -> None:
    x = images(2, 1)
    with pytest.raises(InputError, match=word):
        run(scores(2, 1), x, torch.zeros(2, dtype=torch.int64), ball, **settings)

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustlens.attacks.hopskipjump import hopskipjump
from robustlens.balls import L1, L2, Ball, Box, Linf
from robustlens.errors import InputError
from robustlens.streams import stream

BALLS: list[Any] = [Linf(0.05), L2(0.5)]


def scores(classes: int, c: int) -> Callable[[Tensor], Tensor]:
    """A linear model whose arithmetic for one image does not depend on the others."""
    w = torch.randn(classes, c * 64, generator=stream(0, "w"))

    def model(x: Tensor) -> Tensor:
        return ((x.flatten(1) - 0.5)[:, None] * w.to(x)).sum(dim=-1)

    return model


def images(n: int, c: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return (0.2 + 0.6 * torch.rand(n, c, 8, 8, generator=stream(0, "x"))).to(dtype)


def run(model: Any, x: Tensor, y: Tensor, ball: Ball, queries: int = 500, **settings: Any) -> Any:
    g = stream(0, "h")
    return hopskipjump.found(model, x, y, ball, queries=queries, generator=g, **settings)


@pytest.mark.parametrize("ball", [Linf(0.03), L2(0.2)], ids=str)
def test_an_image_gets_the_same_alone_and_in_any_batch(ball: Any) -> None:
    model, x = scores(10, 3), images(8, 3)
    y = model(x).argmax(dim=1)
    whole = run(model, x, y, ball)
    assert 0 < whole.done.sum() < len(x)
    cut = run(model, x, y, ball, batch_size=16)
    alone = [run(model, x[k : k + 1], y[k : k + 1], ball) for k in range(len(x))]
    again = run(model, x, y, ball)
    parts = zip(whole[:3], cut[:3], again[:3], *(a[:3] for a in alone), strict=True)
    for part, one, same, *others in parts:
        assert torch.equal(part, one)
        assert torch.equal(part, same)
        assert torch.equal(part, torch.cat(others))


@pytest.mark.parametrize(
    ("kind", "eps", "near", "queries"), [(L2, 0.3, 1.04, 5000), (Linf, 0.03, 1.12, 5000)]
)
def test_the_exact_distance_of_a_linear_model_is_met_within_some_percent(
    kind: type, eps: float, near: float, queries: int
) -> None:
    dual = {Linf: 1.0, L2: 2.0}[kind]
    w = torch.randn(64, generator=stream(1, "w"))

    def score(x: Tensor) -> Tensor:
        return ((x.flatten(1) - 0.5) * w).sum(dim=1)

    def model(x: Tensor) -> Tensor:
        return torch.stack([score(x), torch.zeros(len(x))], dim=1)

    x = 0.4 + 0.2 * torch.rand(6, 1, 8, 8, generator=stream(0, "x"))
    wanted = eps * torch.linalg.vector_norm(w, ord=dual)  # all images as far as eps
    x = x + ((wanted - score(x)) / w.square().sum())[:, None, None, None] * w.view(1, 1, 8, 8)
    y = torch.zeros(6, dtype=torch.int64)
    assert not run(model, x, y, kind(0.99 * eps), queries=600).done.any()
    assert run(model, x, y, kind(near * eps), queries=queries).done.all()


@pytest.mark.parametrize("queries", [1, 10, 25, 60, 700])
def test_no_image_is_asked_about_more_often_than_allowed(queries: int) -> None:
    x, asked = images(3, 1), []

    def model(x: Tensor) -> Tensor:
        asked.append(len(x))
        return scores(2, 1)(x)

    y = model(x).argmax(dim=1)
    asked.clear()
    run(model, x, y, L2(1e-6), queries=queries)
    assert sum(asked[1:]) <= 3 * queries  # the first call looks at x itself
    assert sum(asked[1:]) >= 3 * (queries - 100) / 2


def test_only_decisions_are_used() -> None:
    plain, x = scores(10, 3), images(5, 3)

    def hidden(x: Tensor) -> Tensor:
        return nn.functional.one_hot(plain(x).argmax(dim=1), 10).to(x)

    y = plain(x).argmax(dim=1)
    one, other = (run(m, x, y, L2(0.5)) for m in (plain, hidden))
    assert torch.equal(one.images, other.images)
    assert one.done.any()


def test_an_image_for_which_no_noise_fools_fails() -> None:
    x = images(3, 1)

    def model(x: Tensor) -> Tensor:
        return torch.stack([x.new_ones(len(x)), x.new_zeros(len(x))], dim=1)

    found = run(model, x, torch.zeros(3, dtype=torch.int64), L2(5.0))
    assert not found.done.any()
    assert torch.equal(found.images, x)


def test_more_queries_come_nearer_on_a_net_that_is_left_as_it_was(trained: Any) -> None:
    x, y = trained.x[:8], trained.y[:8]
    trained.model.train()
    before = {key: t.clone() for key, t in trained.model.state_dict().items()}
    try:
        few, more = (run(trained.model, x, y, L2(1.5), queries=q).done for q in (300, 1000))
        assert trained.model.training
        assert all(torch.equal(t, before[k]) for k, t in trained.model.state_dict().items())
    finally:
        trained.model.eval()
    assert (more | ~few).all()
    assert few.sum() < more.sum()


@pytest.mark.parametrize(
    ("ball", "settings", "word"),
    [
        (Box(), {}, "Linf or L2"),
        (L1(1.0), {}, "Linf or L2"),
        (L2(1.0), {"queries": 0}, "queries"),
        (L2(1.0), {"batch_size": 1}, "batch_size"),
    ],
)
def test_what_it_cannot_do_is_refused(ball: Ball, settings: Any, word: str) -> None:
    x = images(2, 1)
    with pytest.raises(InputError, match=word):
        run(scores(2, 1), x, torch.zeros(2, dtype=torch.int64), ball, **settings)

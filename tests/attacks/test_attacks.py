import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustlens.attacks import (
    Bound,
    apgd,
    bind,
    fgsm,
    mi_fgsm,
    pgd,
    pgd_kl,
    pgd_targeted,
    random_search,
)
from robustlens.balls import L1, L2, Ball, Box, Linf, Masked
from robustlens.errors import InputError
from robustlens.nets import features
from robustlens.objectives import activation, dlr, kl_from, margin, misclassify
from robustlens.rules import Adam, AutoStep, Momentum, Steepest
from robustlens.streams import stream

DUAL = {Linf: 1.0, L2: 2.0, L1: math.inf}
BALLS: list[Ball] = [Linf(8 / 255), L2(0.5), L1(5.0), Masked(L2(0.5), torch.eye(28) > 0)]
Method = Callable[..., Tensor]


def momentum_pgd(*args: Any, **settings: Any) -> Tensor:
    return pgd(*args, rule=Momentum(0.05), **settings)


def auto_pgd(*args: Any, **settings: Any) -> Tensor:
    return pgd(*args, rule=AutoStep(), **settings)


def adam_pgd(*args: Any, **settings: Any) -> Tensor:
    return pgd(*args, rule=Adam(0.02), objective=margin, **settings)


STEPPED = [pgd, pgd_targeted, pgd_kl, mi_fgsm, apgd, momentum_pgd, auto_pgd, adam_pgd]
METHODS = [*STEPPED, fgsm, random_search]


def call(method: Method, model: Any, x: Tensor, y: Tensor, ball: Ball, steps: int = 4) -> Tensor:
    inner = getattr(method, "func", method)
    few: dict[str, Any] = {"steps": steps} if inner in STEPPED else {}
    few |= {} if inner is pgd_kl else {"failed": "worst"}
    return method(model, x, y, ball, generator=stream(0, "attack"), **few)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.__name__)
@pytest.mark.parametrize("ball", BALLS, ids=str)
@pytest.mark.parametrize("size", [0, 1, 5])
def test_every_attack_stays_in_ball_and_box(
    method: Method, ball: Ball, size: int, trained: Any
) -> None:
    x, y = trained.x[:size], trained.y[:size]
    found = call(method, trained.model, x, y, ball)
    assert found.shape == x.shape
    assert found.dtype == x.dtype
    assert not found.requires_grad
    if size:
        assert found.min() >= 0
        assert found.max() <= 1
        inner = ball.ball if isinstance(ball, Masked) else ball
        assert (ball.distance(found, x) <= inner.eps + 1e-6 * max(1, inner.eps)).all()  # type: ignore[attr-defined]
        assert (found != x).any()
    if isinstance(ball, Masked):
        assert torch.equal(found[..., ~ball.mask], x[..., ~ball.mask])


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.__name__)
@pytest.mark.parametrize("kind", [Linf, L2, L1])
def test_a_ball_of_radius_zero_returns_x(method: Method, kind: type, trained: Any) -> None:
    x, y = trained.x[:3], trained.y[:3]
    assert torch.equal(call(method, trained.model, x, y, kind(0.0)), x)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.__name__)
def test_the_same_generator_gives_the_same_bits(method: Method, trained: Any) -> None:
    x, y = trained.x[:4], trained.y[:4]
    runs = [call(method, trained.model, x, y, L2(0.5)) for _ in range(2)]
    assert torch.equal(*runs)


@pytest.mark.parametrize("kind", [Linf, L2, L1])
@pytest.mark.parametrize("method", [pgd, auto_pgd, pgd_targeted, fgsm], ids=lambda m: m.__name__)
def test_the_linear_model_is_attacked_by_eps_times_the_dual_norm(
    kind: type, method: Method, linear: type
) -> None:
    g = torch.Generator().manual_seed(0)
    model = linear(torch.randn(16, generator=g, dtype=torch.float64))
    x = 0.45 + 0.1 * torch.rand(6, 1, 4, 4, generator=g, dtype=torch.float64)
    y = (model(x)[:, 1] > 0).long()
    eps = 0.2 if kind is not Linf else 0.1
    # from a random start 2.5 eps / steps is too short to turn to the best point of an l2 sphere
    step = {"step_size": eps} if method in (pgd, pgd_targeted) else {}
    labels = 1 - y if method is pgd_targeted else y
    found = call(partial(method, **step), model, x, labels, kind(eps), steps=40)
    gain = margin(model, y)(found) - margin(model, y)(x)
    expected = eps * torch.linalg.vector_norm(model.w.detach(), ord=DUAL[kind])
    assert gain.detach().numpy() == pytest.approx(expected.item(), abs=1e-6)


class Landscape(nn.Module):
    """Two classes by the first pixel: label 0 is right except in a low and in a high pocket."""

    def forward(self, x: Tensor) -> Tensor:
        p = x[:, 0, 0, 0]
        wrong = ((p < 0.1) | (p > 0.9)).to(p)
        return torch.stack([torch.zeros_like(p), wrong - 0.5 + 0 * p], dim=1)


def test_restarts_keep_the_worst_of_each_example() -> None:
    x, y = torch.full((400, 1, 1, 1), 0.5), torch.zeros(400, dtype=torch.int64)
    model, hits = Landscape(), []
    for restarts in (1, 2, 8):
        found = pgd(model, x, y, Linf(0.5), steps=0, step_size=1.0, restarts=restarts,
                    generator=stream(0, "r"))  # fmt: skip
        hits.append(model(found).argmax(dim=1) == 1)
    first, both, all8 = hits
    assert 40 < first.sum() < 120  # a fifth of the starts
    assert (both | ~first).all()  # success is never lost
    assert (all8 | ~both).all()
    expected = [0.2, 1 - 0.8**2, 1 - 0.8**8]
    assert [h.float().mean().item() for h in hits] == pytest.approx(expected, abs=0.08)
    second = pgd(model, x, y, Linf(0.5), steps=0, step_size=1.0, generator=_after_one_start(x))
    assert torch.equal(both, first | (model(second).argmax(dim=1) == 1))
    assert (first & ~both).sum() == 0
    assert (~first & both).any()


def _after_one_start(x: Tensor) -> torch.Generator:
    g = stream(0, "r")
    Linf(0.5).sample(x, g)
    return g


def test_among_failures_restarts_keep_the_largest_objective(trained: Any) -> None:
    x, y = trained.x[:20], trained.y[:20]
    values = []
    for restarts in (1, 2, 4):
        found = pgd(trained.model, x, y, Linf(2 / 255), steps=3, restarts=restarts,
                    failed="worst", generator=stream(0, "r"))  # fmt: skip
        with torch.no_grad():
            z = trained.model(found)
            values.append((z.argmax(dim=1) != y, misclassify(trained.model, y)(found)))
    for (lost, low), (won, high) in itertools.pairwise(values):
        assert (won | ~lost).all()
        kept = lost == won
        assert (high[kept] >= low[kept] - 1e-6).all()


def test_success_is_the_decision_not_the_loss() -> None:
    """Along the path the loss of label 0 grows while class 2 alone could win early on."""

    class Model(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            p = x[:, 0, 0, 0]
            fooled = ((p > 0.3) & (p < 0.4)).to(p)
            rivals = 3 * p - 1.5
            return torch.stack([0 * p, 0.2 * fooled - 0.1, *[rivals - 1.6] * 60], dim=1)

    model, x = Model(), torch.full((1, 1, 1, 1), 0.25)
    y = torch.zeros(1, dtype=torch.int64)
    found = pgd(model, x, y, Linf(0.75), steps=8, step_size=0.1, start=x, generator=stream(0))
    loss = misclassify(model, y)
    assert model(found).argmax(dim=1).item() == 1
    end = torch.ones_like(x)
    assert model(end).argmax(dim=1).item() == 0
    assert loss(end) > loss(found)  # the best loss is not a success


def accuracy(trained: Any, found: Tensor) -> float:
    with torch.no_grad():
        return (trained.model(found).argmax(dim=1) == trained.y).float().mean().item()


@pytest.mark.parametrize("kind", [Linf, L2, L1])
def test_accuracy_falls_with_eps_steps_and_restarts(kind: type, trained: Any) -> None:
    unit = {Linf: 1 / 255, L2: 0.1, L1: 1.0}[kind]

    def run(eps: float, steps: int = 5, restarts: int = 1) -> float:
        found = pgd(trained.model, trained.x, trained.y, kind(eps * unit), steps=steps,
                    step_size=None if steps == 5 else eps * unit / 4, restarts=restarts,
                    generator=stream(0, "r"))  # fmt: skip
        return accuracy(trained, found)

    by_eps = [run(eps) for eps in (0, 2, 6, 20, 80)]
    by_steps = [run(6, steps=steps) for steps in (1, 3, 9)]
    by_restarts = [run(6, restarts=restarts) for restarts in (1, 2, 4)]
    for row in (by_eps, by_steps, by_restarts):
        assert row == sorted(row, reverse=True)
    assert by_eps[0] == 1
    assert by_eps[-1] < 0.2
    ball = kind(6 * unit)
    by_chance = random_search(
        trained.model, trained.x, trained.y, ball, tries=5, generator=stream(0)
    )
    assert run(6) < accuracy(trained, by_chance)


@pytest.mark.parametrize("ball", [Linf(8 / 255), L2(0.7)], ids=str)
def test_auto_step_is_as_strong_as_the_best_of_five_step_sizes(ball: Any, trained: Any) -> None:
    def run(**settings: Any) -> float:
        found = pgd(trained.model, trained.x, trained.y, ball, steps=40, failed="worst",
                    generator=stream(0, "r"), **settings)  # fmt: skip
        with torch.no_grad():
            return misclassify(trained.model, trained.y)(found).mean().item()

    by_hand = [run(step_size=ball.eps * factor) for factor in (0.02, 0.06, 0.2, 0.6, 2)]
    assert run(rule=AutoStep()) >= max(by_hand) - 0.01


def test_targeted_reaches_the_target(trained: Any) -> None:
    x = trained.x[:10]
    target = (trained.y[:10] + 1) % 10
    found = pgd_targeted(
        trained.model, x, target, L2(4.0), steps=60, restarts=2, generator=stream(0)
    )
    assert (trained.model(found).argmax(dim=1) == target).float().mean() >= 0.9


def test_kl_attack_moves_predictions_and_ignores_labels(trained: Any) -> None:
    x, y = trained.x[:8], trained.y[:8]
    one, other = (pgd_kl(trained.model, x, labels, L2(0.5), generator=stream(0))
                  for labels in (y, (y + 1) % 10))  # fmt: skip
    assert torch.equal(one, other)
    moved = kl_from(trained.model, x)
    random = random_search(trained.model, x, y, L2(0.5), failed="worst", generator=stream(0))
    with torch.no_grad():
        assert (moved(one) > 3 * moved(random)).all()


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.__name__)
def test_models_are_left_as_they_were(method: Method, trained: Any) -> None:
    model = trained.model
    model.train()
    buffers = {key: t.clone() for key, t in model.state_dict().items()}
    try:
        call(method, model, trained.x[:4], trained.y[:4], L2(0.5))
        assert all(module.training for module in model.modules())
        assert all(p.requires_grad and p.grad is None for p in model.parameters())
        assert all(torch.equal(t, buffers[key]) for key, t in model.state_dict().items())
    finally:
        model.eval()


def test_between_zero_grad_and_step_an_attack_changes_nothing() -> None:
    def gradients(attacked: bool) -> list[Tensor]:
        g = torch.Generator().manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(9, 3))
        with torch.no_grad():
            for p in model.parameters():
                p.copy_(torch.randn(p.shape, generator=g))
        x, y = torch.rand(4, 1, 3, 3, generator=g), torch.tensor([0, 1, 2, 0])
        nn.functional.cross_entropy(model(x), y).backward()
        if attacked:
            pgd(model, x, y, L2(0.5), steps=3, generator=stream(0))
        return [p.grad for p in model.parameters() if p.grad is not None]

    assert all(map(torch.equal, gradients(attacked=False), gradients(attacked=True)))


def test_plain_functions_and_double_precision_are_fine() -> None:
    w = torch.randn(9, 3, generator=stream(0), dtype=torch.float64)
    x, y = torch.rand(2, 1, 3, 3, dtype=torch.float64, generator=stream(1)), torch.tensor([0, 1])
    found = pgd(lambda z: z.flatten(1) @ w, x, y, L2(0.5), objective=dlr, generator=stream(0))
    assert found.dtype == torch.float64


IMAGES, LABELS = torch.rand(2, 1, 3, 3, generator=stream(0, "x")), torch.tensor([0, 1])
NAN = torch.where(torch.eye(3) > 0, torch.nan, IMAGES)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (IMAGES * 255, LABELS, "pixels from .* to 2.*expected finite pixels.*divide by 255"),
        (IMAGES - 1, LABELS, "pixels from -"),
        (NAN, LABELS, "pixels from nan to nan"),
        (IMAGES / 0, LABELS, "pixels from .* to inf"),
        ((IMAGES * 255).byte(), LABELS, "x of torch.uint8 and shape .*divide uint8 images by 255"),
        (IMAGES[0], LABELS, r"x of torch.float32 and shape \(1, 3, 3\)"),
        (IMAGES, LABELS.int(), "labels of torch.int32.*int64 of shape"),
        (IMAGES, LABELS[:1], r"shape \(1,\); expected int64 of shape \(2,\)"),
        (IMAGES, torch.eye(2), "labels of torch.float32"),
    ],
)
@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.__name__)
@pytest.mark.usefixtures("unchecked")
def test_bad_images_and_labels_are_refused(
    method: Method, x: Tensor, y: Tensor, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        call(method, nn.Flatten(), x, y, L2(0.5))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"restarts": 0}, "restarts is 0; expected at least 1"),
        ({"steps": -1}, "steps is -1"),
        ({"step_size": 0.0}, "step_size is 0.0; expected a number > 0"),
        ({"step_size": 0.1, "rule": Steepest(0.1)}, "both rule and step_size"),
        ({"ball": Box()}, "box has no eps; expected a ball with a radius"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    settings = {"ball": L2(0.5), "generator": stream(0), **settings}
    with pytest.raises(InputError, match=message):
        pgd(nn.Flatten(), IMAGES, LABELS, **settings)


def test_kl_attack_refuses_a_step_of_zero() -> None:
    with pytest.raises(InputError, match="step_size is 0"):
        pgd_kl(nn.Flatten(), IMAGES, LABELS, L2(1.0), step_size=0.0, generator=stream(0))


def test_the_box_needs_a_step_size() -> None:
    found = pgd(nn.Flatten(), IMAGES, LABELS, Box(), step_size=1.0, steps=3, generator=stream(0))
    assert found.shape == IMAGES.shape


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        (bind(pgd, L2(0.5), steps=7), "pgd l2 eps 0.5, steps 7, restarts 1"),
        (bind(pgd, Linf(0.25)), "pgd linf eps 0.25, steps 40, restarts 1"),
        (bind(pgd, L2(1.0), objective=dlr), "pgd l2 eps 1, steps 40, restarts 1, objective dlr"),
        (bind(pgd_kl, L1(3.0), steps=2), "pgd_kl l1 eps 3, steps 2"),
        (bind(fgsm, L2(1.0)), "fgsm l2 eps 1"),
    ],
    ids=str,
)
def test_bound_attacks_say_what_they_are(attack: Bound, words: str) -> None:
    assert str(attack) == words


def test_bound_attacks_are_attacks(trained: Any) -> None:
    x, y = trained.x[:3], trained.y[:3]
    bound = bind(pgd, L2(0.5), steps=3)(trained.model, x, y, stream(0))
    assert torch.equal(bound, pgd(trained.model, x, y, L2(0.5), steps=3, generator=stream(0)))


@pytest.mark.parametrize("setting", ["step", "x", "y", "model", "ball", "generator"])
def test_bind_refuses_what_is_no_setting(setting: str) -> None:
    settings = {setting: 1}
    kinds = "failed, objective, restarts, rule, start, step_size, steps, twin"
    method, ball = pgd, L2(0.5)
    if setting == "ball":
        with pytest.raises(TypeError, match="ball"):
            bind(method, ball, **settings)
        return
    with pytest.raises(InputError, match=f"pgd with {setting}; expected settings among {kinds}"):
        bind(method, ball, **settings)


def test_an_objective_may_look_elsewhere_than_at_the_logits(trained, generator) -> None:
    x, y = trained.x[:4], trained.y[:4]

    alive = int(features(trained.model, x).amin(dim=0).argmax())  # no image is on its flat side

    def one_unit(model, labels):
        return activation(partial(features, trained.model), alive)

    ball = L2(2.0)
    moved = pgd(trained.model, x, y, ball, steps=20, objective=one_unit, failed="worst",
                generator=generator)  # fmt: skip
    before, after = (one_unit(None, y)(z).detach() for z in (x, moved))
    assert (after > before).all()
    assert float(ball.distance(moved, x).max()) <= 2.0 + 1e-5

"""Gradient attacks: thin functions over the one engine.

    x_adv = pgd(model, x, y, Linf(8 / 255), steps=40, generator=g)
    x_cat = pgd_targeted(model, x, cat, L2(3.0), steps=40, generator=g)
    found = apgd.found(model, x, y, L2(0.5), objective=dlr, twin=fast(model), generator=g)

All return images of the ball around x, and x itself where they fail; `failed="worst"` returns the
point of the largest objective instead, as training wants it. With a `twin`, a faster stand-in for
the model, the search runs on the twin and every success is confirmed on the model.
"""

from typing import Any

import torch
from torch import Tensor

from robustlens.answers import Answers
from robustlens.ascend import ascend
from robustlens.attacks.method import (
    Found,
    attack,
    check_images,
    confirmed,
    nothing_found,
    right,
    rivals,
    wrong,
)
from robustlens.attacks.search import SHORTEST, Failed, Search, step_length
from robustlens.balls import L1, Ball, radius, unmasked, widened
from robustlens.errors import InputError
from robustlens.modes import frozen
from robustlens.norms import wide
from robustlens.objectives import MakeObjective, dlr_targeted, kl_from, misclassify, toward
from robustlens.rules import AutoStep, Momentum, Rule, Steepest
from robustlens.sparse import SparseAutoStep, SparseSteepest
from robustlens.streams import Draws, noisy
from robustlens.types import Images, Labels, Logits, Model


@attack
def fgsm(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    objective: MakeObjective = misclassify,
    failed: Failed = "clean",
    generator: torch.Generator | None = None,
) -> Found:
    """Return x after one step of length eps: the fast gradient sign method, in any norm.

    Deterministic; `generator` is accepted so that all attacks are called alike.
    Source: Goodfellow, Shlens, Szegedy 2015, section 4 (l-inf).

    Raises:
        InputError: images or labels of the wrong kind, or a ball without a radius.
    """
    rule = Steepest(max(radius(ball), SHORTEST))
    walked = ascend(objective(model, y), x, ball, rule, steps=1)
    moved = walked.last
    found = confirmed(model, x, y, moved, torch.ones_like(y))
    found = found._replace(not_finite=walked.not_finite, flat=walked.flat > 0)
    return found if failed == "clean" else found._replace(images=moved)


@attack
def pgd(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    steps: int = 40,
    step_size: float | None = None,
    restarts: int = 1,
    objective: MakeObjective = misclassify,
    rule: Rule[Any] | None = None,
    start: Images | None = None,
    failed: Failed = "clean",
    twin: Model | None = None,
    generator: torch.Generator,
) -> Found:
    """Return images of the ball that the model gets wrong, by projected gradient ascent.

    Args:
        model: images in [0, 1] to logits; put in evaluation mode meanwhile if it is a module.
        x, y: images (b, c, h, w) and their true labels (b,).
        ball: the threat model.
        steps: gradient steps of each restart.
        step_size: default 2.5 * eps / steps (Madry et al. 2018, p. 12).
        restarts: how many random starts, for the images that are not fooled yet.
        objective: what to maximise; `misclassify`, `margin` or `dlr`, say.
        rule: the step rule, instead of `Steepest(step_size)`; in l1 of `SparseSteepest(step_size)`,
            which is sparse l1 descent (Tramèr & Boneh 2019).
        start: where the first restart begins (x itself for none at random).
        failed: what to return where no restart fools the model: the clean image, or the worst
            point met. With "worst" no image stops early, and of several points that fool the
            model the one of the largest objective is returned.
        twin: a faster model to search on, `fast(model)` say.
        generator: the source of the random starts.

    Raises:
        InputError: bad images, labels, steps, restarts, or both a step size and a rule.
    """
    rule = _rule(ball, steps, step_size, rule)
    search = Search(ball, rule, steps, restarts, start, failed, twin)
    return search(model, x, y, objective, wrong, generator)


@attack
def pgd_targeted(
    model: Model,
    x: Images,
    target: Labels,
    ball: Ball,
    *,
    steps: int = 40,
    step_size: float | None = None,
    restarts: int = 1,
    rule: Rule[Any] | None = None,
    start: Images | None = None,
    failed: Failed = "clean",
    twin: Model | None = None,
    generator: torch.Generator,
) -> Found:
    """Return images of the ball that the model takes for `target`, where the search finds any.

    Maximises `toward(model, target)`; arguments and errors are those of `pgd`.
    """
    rule = _rule(ball, steps, step_size, rule)
    search = Search(ball, rule, steps, restarts, start, failed, twin)
    return search(model, x, target, toward, right, generator)


@attack
def mi_fgsm(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    steps: int = 10,
    decay: float = 1.0,
    objective: MakeObjective = misclassify,
    failed: Failed = "clean",
    twin: Model | None = None,
    generator: torch.Generator | None = None,
) -> Found:
    """Return x after `steps` momentum steps of eps / steps from x: made to transfer.

    Deterministic. Source: Dong et al. 2018, Algorithm 1. Arguments and errors as `pgd`.
    """
    rule = Momentum(max(radius(ball) / max(steps, 1), SHORTEST), decay)
    search = Search(ball, rule, steps, 1, x, failed, twin)
    return search(model, x, y, objective, wrong, generator or torch.Generator())


@attack
def apgd(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    steps: int = 100,
    restarts: int = 1,
    objective: MakeObjective = misclassify,
    start: Images | None = None,
    failed: Failed = "clean",
    twin: Model | None = None,
    generator: torch.Generator,
) -> Found:
    """Return images that fool the model by Auto-PGD, which chooses its own step sizes.

    With `objective=dlr` it is APGD-DLR. In l1 it walks through the balls of 3 and 2 eps first, with
    3 of 10 steps in each, by the rule `SparseAutoStep`. Source: Croce & Hein 2020, section 3 and
    Algorithm 1; 2021 ("Mind the box"), section 3, for l1. Arguments and errors as `pgd`.
    """
    search = _auto(ball, steps, restarts=restarts, start=start, failed=failed, twin=twin)
    return search(model, x, y, objective, wrong, generator)


@attack
def apgd_targeted(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    steps: int = 100,
    targets: int = 9,
    restarts: int = 1,
    twin: Model | None = None,
    generator: torch.Generator,
) -> Found:
    """Return images that fool the model by Auto-PGD on the targeted DLR loss, class after class.

    Each restart aims at the most likely wrong classes on the clean image, the likeliest first, at
    most min(targets, K - 1) of them; any wrong decision counts. Below four classes the targeted
    DLR loss is not defined and the difference of the two logits takes its place.
    Source: Croce & Hein 2020, section 4 (APGD-T). Errors as `pgd`.
    """
    if targets < 1:
        raise InputError(f"targets is {targets}", "at least 1", "change targets")
    with torch.no_grad():
        aims = rivals(model(x), y, targets)
    found = nothing_found(x)
    search = _auto(ball, steps, twin=twin)
    for number, aim in enumerate(aims.repeat(1, restarts).unbind(dim=1)):
        left = found.left
        if not len(left):
            break
        pairs = torch.stack([y, aim], dim=1)[left]
        new = search.at(left)(model, x[left], pairs, dlr_targeted, _wrong_pair, generator)
        found = found.merge(left, new, number * steps)
    return found


def pgd_kl(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    steps: int = 10,
    step_size: float | None = None,
    generator: torch.Generator,
) -> Images:
    """Return images whose predictions are far from those at x, by KL divergence: TRADES's attack.

    Starts at x + 0.001 * N(0, 1), where the gradient is not zero. The labels are not used, and
    whether the model is fooled plays no part.
    Source: Zhang et al. 2019, Algorithm 1.
    """
    check_images(x, y)
    with frozen(model):
        dtype, x = x.dtype, wide(x)
        model = Answers(model, dtype=dtype)
        start = noisy(x, 0.001, Draws.of(x, generator))
        rule = _rule(ball, steps, step_size, None)
        return ascend(kl_from(model, x), x, ball, rule, steps=steps, start=start).best.to(dtype)


@attack
def random_search(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    tries: int = 1,
    failed: Failed = "clean",
    generator: torch.Generator,
) -> Found:
    """Return the worst of `tries` random points of the ball: the control of every attack.

    In high dimension a uniform point of an l2 ball has almost the full length eps, of which the
    cut with the box takes away a part (a sixth on Fashion-MNIST at l2 1.5). Raises as `pgd`.
    """
    search = Search(ball, Steepest(1.0), 0, tries, failed=failed)
    return search(model, x, y, misclassify, wrong, generator)


def _auto(ball: Ball, steps: int, **settings: Any) -> Search:
    """Return the search of Auto-PGD, `steps` in all.

    In l1 it walks through the balls of 3 and 2 eps first, with 3 of 10 steps in each, and begins
    at a normal draw put back into the widest of them (Croce & Hein 2021, section 3.3).
    """
    if not isinstance(unmasked(ball), L1):
        return Search(ball, AutoStep(), steps, **settings)
    share = 3 * steps // 10
    wider = tuple((widened(ball, times), share) for times in (3, 2) if share > 0)
    left = steps - share * len(wider)
    return Search(ball, SparseAutoStep(), left, **settings, wider=wider, draw=_cut_normal)


def _cut_normal(ball: Ball, x: Images, generator: torch.Generator) -> Images:
    """Return a normal draw around x, put back into the ball: in l1 a few pixels, far out."""
    return ball.project(x + Draws.of(x, generator).normal(*x.shape[1:]), x)


def _rule(ball: Ball, steps: int, step_size: float | None, rule: Rule[Any] | None) -> Rule[Any]:
    if rule is not None and step_size is not None:
        raise InputError("both rule and step_size", "one of them", "drop step_size")
    kind = SparseSteepest if isinstance(unmasked(ball), L1) else Steepest
    return rule or kind(step_length(ball, steps) if step_size is None else step_size)


def _wrong_pair(z: Logits, pairs: Tensor) -> Tensor:
    return wrong(z, pairs[:, 0])

"""Gradient attacks: thin functions over the one engine.

    x_adv = pgd(model, x, y, Linf(8 / 255), steps=40, generator=g)
    x_cat = pgd_targeted(model, x, cat, L2(3.0), steps=40, generator=g)

Every attack returns images of the ball around x and leaves the model as it was. `pgd` returns,
per image and over all restarts, the worst iterate met: one that the model gets wrong if there is
any, and of those the one with the largest objective.
"""

from typing import Any

import torch

from robustlens.ascend import ascend
from robustlens.attacks.search import (
    SHORTEST,
    MakeObjective,
    Search,
    check_images,
    right,
    step_length,
    wrong,
)
from robustlens.balls import Ball, radius
from robustlens.modes import frozen
from robustlens.objectives import kl_from, misclassify, toward
from robustlens.rules import Rule, Steepest
from robustlens.streams import normal
from robustlens.types import Images, Labels, Model


def fgsm(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    objective: MakeObjective = misclassify,
    generator: torch.Generator | None = None,
) -> Images:
    """Return x after one step of length eps: the fast gradient sign method, in any norm.

    Deterministic; `generator` is accepted so that all attacks are called alike.
    Source: Goodfellow, Shlens, Szegedy 2015, section 4 (l-inf).

    Raises:
        InputError: images or labels of the wrong kind, or a ball without a radius.
    """
    check_images(x, y)
    with frozen(model):
        rule = Steepest(max(radius(ball), SHORTEST))
        return ascend(objective(model, y), x, ball, rule, steps=1).last


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
    generator: torch.Generator,
) -> Images:
    """Return the worst images found in the ball by projected gradient ascent.

    Args:
        model: images in [0, 1] to logits; put in evaluation mode meanwhile if it is a module.
        x, y: images (b, c, h, w) and their true labels (b,).
        ball: the threat model.
        steps: gradient steps of each restart.
        step_size: default 2.5 * eps / steps (Madry et al. 2018, p. 12).
        restarts: how many random starts; the worst result is kept for each image.
        objective: what to maximise; `misclassify`, `margin` or `dlr`, say.
        rule: the step rule, instead of `Steepest(step_size)`; `AutoStep()` makes this Auto-PGD.
        start: where the first restart begins (x itself for none at random).
        generator: the source of the random starts.

    Raises:
        InputError: bad images, labels, steps, restarts, or both a step size and a rule.
    """
    search = Search(ball, steps, step_size, restarts, rule, start)
    return search(model, x, y, objective, wrong, generator)


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
    generator: torch.Generator,
) -> Images:
    """Return images of the ball that the model takes for `target`, where the search finds any.

    Maximises `toward(model, target)`; arguments and errors are those of `pgd`.
    """
    search = Search(ball, steps, step_size, restarts, rule, start)
    return search(model, x, target, toward, right, generator)


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

    Starts at x + 0.001 * N(0, 1), where the gradient is not zero. The labels are not used.
    Source: Zhang et al. 2019, Algorithm 1.
    """
    check_images(x, y)
    with frozen(model):
        start = x + 0.001 * normal(x, generator)
        rule = Steepest(step_length(ball, steps) if step_size is None else step_size)
        return ascend(kl_from(model, x), x, ball, rule, steps=steps, start=start).best


def random_search(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    tries: int = 1,
    generator: torch.Generator,
) -> Images:
    """Return the worst of `tries` random points of the ball: the control of every attack.

    In high dimension a uniform point of an l2 ball has almost the full length eps, of which the
    cut with the box takes away a part (a sixth on Fashion-MNIST at l2 1.5). Raises as `pgd`.
    """
    return pgd(model, x, y, ball, steps=0, step_size=1.0, restarts=tries, generator=generator)

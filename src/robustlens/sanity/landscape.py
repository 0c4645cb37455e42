"""The loss around an image: a grid to look at, and a number for how rough it is.

    surface = loss_surface(model, x, y, L2(0.5), seed=0)
    surface.along, surface.across, surface.loss      # 21 and 21 offsets in units of eps; 21 x 21

One direction is steepest ascent of the loss, the other random.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus

from robustlens.answers import Answers
from robustlens.ascend import value_and_gradient
from robustlens.balls import L1, L2, Ball, Linf, radius
from robustlens.errors import InputError, NoGradient
from robustlens.norms import per_example
from robustlens.objectives import margin, misclassify
from robustlens.sanity.check import Check, Subject, judged
from robustlens.streams import Draws, stream
from robustlens.types import Images, Labels, Model, Points, Values

ROUGH = 1.0
"""Second differences of the loss over first ones, both summed without sign: 0 on a straight line,
near 0 on a smooth one, 1.73 for independent normal noise (sqrt(6 / 2)), 2 for single steps."""
POINTS = 21
LINES = 16
"""Images on which the roughness is measured."""


class LossSurface(NamedTuple):
    """Cross-entropy on a grid around one image, (len(across), len(along))."""

    along: tuple[float, ...]  # steps along `direction`, in units of eps
    across: tuple[float, ...]  # steps along a random direction, in units of eps
    loss: Tensor
    direction: str  # which gradient `along` follows: "cross-entropy", "margin" or "none"


def loss_surface(
    model: Model,
    x: Images,
    y: Labels,
    ball: Linf | L2 | L1,
    *,
    points: int = POINTS,
    reach: float = 1.0,
    seed: int = 0,
) -> LossSurface:
    """Return the loss around one image (1, c, h, w), up to `reach` times eps in two directions.

    Along the horizontal axis it follows the steepest ascent of cross-entropy; where that gradient
    is 0 that of the margin, and where that is 0 too a random direction. Points are not cut with
    the box, so that the grid is a plane. The model is used in the mode it is in.
    After Tramer et al. 2018 (Ensemble Adversarial Training), section 4.1, figure 2.

    Raises:
        InputError: not one image with its label, or fewer than two points a side.
    """
    if len(x) != 1 or y.shape != x.shape[:1] or points < 2:
        raise InputError(
            f"{len(x)} images, {len(y)} labels, {points} points",
            "one image (1, c, h, w) with its label, and at least two points",
        )
    model = Answers(model)
    up, which = _steepest(model, x, y, ball, seed)
    aside = _random(x, ball, seed, "across")
    offsets = torch.linspace(-reach, reach, points, dtype=x.dtype, device=x.device) * radius(ball)
    rows = []
    with torch.no_grad():
        for v in offsets:
            grid = x + per_example(offsets, x) * up + v * aside
            rows.append(exact_loss(model(grid), y.expand(points)))
    steps = tuple(reach * (2 * i / (points - 1) - 1) for i in range(points))
    return LossSurface(steps, steps, torch.stack(rows).cpu(), which)


def exact_loss(z: Tensor, y: Labels) -> Values:
    """Return cross-entropy as log(1 + sum of exp(wrong - true)): small values are not lost to 0."""
    true = z.gather(1, y[:, None])
    others = (z - true).scatter(1, y[:, None], -torch.inf)
    loss: Values = softplus(others.logsumexp(dim=1))
    return loss


def roughness(subject: Subject) -> Check:
    """Warn if the loss on the way of steepest ascent, from the image to the ball's edge, is rough.

    A line whose loss stays exactly the same from point to point is flat; a line with jumps or
    noise is rough. The check speaks of the median image.
    """
    x, y = subject.x[:LINES], subject.y[:LINES]
    up, _ = _steepest(subject.ask, x, y, subject.ball, subject.seed)
    offsets = torch.linspace(0, radius(subject.ball), POINTS, dtype=x.dtype, device=x.device)
    with torch.no_grad():
        lines = [exact_loss(subject.ask(x + t * up), y) for t in offsets]
    loss = torch.stack(lines, dim=1).double()
    first = loss.diff(dim=1)
    total = first.abs().sum(dim=1)
    rough = first.diff(dim=1).abs().sum(dim=1) / torch.where(total > 0, total, 1.0)
    flat = (first == 0).double().mean(dim=1)
    middle, level = float(rough.median()), float(flat.median())
    moves = radius(subject.ball) > 0
    return judged(
        "the loss is smooth around images",
        moves and (middle > ROUGH or level > 0.5),
        {"median roughness": middle, "median share of flat steps": level},
        "On the way of its own gradient the loss jumps, trembles or does not move at most points: a"
        " landscape on which steps of a gradient lead nowhere.",
        "Look at the picture of `loss_surface`, and attack by queries or by transfer.",
        f"roughness > {ROUGH:g}, or more than half of the steps are flat",
    )


def _steepest(model: Model, x: Images, y: Labels, ball: Ball, seed: int) -> tuple[Points, str]:
    """Return the unit step of steepest ascent for each image, and whose gradient it is at most."""
    step = _random(x, ball, seed, "along")
    which = "none"
    for name, make in (("margin", margin), ("cross-entropy", misclassify)):
        try:
            _, gradient = value_and_gradient(make(model, y), x)
        except NoGradient:  # the model's answer does not lead back to the image
            continue
        has = gradient.flatten(1).abs().amax(dim=1) > 0
        step = torch.where(per_example(has, x), ball.steepest(gradient, x), step)
        which = name if bool(has.any()) else which
    return step, which


def _random(x: Images, ball: Ball, seed: int, name: str) -> Points:
    normal = Draws.of(x, stream(seed, "surface", name)).normal(*x.shape[1:])
    return ball.steepest(normal, x)

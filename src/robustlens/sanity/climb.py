"""A small attack by scores alone: what a gradient attack has to beat.

    found = climb.found(model, x, y, L2(0.5), queries=200, generator=g)

It is a control, not a strong attack: hill climbing over random squares. Why not `square`: that
keeps to a schedule made for 10 000 queries, by which its squares are never below a fifth of the
pixels in the 200 of a check, while here all sizes pass in whatever queries there are; and a control
shares no search with the attacks that it is held against.
"""

import torch
from torch import Tensor

from robustlens.attacks.method import Found, attack, nothing_found, staying, wrong
from robustlens.balls import L1, L2, Ball, Linf, radius
from robustlens.errors import InputError
from robustlens.norms import per_example
from robustlens.objectives import logit_margin
from robustlens.streams import Draws
from robustlens.types import Images, Labels, Model, Points

EVERY = 8
"""Queries between two looks at who is fooled."""


@attack
def climb(
    model: Model,
    x: Images,
    y: Labels,
    ball: Linf | L2 | L1,
    *,
    queries: int = 200,
    generator: torch.Generator,
) -> Found:
    """Return images of the ball that fool the model, found from its logits without gradients.

    Starts from random stripes; each query changes a random square, ever smaller, and is kept if
    the margin rises. In the spirit of Andriushchenko et al. 2020 (Square Attack), without its
    schedule and its l2 windows.

    Raises:
        InputError: images or labels of the wrong kind, or queries < 1.
    """
    if queries < 1:
        raise InputError(f"queries is {queries}", "at least 1", "change queries")
    found, draws = nothing_found(x), Draws.of(x, generator)
    rows = torch.arange(len(x), device=x.device)
    best, value = x.detach(), x.new_full(x.shape[:1], -torch.inf)
    step = torch.full_like(y, -1)
    for query in range(queries + 1):
        center = x[rows]
        trial = _trial(center, best, ball, draws, query, queries)
        with torch.no_grad():
            z = model(trial)
        rises = (logit_margin(z, y[rows]) > value) & (step < 0)
        best = torch.where(per_example(rises, best), trial, best)
        value = torch.where(rises, logit_margin(z, y[rows]), value)
        step = torch.where(rises & wrong(z, y[rows]), query, step)
        if query % EVERY and query < queries:
            continue
        found = found.merge(rows, _judged(center, best, step))
        stay = staying(step >= 0)
        if stay is not None:
            rows, best, value, step = rows[stay], best[stay], value[stay], step[stay]
            draws = draws[stay]
        if not len(rows):
            break
    return found


def _trial(
    center: Points, best: Points, ball: Linf | L2 | L1, draws: Draws, query: int, queries: int
) -> Points:
    """Return the image itself, then stripes, then the best point with a square changed."""
    if query == 0:
        return center
    height, width = center.shape[2:]
    if query == 1:
        stripes = draws.uniform(center.shape[1], 1, width).sub_(0.5).expand_as(center)
        return ball.project(center + radius(ball) * ball.steepest(stripes, center), center)
    side = max(1, round(min(height, width) * 0.5 * (1 - query / queries)))
    square = _square(draws, (height, width), side)
    change = draws.uniform(center.shape[1], 1, 1).sub_(0.5).sign_() * square
    # In l-inf a pixel goes from wall to wall; elsewhere half of the budget moves to the square.
    reach = 2.0 if isinstance(ball, Linf) else 0.5
    return _moved(best, change, reach * radius(ball), center, ball)


def _moved(best: Points, change: Points, length: float, center: Points, ball: Ball) -> Points:
    return ball.project(best + length * ball.steepest(change, best), center)


def _square(draws: Draws, size: tuple[int, int], side: int) -> Tensor:
    """Return masks (b, 1, h, w) of a square at a random place."""
    height, width = size
    corner = draws.uniform(2)
    top = (corner[:, 0] * (height - side + 1)).floor().view(-1, 1, 1, 1)
    left = (corner[:, 1] * (width - side + 1)).floor().view(-1, 1, 1, 1)
    down = torch.arange(height, device=corner.device).view(1, 1, -1, 1)
    right = torch.arange(width, device=corner.device).view(1, 1, 1, -1)
    inside = (down >= top) & (down < top + side) & (right >= left) & (right < left + side)
    return inside.to(corner.dtype)


def _judged(center: Images, best: Images, step: Tensor) -> Found:
    done = step >= 0
    return Found(torch.where(per_example(done, best), best, center), done, step)

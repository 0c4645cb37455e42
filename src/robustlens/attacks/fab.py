"""FAB-T: the fast adaptive boundary attack, which walks along the boundary towards the image.

x_adv = fab(model, x, y, L2(0.5), generator=g)
found = fab.found(model, x, y, L2(0.5), twin=fast(model), generator=g)

Each step costs one forward and one backward pass: the gradient of z_target - z_true gives the
value, the decision and the plane that stands for the boundary.
"""

from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor
from torch.linalg import vecdot

from robustlens.answers import is_answer
from robustlens.ascend import value_and_gradient
from robustlens.attacks.method import (
    Found,
    as_it_is,
    attack,
    confirmed,
    now_and_then,
    rivals,
    staying,
    wrong,
)
from robustlens.attacks.projections import TO_PLANE
from robustlens.balls import L1, L2, Ball, Linf, norm_of
from robustlens.errors import InputError
from robustlens.norms import per_example
from robustlens.types import Images, Labels, Logits, Model, Values

CLOSE, POLISH = 1.2, 4
"""An image whose walk on a twin ends within CLOSE * eps goes on for steps // POLISH steps on the
model: the boundary of a twin in bfloat16 is off by some per cent."""


@attack
def fab(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    steps: int = 100,
    targets: int = 9,
    restarts: int = 1,
    alpha_max: float = 0.1,
    eta: float = 1.05,
    beta: float = 0.9,
    twin: Model | None = None,
    generator: torch.Generator,
) -> Found:
    """Return images of the ball that fool the model, found by walking along its boundary.

    Each restart aims at the most likely wrong classes on the clean image, the likeliest first, at
    most min(targets, K - 1) of them; any wrong decision counts. A step replaces the boundary to
    the target by its tangent plane, projects the point and the clean image on the part of it in
    the box, overshoots both by `eta` and mixes them, with at most `alpha_max` of the clean image.
    From a point that fools the model it first goes back to `beta` of the way from x. The walk
    seeks the shortest distance and knows eps only by stopping: an image is finished as soon as a
    point that fools the model lies in the ball. At the end of a walk outside, the nearest such
    point is projected on the ball and looked at once more.

    Unlike the authors' code a step looks at the model once: where the point fools the model, the
    plane found there also serves the point `beta` of the way.
    Source: Croce & Hein 2020, "Minimally distorted adversarial examples with a fast adaptive
    boundary attack", Algorithm 1, targeted version of section 4 of Croce & Hein 2020 (AutoAttack).

    Args:
        model: images in [0, 1] to logits; put in evaluation mode meanwhile if it is a module.
        x, y: images (b, c, h, w) and their true labels (b,).
        ball: `Linf`, `L2` or `L1`.
        steps: gradient steps towards each class.
        targets: how many classes to aim at.
        restarts: the first begins at x, others at random in the ball of half the radius.
        alpha_max: the largest share of the clean image's projection, in [0, 1].
        eta: the overshoot, > 0; below 1 the plane is not reached.
        beta: how far from x to begin again after a success, in [0, 1].
        twin: a faster model to search on, `fast(model)` say. Successes are confirmed on `model`;
            what ends near the ball goes on there for a quarter of the steps.
        generator: the source of the random starts.

    Raises:
        InputError: bad images, labels or settings, or a ball of another kind.
    """
    counts = {"steps": (steps, 0), "targets": (targets, 1), "restarts": (restarts, 1)}
    _check(counts, {"alpha_max": alpha_max, "beta": beta}, eta)
    walk = Walk(_normed(ball), alpha_max, eta, beta)
    half = replace(walk.ball, eps=walk.ball.eps / 2)
    with torch.no_grad():
        z = model(x)
    found = as_it_is(x, wrong(z, y))
    aims = product(range(restarts), rivals(z, y, targets).unbind(dim=1))
    for number, (restart, aim) in enumerate(aims):
        left = found.left
        if not len(left):
            break
        start = half.sample(x, generator) if restart else x
        pairs = torch.stack([y, aim], dim=1)[left]
        new = _chased(walk, model, twin, x[left], pairs, start[left], steps)
        found = found.merge(left, new, number * (steps + (0 if twin is None else steps // POLISH)))
    return found


def _chased(
    walk: "Walk",
    model: Model,
    twin: Model | None,
    x: Images,
    pairs: Tensor,
    start: Images,
    steps: int,
) -> Found:
    """Walk on the twin, or on the model; then on the model from where the twin came close."""
    y = pairs[:, 0]
    near = walk(twin or model, x, pairs, start, steps)
    found = walk.judged(model, x, y, near)
    if twin is None:
        return found
    close = torch.nonzero(~found.done & (near.far < CLOSE * walk.ball.eps)).flatten()
    if not len(close):
        return found
    again = walk(model, x[close], pairs[close], near.images[close], steps // POLISH)
    return found.merge(close, walk.judged(model, x[close], y[close], again), steps)


class Near(NamedTuple):
    """The fooling point nearest to each image, or the first one met in the ball."""

    images: Images
    far: Values  # its distance from the image; inf where none was met
    step: Tensor  # int64: after how many gradient steps; -1 where none was met
    not_finite: Tensor  # int64: how many points had no answer

    def at(self, rows: Tensor) -> "Near":
        """Return those of some images."""
        return Near(*(part[rows] for part in self))

    def merge(self, rows: Tensor, new: "Near") -> "Near":
        """Return this with the rows of others put in."""
        return Near(*(a.index_copy(0, rows, b) for a, b in zip(self, new, strict=True)))


@dataclass(frozen=True)
class Walk:
    """A walk along the boundary towards one class, for each of a batch of images."""

    ball: Linf | L2 | L1
    alpha_max: float
    eta: float
    beta: float

    def __call__(self, search: Model, x: Images, pairs: Tensor, start: Images, steps: int) -> Near:
        """Return what is met from `start`, for `pairs` (b, 2) of a true label and a target.

        Images leave once they are in the ball.
        """
        rows, point = torch.arange(len(x), device=x.device), start.detach()
        none = torch.full_like(rows, -1)
        everyone = near = Near(x.detach(), x.new_full((len(x),), torch.inf), none, 0 * rows)
        for step in range(steps):
            z, value, gradient = _look(search, point, pairs)
            with torch.no_grad():
                away = (x - point).flatten(1)
                near = self.nearer(near, point, away, z, pairs[:, 0], step)
                hit = wrong(z, pairs[:, 0])
                back = torch.where(hit | (value >= 0), 1 - self.beta, 0.0).to(away)
                point = self.step(point, x, away, value, gradient.flatten(1), back)
            stay = staying(near.far <= self.ball.eps) if now_and_then(step) else None
            if stay is not None:
                everyone = everyone.merge(rows, near)
                rows, x, point, pairs = rows[stay], x[stay], point[stay], pairs[stay]
                near = near.at(stay)
            if not len(rows):
                return everyone
        with torch.no_grad():
            z = search(point)
            near = self.nearer(near, point, (x - point).flatten(1), z, pairs[:, 0], steps)
        return everyone.merge(rows, near)

    def nearer(
        self, near: Near, point: Images, away: Tensor, z: Logits, y: Labels, step: int
    ) -> Near:
        """Keep points that fool and are nearer, until one is in the ball."""
        far = self.ball.norm.size(away)
        wins = wrong(z, y) & (far < near.far) & (near.far > self.ball.eps)
        return Near(
            torch.where(per_example(wins, point), point, near.images),
            torch.where(wins, far, near.far),
            torch.where(wins, step, near.step),
            near.not_finite + ~is_answer(z),
        )

    def step(
        self, point: Images, x: Images, away: Tensor, value: Values, w: Tensor, back: Values
    ) -> Images:
        """Return the next point: `back` of the way to x, then across the plane, not far from x.

        `away` is x - point and `w` the gradient at the point, both (b, d).
        """
        to_plane, rounds = TO_PLANE[self.ball.norm.name]
        pair = away.new_empty(2, *away.shape)
        torch.addcmul(point.flatten(1), away, back[:, None], out=pair[0])
        pair[1] = x.flatten(1)
        rise = vecdot(w, away)
        d = to_plane(pair, w, torch.stack([value + back * rise, value + rise]), rounds)
        near, far = self.ball.norm.size(d).clamp_min_(1e-8)
        alpha = (near / (near + far)).clamp_max_(self.alpha_max)
        ends = pair.add_(d, alpha=self.eta)
        return torch.lerp(ends[0], ends[1], alpha[:, None]).clamp_(0.0, 1.0).view_as(point)

    def judged(self, model: Model, x: Images, y: Labels, near: Near) -> Found:
        """Return the nearest points that the model gets wrong, those outside put into the ball."""
        inside = per_example(near.far <= self.ball.eps, x)
        candidates = torch.where(inside, near.images, self.ball.project(near.images, x))
        found = confirmed(model, x, y, candidates, near.step)
        return found._replace(not_finite=near.not_finite)


def _look(search: Model, x: Images, pairs: Tensor) -> tuple[Logits, Values, Images]:
    """Return the logits, and z_target - z_true with its gradient: one pass each way."""
    seen: list[Logits] = []

    def difference(x: Images) -> Values:
        z = search(x)
        seen.append(z.detach())
        true, target = z.gather(1, pairs).unbind(dim=1)
        return target - true

    value, gradient = value_and_gradient(difference, x)
    z = seen[0]
    value = value.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    tie = (value == 0) & ~wrong(z, pairs[:, 0])  # large logits, a rounding apart: go on across
    return z, torch.where(tie, -torch.finfo(z.dtype).eps * z.amax(dim=1).abs(), value), gradient


def _check(counts: dict[str, tuple[int, int]], shares: dict[str, float], eta: float) -> None:
    for name, (value, least) in counts.items():
        if value < least:
            raise InputError(f"{name} is {value}", f"at least {least}", f"change {name}")
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise InputError(f"{name} is {share}", "a number from 0 to 1", f"change {name}")
    if not eta > 0:
        raise InputError(f"eta is {eta}", "a number > 0, such as 1.05", "change eta")


def _normed(ball: Ball) -> Linf | L2 | L1:
    """Return the ball, if its norm is known."""
    norm_of(ball, (Linf, L2, L1))
    assert isinstance(ball, Linf | L2 | L1)
    return ball

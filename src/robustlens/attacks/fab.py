"""FAB-T: the fast adaptive boundary attack, which walks along the boundary towards the image.

x_adv = fab(model, x, y, L2(0.5), generator=g)
found = fab.found(model, x, y, L2(0.5), twin=fast(model), generator=g)

Each step costs one forward and one backward pass: the gradient of z_target - z_true gives the
value, the decision and the plane that stands for the boundary.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.linalg import vecdot

from robustlens.ascend import value_and_gradient
from robustlens.attacks.method import Found, attack, confirmed, nothing_found, wrong
from robustlens.attacks.projections import geometry
from robustlens.balls import L1, L2, Ball, Linf, per_example
from robustlens.errors import InputError
from robustlens.types import Images, Labels, Logits, Model, Values

NEWTON = 8
"""Rounds of a projection: what they leave of the gap is far below the overshoot `eta`."""


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
        eta: the overshoot, >= 1.
        beta: how far from x to begin again after a success, in (0, 1).
        twin: a faster model to search on, `fast(model)` say; successes are confirmed on `model`.
        generator: the source of the random starts.

    Raises:
        InputError: bad images, labels or settings, or a ball of another kind.
    """
    geometry(ball)
    _check(steps, targets, restarts)
    with torch.no_grad():
        z = model(x)
    likeliest = z.scatter(1, y[:, None], -torch.inf).argsort(dim=1, descending=True, stable=True)
    done = wrong(z, y)
    found = Found(x.detach(), done, torch.where(done, 0, -1))
    aims = [(r, t) for r in range(restarts) for t in range(min(targets, z.shape[1] - 1))]
    walk = Walk(ball, steps, alpha_max, eta, beta, twin)
    for number, (restart, aim) in enumerate(aims):
        left = torch.nonzero(~found.done).flatten()
        if not len(left):
            break
        start = _half(ball).sample(x, generator) if restart else x
        pairs = torch.stack([y, likeliest[:, aim]], dim=1)[left]
        new = walk(model, x[left], pairs, start[left])
        found = found.merge(left, new, number * steps)
    return found


@dataclass(frozen=True)
class Walk:
    """A walk along the boundary to one class, for each of a batch of images."""

    ball: Ball
    steps: int
    alpha_max: float
    eta: float
    beta: float
    twin: Model | None

    def __call__(self, model: Model, x: Images, pairs: Tensor, start: Images) -> Found:
        """Return what is found from `start`, for `pairs` (b, 2) of a true label and a target."""
        trail = Trail(model, self, x, pairs)
        point = start.detach()
        for step in range(self.steps):
            value, gradient = value_and_gradient(trail.objective, point)
            with torch.no_grad():
                away = (x - point).flatten(1)
                hit = trail.keep(point, away, step)
                point = self.step(point, x, away, value, gradient.flatten(1), hit)
            stay = trail.leave(step)
            if stay is not None:
                x, point = x[stay], point[stay]
            if not len(x):
                return trail.found
        with torch.no_grad():
            trail.objective(point)
            trail.keep(point, (x - point).flatten(1), self.steps)
        return trail.end(x)

    def step(
        self, point: Images, x: Images, away: Tensor, value: Values, w: Tensor, hit: Tensor
    ) -> Images:
        """Return the next point: back where it fools, then across the plane, not far from x.

        `away` is x - point and `w` the gradient at the point, both (b, d).
        """
        to_plane, size = geometry(self.ball)
        back = torch.where(hit, 1 - self.beta, 0.0).to(away)
        pair = torch.empty(2, *away.shape, dtype=away.dtype, device=away.device)
        torch.addcmul(point.flatten(1), away, back[:, None], out=pair[0])
        pair[1] = x.flatten(1)
        rise = vecdot(w, away)
        d = to_plane(pair, w, torch.stack([value + back * rise, value + rise]), NEWTON)
        near, far = size(d).clamp_min_(1e-8)
        alpha = (near / (near + far)).clamp_max_(self.alpha_max)
        ends = pair.add_(d, alpha=self.eta)
        return torch.lerp(ends[0], ends[1], alpha[:, None]).clamp_(0.0, 1.0).view_as(point)


class Trail:
    """The nearest fooling points so far, of all images and of those still walking, at `rows`."""

    def __init__(self, model: Model, walk: Walk, x: Images, pairs: Tensor) -> None:
        self.model, self.search, self.ball = model, walk.twin or model, walk.ball
        self.twin, self.pairs = walk.twin, pairs
        self.eps, self.size = float(walk.ball.eps), geometry(walk.ball).size  # type: ignore[attr-defined]
        self.found = nothing_found(x)
        self.rows = torch.arange(len(x), device=x.device)
        self.near, self.logits = x.detach(), x.new_zeros(0, 0)
        self.far = x.new_full((len(x),), torch.inf)
        self.when = torch.full_like(self.rows, -1)
        self.judged = torch.zeros_like(self.rows, dtype=torch.bool)

    def objective(self, x: Images) -> Values:
        """Return z_target - z_true on the model that is searched, and remember the logits."""
        z: Logits = self.search(x)
        self.logits = z.detach()
        true, target = z.gather(1, self.pairs).unbind(dim=1)
        return target - true

    def keep(self, point: Images, away: Tensor, step: int) -> Tensor:
        """Keep the points that fool and are nearest, the first in the ball; say which fool."""
        hit = wrong(self.logits, self.pairs[:, 0])
        far = self.size(away)
        wins = hit & (far < self.far) & (self.far > self.eps)
        self.near = torch.where(per_example(wins, point), point, self.near)
        self.far = torch.where(wins, far, self.far)
        self.when = torch.where(wins, step, self.when)
        return hit

    def leave(self, step: int) -> Tensor | None:
        """Judge new successes now and then; say who stays when an eighth of the batch can go."""
        if step > 4 and step % 4:
            return None
        self.judge()
        stay = torch.nonzero(~self.judged).flatten()
        gone = len(self.rows) - len(stay)
        if not gone or gone < len(self.rows) / 8:
            return None
        for name in ("rows", "pairs", "near", "far", "when", "judged"):
            setattr(self, name, getattr(self, name)[stay])
        return stay

    def judge(self) -> None:
        """Ask the model about the successes of its twin, and write down what is certain."""
        new = torch.nonzero((self.far <= self.eps) & ~self.judged).flatten()
        if not len(new):
            return
        done = torch.ones_like(new, dtype=torch.bool)
        if self.twin is not None:
            with torch.no_grad():
                done = wrong(self.model(self.near[new]), self.pairs[new, 0])
        self.far = self.far.index_fill(0, new[~done], torch.inf)
        self._write(new[done], self.near[new[done]])

    def end(self, x: Images) -> Found:
        """Judge, and give each image that is left a last try: its nearest point, projected."""
        self.judge()
        left = torch.nonzero(~self.judged & self.far.isfinite()).flatten()
        if len(left):
            moved = self.ball.project(self.near[left], x[left])
            last = confirmed(self.model, x[left], self.pairs[left, 0], moved, self.when[left])
            self._write(left[last.done], last.images[last.done])
        return self.found

    def _write(self, rows: Tensor, images: Images) -> None:
        self.judged = self.judged.index_fill(0, rows, True)
        new = Found(images, torch.ones_like(rows, dtype=torch.bool), self.when[rows])
        self.found = self.found.merge(self.rows[rows], new)


def _half(ball: Ball) -> Ball:
    """Return the ball of half the radius."""
    assert isinstance(ball, Linf | L2 | L1)
    return type(ball)(ball.eps / 2)


def _check(steps: int, targets: int, restarts: int) -> None:
    given = {"steps": (steps, 0), "targets": (targets, 1), "restarts": (restarts, 1)}
    for name, (value, least) in given.items():
        if value < least:
            raise InputError(f"{name} is {value}", f"at least {least}", f"change {name}")

"""HopSkipJump: a walk along the decision boundary, which asks a model for its decisions only.

    x_adv = hopskipjump(model, x, y, L2(1.5), queries=5000, generator=g)
    found = hopskipjump.found(model, x, y, Linf(0.1), generator=g)      # step: queries

Neither gradients nor scores are used, so nothing a model does to them can help it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from robustlens.answers import is_answer
from robustlens.attacks.method import Found, as_it_is, attack, wrong
from robustlens.balls import L2, Ball, Linf, radius
from robustlens.errors import InputError
from robustlens.norms import per_example
from robustlens.streams import Draws
from robustlens.types import Images, Labels, Model, Values

TRIES = 24
"""How many noise images are asked about to find a first one that is not taken for y."""
GRAINS = (1.0, 0.25, 0.125, 0.0)
"""The grids of the noise, in turn, as parts of the image: from single pixels to one colour."""
GROUP = 8
"""How many points of an image are asked about together: directions, or steps ever halved."""
FIRST, MOST = 100, 10000
"""Directions in the first round, and at most; in round t there are FIRST * sqrt(t)."""


@attack
def hopskipjump(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    queries: int = 5000,
    batch_size: int = 512,
    generator: torch.Generator,
) -> Found:
    """Return images of the ball that the model gets wrong, found from its decisions alone.

    From a noise image that is not taken for y the walk goes to the boundary by bisection, guesses
    the normal of the boundary from the decisions at random points around, steps along it, and
    returns to the boundary nearer to x. An image leaves once its point is in the ball. `step`
    counts its queries until then, the checks of the returned images not included.

    The queries of a round are the same for every image: all step lengths are asked about at once
    and the longest that fools is taken, where the publication halves the step until it fools.
    Noise is drawn pixel by pixel and also in larger blocks, because nets take white noise for the
    same class almost always.

    Args:
        model: images in [0, 1] to logits; only the largest is looked at.
        x, y: images (b, c, h, w) and their true labels (b,).
        ball: `L2` or `Linf`.
        queries: how many points of each image the model is asked about.
        batch_size: how many points at once, at least 8.
        generator: the source of noise and directions.

    Raises:
        InputError: bad images, labels or settings, or another ball.

    Source: Chen, Jordan, Wainwright 2020, Algorithms 1 and 2.
    """
    if not isinstance(ball, Linf | L2):
        raise InputError(f"hopskipjump on {ball}", "Linf or L2", "change the ball")
    if queries < 1 or batch_size < GROUP:
        raise InputError(
            f"queries {queries} and batch_size {batch_size}", f"at least 1 and {GROUP}"
        )
    x = x.detach()
    hop = _Hop(model, ball, batch_size, torch.zeros_like(y))
    clean = hop.fools(x, y, torch.arange(len(x), device=x.device))
    found = as_it_is(x, clean, hop.not_finite)
    draws, rows = Draws.of(x, generator), found.left
    if not len(rows):
        return found
    tries = min(TRIES, queries)
    walk = hop.begin(_Walk(rows, x[rows], y[rows], x[rows], draws[rows]), tries)
    cuts = min(hop.cuts(x[0].numel()), queries - tries)
    spent = tries + cuts
    walk.point = hop.bisect(walk, walk.point, cuts)
    found, walk = hop.leave(found, walk, spent)
    for turn, directions in enumerate(_rounds(queries - spent, GROUP + cuts), start=1):
        if not len(walk.rows):
            break
        walk.point = hop.bisect(walk, hop.jump(walk, turn, directions), cuts)
        spent += directions + GROUP + cuts
        found, walk = hop.leave(found, walk, spent)
    return found


@dataclass
class _Walk:
    """The images that are not in the ball yet, a row each."""

    rows: Tensor  # their places in the batch
    x: Images
    y: Labels
    point: Images  # near the boundary, on the side that is not y
    draws: Draws

    def at(self, rows: Tensor) -> "_Walk":
        """Return some of them."""
        x, y, point = self.x[rows], self.y[rows], self.point[rows]
        return _Walk(self.rows[rows], x, y, point, self.draws[rows])


@dataclass(frozen=True)
class _Hop:
    """The moves of a walk."""

    model: Model
    ball: Linf | L2
    batch_size: int
    not_finite: Tensor  # of each image of the batch: how many points had no answer

    @torch.no_grad()
    def fools(self, x: Images, y: Labels, rows: Tensor) -> Tensor:
        """Say which points of the images at `rows` the model gets wrong: all it is ever asked."""
        parts = range(0, max(len(x), 1), self.batch_size)
        answers = [self.model(x[k : k + self.batch_size]) for k in parts]
        z = torch.cat(answers)
        self.not_finite.index_add_(0, rows, (~is_answer(z)).long())
        return wrong(z, y)

    def cuts(self, size: int) -> int:
        """Return how often to bisect, for images of `size` numbers: to d**-1.5, or d**-2."""
        power = 1.5 if isinstance(self.ball, L2) else 2.0
        return min(max(math.ceil(power * math.log2(size)), 10), 24)

    def begin(self, walk: _Walk, tries: int) -> _Walk:
        """Return the walk of the images for which some noise is not taken for y."""
        size = walk.x.shape[2:]
        have = torch.zeros_like(walk.y, dtype=torch.bool)
        for number in range(tries):
            grain = GRAINS[number % len(GRAINS)]
            cells = [max(round(side * grain), 1) for side in size]
            noise = interpolate(walk.draws.uniform(walk.x.shape[1], *cells), size=size)
            new = self.fools(noise, walk.y, walk.rows) & ~have
            walk.point = torch.where(per_example(new, noise), noise, walk.point)
            have |= new
        return walk.at(torch.nonzero(have).flatten())

    def bisect(self, walk: _Walk, far: Images, cuts: int) -> Images:
        """Return a point between x and `far` that still fools, as near to x as `cuts` queries say.

        On the line for l2; for l-inf on the way of `far` clipped to smaller and smaller cubes.
        """
        gap = self.ball.distance(far, walk.x)
        low, high = torch.zeros_like(gap), torch.ones_like(gap)
        for _ in range(cuts):
            middle = (low + high) / 2
            fooled = self.fools(self.between(walk.x, far, middle, gap), walk.y, walk.rows)
            low, high = torch.where(fooled, low, middle), torch.where(fooled, middle, high)
        return self.between(walk.x, far, high, gap)

    def between(self, x: Images, far: Images, share: Values, gap: Values) -> Images:
        """Return the point at a share of the distance to `far`; `far` itself at 1."""
        if isinstance(self.ball, L2):
            return x.lerp(far, per_example(share, x)).clamp_(0.0, 1.0)
        reach = per_example(torch.where(share < 1, share * gap, torch.inf), x)
        return torch.clamp(far, x - reach, x + reach).clamp_(0.0, 1.0)

    def jump(self, walk: _Walk, turn: int, directions: int) -> Images:
        """Return points off the boundary on the side that fools: one step along its normal."""
        rows = torch.arange(len(walk.rows), device=walk.rows.device)
        parts = [walk.at(part) for part in torch.split(rows, self.batch_size // GROUP)]
        jumped = torch.cat([self.step(part, turn, directions) for part in parts])
        walk.draws.used = parts[0].draws.used
        return jumped

    def step(self, walk: _Walk, turn: int, directions: int) -> Images:
        """Return `jump` for as many images as are asked about at once."""
        gap = self.ball.distance(walk.point, walk.x)
        reach = torch.full_like(gap, 0.1) if turn == 1 else gap / walk.x[0].numel()
        step = self.ball.steepest(self.normal(walk, reach, directions), walk.point)
        halves = 0.5 ** torch.arange(GROUP, device=gap.device, dtype=gap.dtype)
        lengths = gap[:, None] * halves / math.sqrt(turn)
        tried = walk.point[:, None] + lengths[..., None, None, None] * step[:, None]
        tried = tried.clamp_(0.0, 1.0)
        fooled = self.decisions(tried, walk)
        longest = fooled.to(torch.uint8).argmax(dim=1)
        chosen = tried[torch.arange(len(tried), device=tried.device), longest]
        return torch.where(per_example(fooled.any(dim=1), chosen), chosen, walk.point)

    def normal(self, walk: _Walk, reach: Values, directions: int) -> Images:
        """Return the guessed normal of the boundary, towards what fools, of any length.

        It is the covariance of random directions and decisions; where all decisions are alike,
        the mean direction, towards or away.
        """
        point, size = walk.point[:, None], reach[:, None, None, None, None]
        pull, drift = torch.zeros_like(walk.x), torch.zeros_like(walk.x)
        mean = torch.zeros_like(reach)
        for _ in range(directions // GROUP):
            moved = (point + size * self.directions(walk)).clamp_(0.0, 1.0)
            vote = self.decisions(moved, walk).to(reach.dtype) * 2 - 1
            real = (moved - point) / size
            pull += torch.einsum("bg,bgchw->bchw", vote, real)
            drift += real.sum(dim=1)
            mean += vote.sum(dim=1) / directions
        mean = per_example(mean, pull)
        return torch.where(mean.abs() > 1 - 1e-4, mean * drift, pull - mean * drift)

    def directions(self, walk: _Walk) -> Tensor:
        """Return random directions of Euclidean length 1, (b, GROUP, c, h, w)."""
        shape = (GROUP, *walk.x.shape[1:])
        if isinstance(self.ball, L2):
            drawn = walk.draws.normal(*shape)
        else:
            drawn = walk.draws.uniform(*shape).mul_(2.0).sub_(1.0)
        length: Tensor = torch.linalg.vector_norm(drawn, dim=(2, 3, 4), keepdim=True)
        return drawn / length

    def decisions(self, points: Tensor, walk: _Walk) -> Tensor:
        """Return `fools` for GROUP points of each image, (b, GROUP, c, h, w)."""
        labels, rows = (a.repeat_interleave(GROUP) for a in (walk.y, walk.rows))
        return self.fools(points.flatten(0, 1), labels, rows).view(-1, GROUP)

    def leave(self, found: Found, walk: _Walk, spent: int) -> tuple[Found, _Walk]:
        """Write down and let go the images whose points are in the ball."""
        near = self.ball.distance(walk.point, walk.x) <= radius(self.ball)
        hits = torch.nonzero(near).flatten()
        if not len(hits):
            return found, walk
        new = walk.at(hits)
        done = self.fools(new.point, new.y, new.rows)
        images = torch.where(per_example(done, new.x), new.point, new.x)
        found = found.merge(new.rows, Found(images, done, torch.full_like(new.rows, spent)))
        gone = torch.zeros_like(near).index_copy_(0, hits, done)
        return found, walk.at(torch.nonzero(~gone).flatten())


def _rounds(queries: int, others: int) -> Iterator[int]:
    """Yield the directions of each round until the queries are spent; a round takes `others`."""
    for turn in count(1):
        wanted = min(math.ceil(FIRST * math.sqrt(turn) / GROUP) * GROUP, MOST)
        directions = min(wanted, (queries - others) // GROUP * GROUP)
        if directions < GROUP:
            return
        yield directions
        queries -= directions + others

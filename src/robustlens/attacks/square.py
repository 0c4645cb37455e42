"""The Square Attack: a random search by squares, which asks a model for its scores only.

    x_adv = square(model, x, y, Linf(8 / 255), queries=5000, generator=g)
    found = square.found(model, x, y, L2(0.5), twin=fast(model), generator=g)   # step: queries

No gradient is taken, so it also attacks models whose gradients mislead.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from robustlens.attacks.gradient import apgd
from robustlens.attacks.method import Found, as_it_is, attack, nothing_found, wrong
from robustlens.attacks.square_moves import MOVES, Move, side_share
from robustlens.attacks.square_windows import write
from robustlens.balls import Ball
from robustlens.errors import InputError
from robustlens.norms import per_example
from robustlens.objectives import logit_margin, margin
from robustlens.streams import Draws
from robustlens.types import Images, Labels, Model, Values

BLOCK = 50
"""After at most so many queries the images that are fooled leave, and numbers are drawn anew."""


@attack
def square(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    queries: int = 5000,
    restarts: int = 1,
    p_init: float = 0.8,
    batch_size: int = 512,
    patience: int | None = None,
    twin: Model | None = None,
    generator: torch.Generator,
) -> Found:
    """Return images of the ball that the model gets wrong, found by random squares.

    A proposal repaints a random square of the best image so far, and is kept if the margin (best
    wrong logit minus true logit) grows. Squares shrink after a fixed number of proposals, as
    published for 10000 queries, whatever `queries` is (so does the reference in AutoAttack).
    `step` counts queries of this attack, the first point included.

    Args:
        model: images in [0, 1] to logits; only its outputs are used.
        x, y: images (b, c, h, w) and their true labels (b,).
        ball: `Linf`, `L2` or `L1`.
        queries: how many points of an image each restart may ask about.
        restarts: how many searches, for the images that are not fooled yet.
        p_init: the share of pixels in the first squares.
        batch_size: how many images are asked about at once.
        patience: after so many queries an image leaves if 25 steps of Auto-PGD on the margin got
            further than the squares did: black-box search is there for models whose gradients
            mislead, and this one's did not. Default: nobody leaves before the last query.
        twin: a faster model to search on, `fast(model)` say. What it takes for a success counts
            if the model agrees; if not, the twin has to go further by as much as it was off.
        generator: the source of places and signs.

    Raises:
        InputError: bad images, labels or settings, or another ball.

    Source: Andriushchenko et al. 2020, Algorithms 1 to 3; for l1 Croce & Hein 2021 ("Mind the
    box"), section on the l1-Square Attack.
    """
    _check(ball, queries, restarts, p_init, batch_size)
    x = x.detach().contiguous()
    hunt = _Hunt(model, twin, ball, queries, p_init, batch_size, patience or queries)
    found = hunt.clean(x, y)
    bar = None if patience is None else _by_gradient(hunt, x, y, generator)
    for restart in range(restarts):
        left = found.left
        if not len(left):
            break
        draws = Draws.of(x, generator)[left]
        ahead = None if bar is None else bar[left]
        found = found.merge(left, hunt(x[left], y[left], draws, ahead), restart * queries)
    return found


@dataclass
class _Pool:
    """The images that are still searched, a row each."""

    rows: Tensor  # their places in the batch
    x: Images
    y: Labels
    best: Images  # the best point so far, changed in place
    value: Values  # the margin there
    goal: Values  # a larger margin is a success
    step: Tensor  # after how many queries it was found
    not_finite: Tensor  # how many queries had no answer

    def at(self, rows: Tensor | slice) -> "_Pool":
        """Return some of them: copies for a tensor, views for a slice."""
        return _Pool(*(part[rows] for part in vars(self).values()))


@dataclass(frozen=True)
class _Hunt:
    """One search by squares."""

    model: Model
    twin: Model | None
    ball: Ball
    queries: int
    p_init: float
    batch_size: int
    patience: int

    def __call__(self, x: Images, y: Labels, draws: Draws, bar: Values | None) -> Found:
        """Return what one restart finds; after `patience` queries, only of images above the bar."""
        found = nothing_found(x)
        pool = self.start(x, y, draws)
        lost = pool.not_finite.clone()
        found = found._replace(not_finite=lost)
        asked = 1
        while True:
            last = asked == self.queries
            found, draws, pool = self.leave(found, draws, pool, last)
            if last or not len(pool.rows):
                return found
            if bar is not None and asked == self.patience:
                above = torch.nonzero(pool.value >= bar[pool.rows]).flatten()
                pool, draws, bar = pool.at(above), draws[above], None
                if not len(above):
                    return found
            count = min(max(asked // 8, 4), BLOCK, self.queries - asked)
            count = min(count, self.patience - asked) if asked < self.patience else count
            numbers = draws.uniform(count, self.move.to_propose(x.shape[1]))
            for part in self.parts(len(pool.rows)):
                self.walk(pool.at(part), numbers[part], asked)
            lost[pool.rows] = pool.not_finite
            asked += count

    @property
    def move(self) -> Move:
        """The moves of the norm."""
        return MOVES[type(self.ball)]

    @torch.no_grad()
    def clean(self, x: Images, y: Labels) -> Found:
        """Return the images that the model gets wrong as they are, after 0 queries."""
        z = torch.cat([self.model(x[part]) for part in self.parts(len(x))])
        return as_it_is(x, wrong(z, y))

    def start(self, x: Images, y: Labels, draws: Draws) -> _Pool:
        """Return all images at their first points, which take one query."""
        numbers = draws.uniform(self.move.to_start(*x.shape[1:]))
        best = self.move.start(x, self.ball, numbers)
        value = torch.cat([self.margin(best[part], y[part]) for part in self.parts(len(x))])
        rows = torch.arange(len(x), device=x.device)
        goal, lost = torch.zeros_like(value), value.isnan().long()
        value = value.nan_to_num(nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf)
        return _Pool(rows, x, y, best, value, goal, torch.ones_like(rows), lost)

    def walk(self, part: _Pool, numbers: Tensor, asked: int) -> None:
        """Make a block of proposals, and keep those that are better, all in place."""
        h, w = part.x.shape[2:]
        for query, now in enumerate(numbers.unbind(dim=1), start=asked):
            side = self.move.side(side_share(self.p_init, query - 1), h, w)
            patches = self.move.propose(part.best, part.x, self.ball, side, now)
            for patch in patches:
                write(part.best, patch.cells, patch.new)
            value = self.margin(part.best, part.y)
            better = (value > part.value) & (part.value <= part.goal)
            for patch in patches:
                kept = torch.where(better[:, None, None], patch.new, patch.old)
                write(part.best, patch.cells, kept)
            part.value.copy_(torch.where(better, value, part.value))
            part.step.copy_(torch.where(better, query + 1, part.step))
            part.not_finite += value.isnan()

    @torch.no_grad()
    def margin(self, x: Images, y: Labels) -> Values:
        """Return the margins on the model that is searched on; NaN where it has no answer."""
        return logit_margin((self.twin or self.model)(x), y)

    def leave(
        self, found: Found, draws: Draws, pool: _Pool, last: bool
    ) -> tuple[Found, Draws, _Pool]:
        """Ask the model about the successes; write down and let go those that it confirms."""
        hits = (pool.value > pool.goal) | (last and self.twin is not None)
        hits = torch.nonzero(hits).flatten()
        if not len(hits):
            return found, draws, pool
        new = pool.at(hits)
        judged, margin = self.judge(new)
        goal = torch.where(judged.done, new.goal, new.value - margin)
        pool.goal.index_copy_(0, hits, goal)
        gone = torch.zeros_like(pool.goal, dtype=torch.bool).index_copy_(0, hits, judged.done)
        stay = torch.nonzero(~gone).flatten()
        return found.merge(new.rows, judged), draws[stay], pool.at(stay)

    @torch.no_grad()
    def judge(self, pool: _Pool) -> tuple[Found, Values]:
        """Return what the model says of the best points, and the margins there."""
        point = self.ball.project(pool.best, pool.x)
        z = torch.cat([self.model(point[part]) for part in self.parts(len(point))])
        done = wrong(z, pool.y)
        images = torch.where(per_example(done, point), point, pool.x)
        margin = logit_margin(z, pool.y).to(pool.value)
        return Found(images, done, pool.step), torch.where(margin.isnan(), -torch.inf, margin)

    def parts(self, count: int) -> list[slice]:
        """Cut a pool into what the model is asked at once; one empty part of an empty pool."""
        return [slice(k, k + self.batch_size) for k in range(0, max(count, 1), self.batch_size)]


def _by_gradient(hunt: _Hunt, x: Images, y: Labels, generator: torch.Generator) -> Values:
    """Return the margins that a short gradient search reaches, where the squares search."""
    with torch.no_grad():
        moved = apgd(
            hunt.twin or hunt.model, x, y, hunt.ball, steps=25, objective=margin, failed="worst",
            generator=generator,
        )  # fmt: skip
        return torch.cat([hunt.margin(moved[part], y[part]) for part in hunt.parts(len(x))])


def _check(ball: Ball, queries: int, restarts: int, p_init: float, batch_size: int) -> None:
    if type(ball) not in MOVES:
        raise InputError(f"square on {ball}", "Linf, L2 or L1", "change the ball")
    for name, value in (("queries", queries), ("restarts", restarts), ("batch_size", batch_size)):
        if value < 1:
            raise InputError(f"{name} is {value}", "at least 1", f"change {name}")
    if not 0 < p_init <= 1:
        raise InputError(f"p_init is {p_init}", "a share of the pixels, in (0, 1]", "change p_init")

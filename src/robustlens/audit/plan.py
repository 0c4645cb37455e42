"""The plan of an audit and its price, made from two passes that are timed first.

speed = measured(model, data, now)               # seconds an image, forwards and with a gradient
plan = planned(speed, data, settings, classes, seconds=540, gradient=True)
plan.words()                                     # n, attacks, interval, end
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.answers import Answers
from robustlens.ascend import value_and_gradient
from robustlens.attacks import Bound, apgd, apgd_targeted, bind, hopskipjump, square
from robustlens.attacks.ensemble import VERSIONS
from robustlens.audit.settings import NormBall, Settings, named
from robustlens.balls import L1
from robustlens.bounds import clopper_pearson
from robustlens.data import Dataset, batches
from robustlens.modes import frozen
from robustlens.objectives import misclassify

ENOUGH = 64
"""Images that are worth more than a stronger attack: an interval of about +- 13 points."""
FEWEST = 16
"""Images at least, whatever the time: those that it is not enough for are undecided."""
SHARE = 0.5
"""Of the time, for robust accuracy; signs of masking, curves and the rest have the other half."""
PASS = 0.5
"""Seconds of one pass at most: an audit cannot end in the midst of one."""
BATCH = 64
MASKING = (200.0, 400.0)
"""Passes of the checks for masking, with a gradient and without, for an image that holds."""
PAIRS, STEPS = 20, 10
"""Images and gradient steps for each unit of a net."""
FEW = (30.0, 120.0)
"""Passes for an image of what is measured on few: corruptions, threats, transfer."""
WALK, LINE = 40, 16
"""Gradient steps of the search for the nearest wrong image, passes on the line back from it."""
VOTES = 1000
"""Votes for a certificate, at most."""
OVERHEAD = 1.3
"""An attack's step beside the bare pass with a gradient, until it is known better."""


class Speed(NamedTuple):
    """Seconds an image for a forward pass and for one with a gradient; the batch they are of."""

    forward: float
    gradient: float
    batch: int

    def price(self, images: int, gradients: float, forwards: float = 0.0) -> float:
        """Return the seconds of so many passes for each of some images."""
        return images * (gradients * self.gradient + forwards * self.forward)


def measured(
    model: nn.Module, data: Dataset, now: Callable[[], float], *, gradient: bool = True
) -> Speed:
    """Return the speed of a model on images like these; small batches where one is slow.

    Each pass is made once unmeasured, since the first is slow, and then the quicker of two counts.
    """
    batch = min(4, len(data))
    ask = Answers(model)
    while True:
        x, y = next(batches(data, min(batch, len(data))))

        def forwards(x: Tensor = x) -> None:
            with torch.no_grad():
                ask(x)

        def slope(x: Tensor = x, y: Tensor = y) -> None:
            value_and_gradient(misclassify(ask, y), x)

        with frozen(model):
            forward = _seconds(forwards, now) / len(x)
            back = max(_seconds(slope, now) / len(x) if gradient else 0.0, forward, 1e-9)
        if batch >= min(BATCH, len(data)) or back * batch * 4 > PASS:
            return Speed(max(forward, 1e-9), back, batch)
        batch = min(batch * 4, BATCH)


def _seconds(function: Callable[[], None], now: Callable[[], float]) -> float:
    function()
    found = []
    for _ in range(2):
        began = now()
        function()
        found.append(now() - began)
    return min(found)


class Ensemble(NamedTuple):
    """Attacks on one ball, one after another, and what an image costs that resists them all."""

    name: str
    parts: tuple[Bound, ...]
    gradients: float
    forwards: float

    def __str__(self) -> str:
        """Return what it is, for a page: the attacks with their settings."""
        words = [str(part).replace(f" {part.ball}", "") for part in self.parts]
        return "; ".join(words)


def _standard(ball: NormBall, classes: int) -> Ensemble:
    targets = min(5 if isinstance(ball, L1) else 9, classes - 1)
    starts = 5 if isinstance(ball, L1) else 1
    gradients = 100 * starts + 100 * targets + 130 * min(9, classes - 1)
    parts = VERSIONS["standard"](ball, classes)
    return Ensemble("AutoAttack standard", parts, gradients, 5000)


def _short(ball: NormBall, classes: int) -> Ensemble:
    targets = min(3, classes - 1)
    parts = (
        bind(apgd, ball, steps=40),
        bind(apgd_targeted, ball, steps=30, targets=targets),
        bind(square, ball, queries=300),
    )
    return Ensemble("short ensemble", parts, 40 + 30 * targets, 300)


def _least(ball: NormBall, classes: int) -> Ensemble:
    parts = bind(apgd_targeted, ball, steps=20, targets=1), bind(square, ball, queries=200)
    return Ensemble("least ensemble", parts, 20, 200)


def _first(ball: NormBall, classes: int) -> Ensemble:
    return Ensemble("APGD-20", (bind(apgd, ball, steps=20),), 20, 2)


def _asking(ball: NormBall, classes: int) -> Ensemble:
    parts = bind(square, ball, queries=2000), bind(hopskipjump, ball, queries=2000)
    return Ensemble("black-box ensemble", parts, 0, 4000)


def _asking_least(ball: NormBall, classes: int) -> Ensemble:
    return Ensemble("Square-1000", (bind(square, ball, queries=1000),), 0, 1000)


def _asking_first(ball: NormBall, classes: int) -> Ensemble:
    return Ensemble("Square-200", (bind(square, ball, queries=200),), 0, 200)


Make = Callable[[NormBall, int], Ensemble]
STRENGTHS: dict[str, Make] = {"standard": _standard, "short": _short, "least": _least}
"""With gradients, the strongest first."""
BLACK_BOX: dict[str, Make] = {"asking": _asking, "asking least": _asking_least}
"""For models that have none."""
TABLE: dict[str, Make] = {
    **STRENGTHS, **BLACK_BOX, "first": _first, "asking first": _asking_first
}  # fmt: skip
"""All, with the cheapest, which go before any other."""


@dataclass(frozen=True)
class Plan:
    """What will be done: how many images, attacked together in chunks, by which ensembles."""

    n: int  # images that are attacked
    wide: int  # images that are only asked about
    chunk: int  # attacked together, and saved together
    looked: int  # images in which signs of masking are looked for
    units: int  # of the net whose usefulness is measured
    few: int  # images for corruptions, threats, certificates and transfer
    near: int  # images whose nearest wrong image is searched
    strength: str  # of `TABLE`: what an image must resist to count as held
    first: str  # of `TABLE`: the cheapest strong attack, which goes first
    balls: tuple[str, ...]
    seconds: float  # that it was made for
    price: float  # of robust accuracy in every ball, at most

    @property
    def half_width(self) -> float:
        """Half of the widest 95 % interval that n images give."""
        interval = clopper_pearson(max(self.n // 2, 0), self.n)
        return (interval.high - interval.low) / 2

    def words(self, classes: int, balls: tuple[NormBall, ...]) -> str:
        """Return the plan in a sentence or two."""
        ends = ", ".join(self.balls)
        strong = TABLE[self.strength](balls[0], classes).name
        first = TABLE[self.first](balls[0], classes).name
        return (
            f"{self.n} images (clean accuracy on {self.wide}), {first} first, then {strong} in "
            f"{ends}; expected interval +- {self.half_width * 100:.0f} points; at most "
            f"{self.price:.0f} s for robust accuracy, the end after {self.seconds:.0f} s at the "
            "latest"
        )


def planned(
    speed: Speed, data: Dataset, settings: Settings, *, seconds: float, gradient: bool
) -> Plan:
    """Return the plan for so many seconds: images first, since the interval shrinks with them.

    The strongest ensemble is taken that leaves time for `ENOUGH` images, else the weakest.
    """
    table = STRENGTHS if gradient else BLACK_BOX
    classes, most = len(data.classes), min(len(data), settings.limit or len(data), 2000)
    first = "first" if gradient else "asking first"
    for name in table:
        makers = table[name], TABLE[first]
        costs = [make(ball, classes) for make in makers for ball in settings.balls]
        each = OVERHEAD * sum(speed.price(1, e.gradients, e.forwards) for e in costs)
        able = int(SHARE * seconds / each)
        if able >= min(ENOUGH, most):
            break
    n = min(most, max(FEWEST, able))
    strong = max(e.gradients * speed.gradient + e.forwards * speed.forward for e in costs)
    together = max(1, min(speed.batch, int(seconds / 20 / (OVERHEAD * strong))))
    wide = max(n, min(len(data), 5000, int(0.05 * seconds / speed.forward)))
    chunk = max(1, math.ceil(n / math.ceil(n / together)))
    balls = tuple(map(named, settings.balls))
    norms = {type(within) for within in settings.balls}
    looked = _able(0.25 * seconds, speed.price(1, *MASKING), 16, min(64, len(data)))
    units = _able(0.1 * seconds, speed.price(PAIRS, STEPS), 8, 64)
    few = _able(0.05 * seconds, speed.price(1, *FEW), 10, min(200, n))
    near = _able(0.12 * seconds / len(norms), speed.price(1, WALK, LINE), 10, n)
    return Plan(
        n,
        wide,
        chunk,
        looked,
        units,
        few,
        near,
        name,
        first,
        balls,
        round(seconds, 1),
        round(each * n, 1),
    )


def _able(seconds: float, each: float, least: int, most: int) -> int:
    """Return how many the time is enough for, `most` at most; where not for `least`, that many."""
    return max(1, min(most, max(least, int(seconds / (OVERHEAD * each)))))

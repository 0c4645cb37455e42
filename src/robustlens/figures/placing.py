"""Where to put words beside points: near, and on nothing else.

centres = place(anchors, sizes, marks, lines, frame)      # all in pixels
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Chosen = NDArray[np.int_]

# Pixels.
MARK = 9
"""Half the side of a point's mark, with a little air."""
INK = 7  # half the side of the mark itself
AIR = 3  # between two words
AWAY = (0, 8, 20, 36, 56, 80, 110)  # from the edge of a mark to its word
LARGE = 1000  # square pixels of an overlap

PLACES = 1200  # of all words together
FAVOURITES = 4  # of one word, to which the others must make room once

# To the right first, then left, above and below, then between: sixteen parts of a turn.
_TURNS = (0, 8, 4, 12, 2, 6, 14, 10, 1, 15, 7, 9, 3, 5, 13, 11)

# What a place costs: pixels away, and as many pixels as these for what is in the way.
_OUTSIDE, _ON_WORD, _ON_MARK, _CROSSING, _ON_LINE, _LESS_LIKED = (
    4000.0,
    800.0,
    300.0,
    120.0,
    8.0,
    1.0,
)


class _Places(NamedTuple):
    """For each word (n) its places (p): boxes (n, p, 4), leaders from the mark (n, p, 2, 2)."""

    centres: Floats
    boxes: Floats
    leaders: Floats


def place(anchors: Floats, sizes: Floats, marks: Floats, lines: Floats, frame: Floats) -> Floats:
    """Return the centres (n, 2) of words of `sizes` (n, 2) beside their anchors (n, 2).

    Dear is, in this order, to leave `frame` (left, bottom, right, top), to cover a word or a mark
    (m, 2), to cross another's leader or a line (points (k, 2) along it), and to be far away. The
    sum over all words is minimised by moving one at a time, and by giving each word in turn one of
    its favourite places for as long as the others need to make room: a local optimum.
    """
    rows = np.arange(len(anchors))
    places = _places(anchors, sizes)
    alone = _alone(places, marks, lines, frame)
    kept = np.argsort(alone, axis=1, kind="stable")[:, : max(8, PLACES // len(anchors))]
    places = _Places(*(part[rows[:, None], kept] for part in places))
    costs = _Costs(alone[rows[:, None], kept], _together(places))
    chosen, best = costs.settled(np.zeros_like(rows))
    for favourite, word in product(range(FAVOURITES), rows.tolist()):
        trial = chosen.copy()
        trial[word] = favourite
        trial, _ = costs.settled(trial, fixed=word)
        trial, total = costs.settled(trial)
        if total < best:
            chosen, best = trial, total
    centres: Floats = places.centres[rows, chosen]
    return centres


class _Costs(NamedTuple):
    """Of each place alone (n, p), the cheapest first, and of each two (n, p, n, p)."""

    alone: Floats
    pairs: Floats

    def settled(self, chosen: Chosen, fixed: int = -1) -> tuple[Chosen, float]:
        """Return the places (n,) after each word moved to its cheapest, and what all cost."""
        chosen, rows = chosen.copy(), np.arange(len(chosen))
        for _ in range(20):
            before = chosen.copy()
            for word in rows[rows != fixed].tolist():
                near = self.pairs[word, :, rows, chosen].sum(axis=0)
                chosen[word] = (self.alone[word] + near).argmin()
            if (chosen == before).all():
                break
        shared = self.pairs[rows[:, None], chosen[:, None], rows, chosen].sum() / 2
        return chosen, float(self.alone[rows, chosen].sum() + shared)


def _places(anchors: Floats, sizes: Floats) -> _Places:
    angle = np.tile(np.array(_TURNS) * np.pi / 8, len(AWAY))
    away = np.repeat(np.array(AWAY, dtype=np.float64), len(_TURNS)) + MARK
    side = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    # Towards a corner of the word at 45 degrees, the middle of an edge at 0 and 90.
    lean = np.clip(side * np.sqrt(2), -1, 1)
    centres = anchors[:, None] + side * away[:, None] + lean * sizes[:, None] / 2
    half = sizes[:, None] / 2
    nearest = np.clip(anchors[:, None], centres - half, centres + half)
    start = anchors[:, None] + side * MARK
    leaders = np.stack([start, nearest], axis=2)
    boxes = np.concatenate([centres - half - AIR / 2, centres + half + AIR / 2], axis=2)
    return _Places(centres, boxes, leaders)


def _alone(places: _Places, marks: Floats, lines: Floats, frame: Floats) -> Floats:
    """Return what each place (n, p) costs apart from other words."""
    near = np.repeat(np.array(AWAY, dtype=np.float64), len(_TURNS))
    liked = np.tile(np.arange(len(_TURNS)) * _LESS_LIKED, len(AWAY))
    around = np.concatenate([marks - INK, marks + INK], axis=1)
    low, high = places.boxes[..., :2] < frame[:2], places.boxes[..., 2:] > frame[2:]
    rows = []
    for boxes, leaders in zip(places.boxes, places.leaders, strict=True):
        covered = (_overlaps(boxes, around) + _meet(leaders, around) / 2).sum(axis=1)
        rows.append(near + liked + _ON_MARK * covered + _ON_LINE * _held(lines, boxes))
    cost: Floats = np.stack(rows) + _OUTSIDE * (low | high).any(axis=2)
    return cost


def _together(places: _Places) -> Floats:
    """Return what each two places of two words cost beside each other, (n, p, n, p)."""
    count, each = places.centres.shape[:2]
    boxes, leaders = places.boxes.reshape(-1, 4), places.leaders.reshape(-1, 2, 2)
    through = _meet(leaders, boxes)
    crossed = through | through.T | _cross(leaders, leaders)
    cost = (_ON_WORD * _overlaps(boxes, boxes) + _CROSSING * crossed).reshape(
        count, each, count, each
    )
    cost[np.arange(count), :, np.arange(count)] = 0
    return np.asarray(cost)


def _overlaps(boxes: Floats, others: Floats) -> Floats:
    """Return 0 where a box (p, 4) and another (m, 4) are apart, else 1 and more, as (p, m)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = (high - low).clip(min=0).prod(axis=2)
    overlaps: Floats = (shared > 0) + shared / LARGE
    return overlaps


def _held(points: Floats, boxes: Floats) -> NDArray[np.int_]:
    """Return how many of the points (k, 2) each box (p, 4) holds."""
    held = (points[None] > boxes[:, None, :2]) & (points[None] < boxes[:, None, 2:])
    return np.asarray(held.all(axis=2).sum(axis=1))


def _meet(leaders: Floats, boxes: Floats) -> NDArray[np.bool_]:
    """Return which leaders (p, 2, 2) run through which boxes (m, 4), as (p, m).

    A leader is start + t way, t in [0, 1]; it is between two sides of a box for t in an interval,
    and inside where the intervals of both pairs of sides overlap.
    """
    start, way = leaders[:, None, 0], leaders[:, None, 1] - leaders[:, None, 0]
    way = np.where(way == 0, 1e-9, way)
    one, two = (boxes[None, :, :2] - start) / way, (boxes[None, :, 2:] - start) / way
    enters = np.minimum(one, two).max(axis=2)
    leaves = np.maximum(one, two).min(axis=2)
    return np.asarray(np.maximum(enters, 0) < np.minimum(leaves, 1))


def _cross(leaders: Floats, others: Floats) -> NDArray[np.bool_]:
    """Return which leaders (p, 2, 2) cross which others (m, 2, 2), as (p, m)."""
    a, b = leaders[:, None, 0], leaders[:, None, -1]
    c, d = others[None, :, 0], others[None, :, -1]
    apart = _turn(a, b, c) * _turn(a, b, d) < 0
    return np.asarray(apart & (_turn(c, d, a) * _turn(c, d, b) < 0))


def _turn(a: Floats, b: Floats, c: Floats) -> Floats:
    """Return on which side of the line from a to b the point c is: the sign of the area."""
    first, second = b - a, c - a
    area: Floats = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    return area

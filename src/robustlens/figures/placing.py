"""Where to put words beside points: near, and on nothing else.

centres = place(anchors, sizes, marks, lines, frame)      # all in pixels
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Pixels.
MARK = 9
"""Half the side of a point's mark, with a little air."""
AIR = 3  # between two words
AWAY = (0, 8, 20, 36, 56, 80, 110)  # from the edge of a mark to its word
CROWD = 120  # points that near to each other compete

# To the right first, then left, above and below, then between: sixteen parts of a turn.
_TURNS = (0, 8, 4, 12, 2, 6, 14, 10, 1, 15, 7, 9, 3, 5, 13, 11)
_STEPS = 10  # points of a leader that are looked at

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
    """For each word (n) its places (p): boxes (n, p, 4) and leaders from the mark (n, p, s, 2)."""

    centres: Floats
    boxes: Floats
    leaders: Floats


def place(anchors: Floats, sizes: Floats, marks: Floats, lines: Floats, frame: Floats) -> Floats:
    """Return the centres (n, 2) of words of `sizes` (n, 2) beside their anchors (n, 2).

    Words are put down one after the other, the most crowded first, each in the cheapest of 112
    places given the others, and again until none moves: a local optimum, and the same each time.
    Dear is, in this order, to leave `frame` (left, bottom, right, top), to cover a word or a mark
    (m, 2), to cross another's leader or a line (points (k, 2) along it), and to be far away.
    """
    places = _places(anchors, sizes)
    alone = _alone(places, marks, lines, frame)
    rows = np.arange(len(anchors))
    distance = np.linalg.norm(anchors[:, None] - anchors[None], axis=2)
    order = np.argsort(-(distance < CROWD).sum(axis=1), kind="stable")
    chosen = np.full(len(anchors), -1)
    for _ in range(30):
        before = chosen.copy()
        for row in order:
            others = rows[(rows != row) & (chosen >= 0)]
            chosen[row] = (alone[row] + _among(places, row, others, chosen[others])).argmin()
        if (chosen == before).all():
            break
    found: Floats = places.centres[rows, chosen]
    return found


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
    part = np.linspace(0, 1, _STEPS)[:, None]
    leaders = start[:, :, None] * (1 - part) + nearest[:, :, None] * part
    boxes = np.concatenate([centres - half - AIR / 2, centres + half + AIR / 2], axis=2)
    return _Places(centres, boxes, leaders)


def _alone(places: _Places, marks: Floats, lines: Floats, frame: Floats) -> Floats:
    """Return what each place (n, p) costs apart from other words."""
    near = np.repeat(np.array(AWAY, dtype=np.float64), len(_TURNS))
    liked = np.tile(np.arange(len(_TURNS)) * _LESS_LIKED, len(AWAY))
    around = np.concatenate([marks - MARK + 1, marks + MARK - 1], axis=1)
    low, high = places.boxes[..., :2] < frame[:2], places.boxes[..., 2:] > frame[2:]
    rows = []
    for boxes, leaders in zip(places.boxes, places.leaders, strict=True):
        covered = _ON_MARK * _covers(boxes, around) + _ON_LINE * _inside(lines, boxes).sum(axis=1)
        hit = _inside(leaders.reshape(-1, 2), around).any(axis=0).reshape(len(boxes), -1)
        rows.append(near + liked + covered + _ON_MARK * hit.any(axis=1))
    cost: Floats = np.stack(rows) + _OUTSIDE * (low | high).any(axis=2)
    return cost


def _among(places: _Places, row: int, others: NDArray[np.int_], chosen: NDArray[np.int_]) -> Floats:
    """Return what each place (p,) of one word costs because of where the others are."""
    boxes, leaders = places.boxes[row], places.leaders[row]
    their_boxes, their_leaders = places.boxes[others, chosen], places.leaders[others, chosen]
    over = _inside(their_leaders.reshape(-1, 2), boxes).reshape(len(boxes), len(others), _STEPS)
    under = _inside(leaders.reshape(-1, 2), their_boxes).reshape(len(others), len(boxes), _STEPS)
    crossed = (
        over.any(axis=2).sum(axis=1)
        + under.any(axis=2).sum(axis=0)
        + _cross(leaders, their_leaders).sum(axis=1)
    )
    cost: Floats = _ON_WORD * _covers(boxes, their_boxes) + _CROSSING * crossed
    return cost


def _covers(boxes: Floats, others: Floats) -> Floats:
    """Return for each box (p, 4) how many others (m, 4) it touches; much of one counts more."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = (high - low).clip(min=0).prod(axis=2)
    whole = (others[:, 2:] - others[:, :2]).prod(axis=1)
    counted: Floats = ((shared > 0) * 0.5 + shared / whole).sum(axis=1)
    return counted


def _inside(points: Floats, boxes: Floats) -> NDArray[np.bool_]:
    """Return which boxes (p, 4) hold which points (k, 2), as (p, k)."""
    held = (points[None] > boxes[:, None, :2]) & (points[None] < boxes[:, None, 2:])
    return np.asarray(held.all(axis=2))


def _cross(leaders: Floats, others: Floats) -> NDArray[np.bool_]:
    """Return which leaders (p, s, 2) cross which others (m, s, 2), as (p, m)."""
    a, b = leaders[:, None, 0], leaders[:, None, -1]
    c, d = others[None, :, 0], others[None, :, -1]
    apart = _turn(a, b, c) * _turn(a, b, d) < 0
    return np.asarray(apart & (_turn(c, d, a) * _turn(c, d, b) < 0))


def _turn(a: Floats, b: Floats, c: Floats) -> Floats:
    """Return on which side of the line from a to b the point c is: the sign of the area."""
    first, second = b - a, c - a
    area: Floats = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    return area

"""A rounded normal law, drawn exactly: which whole number 62 random bits stand for.

    table = rounded_normal(63.75, 510)     # round(63.75 Z), cut to -510 .. 510
    values, sure = table.look_up(bits)     # float32 whole numbers, bool
    values = table.first(bits >> 46)       # the same, but UNSETTLED where 16 bits do not tell

The bits are the beginning of a uniform number u in [0, 1): bits <= 2^62 u < bits + 1. The value is
m where Phi((m - 1/2) / s) < u < Phi((m + 1/2) / s). Each threshold is held as two whole numbers
that enclose it, `low` <= 2^62 Phi <= `high`; a u that may lie on either side of one is not sure.
About one in 2^62 draws for each threshold is not.

Why the enclosure holds. Phi is computed twice with a working precision of `DIGITS` decimal digits
by mpmath, whose erfc is not proved to be right in the last place; so it is not trusted to `DIGITS`
but to `TRUSTED`, ten orders of magnitude less, and two precisions must agree to it. 2^62 has 19
digits. s is the exact value of the float that was given.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import mpmath
import torch
from torch import Tensor

BITS = 62
"""Random bits of a draw."""
DIGITS = 50
TRUSTED = 40
CELL_BITS = 16
"""Leading bits that find most values at once; only cells with a threshold inside look closer."""
REST_BITS = BITS - CELL_BITS
"""Those that a cell with a threshold inside takes in addition."""
UNSETTLED = float(-(2**31))
"""In the place of a value: a cell with a threshold inside."""


class Drawn(NamedTuple):
    """Whole numbers, and which of them are certain."""

    values: Tensor  # float32, whole numbers
    sure: Tensor  # bool


@dataclass(frozen=True, eq=False)
class Table:
    """The law of a rounded normal, cut to -limit .. limit."""

    limit: int
    low: Tensor  # (2 limit,) int64, growing: no threshold lies below these
    high: Tensor  # (2 limit,) int64, growing: nor above these
    cells: Tensor  # (2^CELL_BITS,) float32: the value of all bits that begin so, or UNSETTLED

    def on(self, device: torch.device) -> "Table":
        """Return the table on a device."""
        return _moved(self, device)

    @property
    def unsettled(self) -> float:
        """The share of draws that their first 16 bits do not settle."""
        return float((self.cells == UNSETTLED).float().mean())

    def first(self, leading: Tensor) -> Tensor:
        """Return what the first 16 bits stand for, int32 or int64, or UNSETTLED, in their shape."""
        return self.cells.index_select(0, leading.flatten()).view(leading.shape)

    def look_up(self, bits: Tensor) -> Drawn:
        """Return what 62 random bits stand for, in the shape of `bits`."""
        values = self.first(bits >> REST_BITS)
        sure = torch.ones_like(bits, dtype=torch.bool)
        (rest,) = torch.nonzero(values.flatten() == UNSETTLED, as_tuple=True)
        values.view(-1)[rest], sure.view(-1)[rest] = self.closer(bits.flatten()[rest])
        return Drawn(values, sure)

    def closer(self, bits: Tensor) -> Drawn:
        """Return what 62 random bits (n,) stand for, by the thresholds."""
        # Above all thresholds whose `high` is <= bits, below all whose `low` is > bits: those
        # are counted, and where the two counts differ a threshold lies inside [bits, bits + 1).
        above = torch.bucketize(bits, self.high, right=True)
        not_below = torch.bucketize(bits, self.low, right=True)
        return Drawn((above - self.limit).float(), above == not_below)


@cache
def rounded_normal(s: float, limit: int) -> Table:
    """Return the law of round(s Z) for a standard normal Z, cut to -limit .. limit.

    The thresholds are those between m and m + 1 for m = -limit .. limit - 1.
    """
    pairs = [_enclosed(m, s) for m in range(-limit, limit)]
    low, high = (torch.tensor(ends, dtype=torch.int64) for ends in zip(*pairs, strict=True))
    width = 2**REST_BITS
    first = torch.arange(2**CELL_BITS, dtype=torch.int64) * width
    above = torch.bucketize(first, high, right=True)
    not_below = torch.bucketize(first + (width - 1), low, right=True)
    cells = torch.where(above == not_below, above - limit, UNSETTLED).float()
    return Table(limit, low, high, cells)


@cache
def _moved(table: Table, device: torch.device) -> Table:
    return Table(table.limit, *(part.to(device) for part in (table.low, table.high, table.cells)))


def _enclosed(m: int, s: float) -> tuple[int, int]:
    """Return whole numbers around 2^62 Phi((m + 1/2) / s), from 0 to 2^62."""
    values = [_phi(m, s, digits) for digits in (DIGITS, DIGITS + 10)]
    with mpmath.workdps(DIGITS + 10):
        slack = mpmath.mpf(10) ** -TRUSTED
        assert abs(values[0] - values[1]) <= slack
        low = int(mpmath.floor((values[1] - slack) * 2**BITS))
        high = int(mpmath.ceil((values[1] + slack) * 2**BITS))
    return max(low, 0), min(high, 2**BITS)


def _phi(m: int, s: float, digits: int) -> mpmath.mpf:
    with mpmath.workdps(digits):
        z = (mpmath.mpf(2 * m + 1) / 2) / mpmath.mpf(s)
        return mpmath.erfc(-z / mpmath.sqrt(2)) / 2

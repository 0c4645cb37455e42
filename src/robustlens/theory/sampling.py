"""Monte Carlo beside a closed form: a mean of samples, its standard error, and whether both agree.

    found = average(draw, count=1_000_000)      # draw(n) returns n values
    found.agrees(0.97725)                       # within 4 standard errors

Sums are in float64 and chunks are small, so a million samples of a thousand dimensions fit.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from robustlens.errors import InputError

CHUNK, CELLS = 100_000, 20_000_000
"""Samples drawn at once, at most; values that a chunk of them may hold."""


class Sampled(NamedTuple):
    """A mean over n samples and its standard error."""

    value: float
    error: float
    n: int

    def agrees(self, closed: float, errors: float = 4.0) -> bool:
        """Say whether a closed form lies within so many standard errors.

        A share of 0 or 1 has no spread to estimate an error from; it counts as one hit more.
        """
        return abs(self.value - closed) <= errors * max(self.error, 1 / self.n)


def average(draw: Callable[[int], Tensor], count: int, width: int = 1) -> Sampled:
    """Return the mean of `count` values, which `draw(n)` returns n at a time, shape (n,).

    Booleans count as 0 and 1: the mean is a share. `width` says how many numbers one draw takes in
    memory, its dimension: the larger, the fewer are drawn at once.

    Raises:
        InputError: count < 2 or width < 1.
    """
    if count < 2 or width < 1:
        raise InputError(
            f"count {count}, width {width}", "count >= 2 and width >= 1", "change count or width"
        )
    chunk = max(1, min(CHUNK, CELLS // width))
    shift, total, squares = 0.0, 0.0, 0.0
    for start in range(0, count, chunk):
        values = draw(min(chunk, count - start)).double()
        shift = shift if start else float(values.mean())  # else squares of far means cancel
        total += float((values - shift).sum())
        squares += float((values - shift).square().sum())
    variance = max(squares - total * total / count, 0.0) / (count - 1)
    return Sampled(shift + total / count, math.sqrt(variance / count), count)

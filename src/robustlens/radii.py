"""A radius in [0, 1] pixel units: what may be given for one, and how people write it.

parse_eps("8/255"), parse_eps(0.5), parse_eps(torch.tensor(0.5))
written(8 / 255)              # "8/255"
"""

import math
from numbers import Real
from typing import TYPE_CHECKING, Any

from robustlens.errors import InputError
from robustlens.typed import number

if TYPE_CHECKING:
    Radius = float
else:
    Radius = Any
"""A real number: from Python, numpy, fractions, or a tensor of one. Balls keep it as a float."""


def checked_radius(eps: Any) -> float:
    """Return a radius as a float, from any real number or a tensor or array of one number.

    Raises:
        InputError: it is no real number (a truth value is none), not finite, or negative.
    """
    try:
        value = eps.item() if hasattr(eps, "item") else eps
        whole = isinstance(value, Real) and not isinstance(value, bool)
        found = float(value) if whole else math.nan
    except (RuntimeError, TypeError, ValueError, OverflowError):  # several numbers, or a huge one
        found = math.nan
    if not (math.isfinite(found) and found >= 0):
        raise InputError(
            f"eps is {eps!r}", "a finite number >= 0 such as 0.5 or 8/255", "change eps"
        )
    return found


def written(eps: float) -> str:
    """Return a radius as people write it: 0.5, 1.5 or 8/255; `parse_eps` reads it back."""
    short, levels = f"{eps:g}", eps * 255
    whole = len(short) > 5 and abs(levels - round(levels)) < 1e-6 * levels
    return f"{round(levels)}/255" if whole else short


def parse_eps(text: Radius | str) -> float:
    """Return a radius in [0, 1] pixel units, from a number or from text such as "8/255".

    Raises:
        InputError: the text is no number or fraction, divides by zero, or is negative.
    """
    if not isinstance(text, str):
        return checked_radius(text)
    try:
        value = number(text)
    except ValueError:
        raise InputError(
            f"eps is {text!r}", "a number >= 0 or a fraction such as 8/255", "change eps"
        ) from None
    return checked_radius(value)

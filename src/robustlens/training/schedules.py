"""Learning-rate schedules: from the share of training done, in [0, 1], to a factor in [0, 1].

SCHEDULES["one-cycle"](0.3)      # 1.0: the peak
"""

import math
from collections.abc import Callable

Schedule = Callable[[float], float]


def one_cycle(done: float) -> float:
    """Rise linearly to 1 over the first 30 %, then fall linearly to 0.

    Source: Smith 2018, section 4; peak place as in common CIFAR recipes.
    """
    return done / 0.3 if done < 0.3 else (1 - done) / 0.7


def piecewise(done: float) -> float:
    """Divide by ten at 50 % and again at 75 % (Rice, Wong, Kolter 2020: epochs 100, 150 of 200)."""
    return 1.0 if done < 0.5 else 0.1 if done < 0.75 else 0.01


def cosine(done: float) -> float:
    """Fall from 1 to 0 along half a cosine (Loshchilov & Hutter 2017, without restarts)."""
    return (1 + math.cos(math.pi * done)) / 2


SCHEDULES: dict[str, Schedule] = {
    "one-cycle": one_cycle,
    "piecewise": piecewise,
    "cosine": cosine,
}
"""The schedules by name."""

"""What an audit is asked for: the balls, the time, and what is tried besides.

Settings(balls=balls_of(("l2", "linf"), ("1.5", "8/255")), minutes=10)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from robustlens.balls import L1, L2, Linf, ball
from robustlens.errors import InputError
from robustlens.radii import Radius, written
from robustlens.threats import Colour, Spatial
from robustlens.threats.family import Family

NormBall = Linf | L2 | L1
NAMES: dict[type, str] = {Linf: "linf", L2: "l2", L1: "l1"}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of an audit. Raises `InputError` for no balls, one twice, or no time."""

    balls: tuple[NormBall, ...]  # the first is the one that the verdict is about
    minutes: float = 10.0
    limit: int = 0  # at most so many images are attacked; 0: as many as the time allows
    sigma: float = 0.25  # of the noise under which radii are certified
    severity: int = 3  # of the corruptions, 1 to 5
    threats: tuple[Family, ...] = field(default=(Spatial(), Colour(saturation=0.0)))
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.balls or len(set(map(str, self.balls))) < len(self.balls):
            said = ", ".join(map(named, self.balls)) or "no ball"
            raise InputError(said, "one ball or more, each once", "change norm or eps")
        if not 0 < self.minutes < 1e6:
            raise InputError(f"minutes {self.minutes}", "a time above 0", "change minutes")


def balls_of(
    norms: str | Sequence[str], radii: Radius | str | Sequence[Radius | str]
) -> tuple[NormBall, ...]:
    """Return the balls of norms and radii, pair by pair; one norm goes with every radius.

    Raises:
        InputError: numbers of norms and radii that do not fit each other, or as `balls.ball`.
    """
    names = [norms] if isinstance(norms, str) else list(norms)
    sizes: list[Any] = list(radii) if isinstance(radii, list | tuple) else [radii]
    if len(names) == 1:
        names = names * len(sizes)
    if len(names) != len(sizes) or not names:
        raise InputError(
            f"{len(names)} norms and {len(sizes)} radii",
            "one norm, or one for each radius: --norm l2 linf --eps 1.5 8/255",
            "change --norm or --eps",
        )
    return tuple(ball(name, size) for name, size in zip(names, sizes, strict=True))


def named(within: NormBall) -> str:
    """Return a ball as people write it: "l2 1.5", "linf 8/255"."""
    return f"{NAMES[type(within)]} {written(within.eps)}"


def in_pixels(within: NormBall) -> str:
    """Return the radius in both units that people use, so that nobody mistakes one for the other.

    "8/255 = 0.0314 of the range [0, 1], 8 of 255 levels, for every pixel"
    """
    eps, norm = within.eps, NAMES[type(within)]
    sums = {"linf": "for every pixel", "l2": "root of the sum of squares", "l1": "sum over pixels"}
    text = written(eps)
    first = f"{text} = {eps:.3g}" if "/" in text else text
    return f"{first} of the range [0, 1], {eps * 255:.4g} of 255 levels, {sums[norm]}"

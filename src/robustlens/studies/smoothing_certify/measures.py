"""What is known of one net under its noise, and the table of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from robustlens.evaluation import Rate
from robustlens.result import Number
from robustlens.smoothing import Certificate, CertifiedCurve, Distribution, average_radius

SOURCE = "CIFAR-10, ResNet-110, n 100,000 (Cohen et al. 2019, Table 3)"
PUBLISHED: dict[float, dict[float, float]] = {
    0.12: {0.0: 0.83, 0.25: 0.60, 0.5: 0.0},
    0.25: {0.0: 0.77, 0.25: 0.61, 0.5: 0.42, 0.75: 0.25, 1.0: 0.0},
    0.5: {0.0: 0.66, 0.25: 0.55, 0.5: 0.43, 0.75: 0.32, 1.0: 0.22, 1.25: 0.14, 1.5: 0.08},
    1.0: {0.0: 0.47, 0.25: 0.41, 0.5: 0.34, 0.75: 0.28, 1.0: 0.22, 1.25: 0.17, 1.5: 0.14},
}
"""Certified accuracy by sigma and radius."""


class Seen(NamedTuple):
    """What is known of one net under its noise."""

    rows: list[Certificate]
    curve: CertifiedCurve
    upper: tuple[Rate, ...]  # at the same radii, of the attacked images
    lower: tuple[Rate, ...]  # certified, of the attacked images
    broken: Rate  # of the certificates that were attacked
    shares: Distribution


def numbers(seen: Mapping[float, Seen], radii: Sequence[float]) -> dict[str, Number]:
    """Return the table: certified accuracy, what attacks leave, broken certificates, averages."""
    found = {}
    for sigma, one in seen.items():
        for radius, rate in zip(radii, one.curve.rates, strict=True):
            name = f"sigma {sigma:g}: certified accuracy at l2 {radius:g}"
            table = PUBLISHED.get(sigma, {})
            told = (f"{table[radius]:.2f}", SOURCE) if radius in table else ()
            found[name] = Number.of(rate, *told)
    for sigma, one in seen.items():
        for place, radius in enumerate(radii):
            if radius in (0.25, 0.5, 1.0):
                name = f"sigma {sigma:g}: left by attacks on the smoothed net at l2 {radius:g}"
                found[name] = Number.of(one.upper[place])
        found[f"sigma {sigma:g}: certificates that an attack broke"] = Number.of(one.broken)
        average = average_radius(one.rows)
        low, high = average.interval
        found[f"sigma {sigma:g}: average certified radius (see the caption)"] = Number(
            average.value, low, high, len(one.rows)
        )
    return found

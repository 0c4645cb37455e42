"""Certificates as a person reads them: the curve, the shares of votes, the average below them."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robustlens.bounds import Interval
from robustlens.cli.command import columns
from robustlens.cli.images import about, described, heading, reading
from robustlens.provenance import Provenance
from robustlens.smoothing import (
    Average,
    Certificate,
    CertifiedCurve,
    Fixed,
    Noise,
    Sequential,
    average_radius,
    certified_accuracy,
    vote_shares,
)
from robustlens.smoothing.records import ABSTAINED
from robustlens.smoothing.speed import largest_radius
from robustlens.subject import Prepared

WIDTH = 80
"""Columns of a terminal."""
STEPS = 12
"""Radii of a table at most, halves of sigma."""
PARTS = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Of the images, sorted by the share of votes for the label: those that are shown."""


@dataclass(frozen=True)
class Certified:
    """All rows of a run, and how they were made."""

    rows: list[Certificate]
    noise: Noise
    plan: Fixed | Sequential
    alpha: float
    asked: tuple[float, ...]  # radii of the table; none: halves of sigma, as far as n goes
    chosen: str  # how --minutes came to n

    @property
    def largest(self) -> float:
        """The radius that all votes for one class certify."""
        return largest_radius(self.plan, alpha=self.alpha, sigma=self.noise.sigma)

    @property
    def curve(self) -> CertifiedCurve:
        """Certified accuracy at 0 and at the radii of the table."""
        half = self.noise.sigma / 2
        usual = [half * k for k in range(1, STEPS + 1) if half * k <= self.largest]
        return certified_accuracy(self.rows, sorted({0.0, *(self.asked or usual)}))

    @property
    def shares(self) -> dict[float, float]:
        """The share of votes for the label that so many of the images stay below."""
        shares = vote_shares(self.rows).shares
        found = np.quantile(shares, PARTS, method="inverted_cdf")
        return dict(zip(PARTS, map(float, found), strict=True))

    @property
    def average(self) -> Average | None:
        """The average certified radius; None for a single image."""
        return average_radius(self.rows) if len(self.rows) > 1 else None

    @property
    def between(self) -> Interval:
        """The interval of the average, which lies between 0 and the largest radius."""
        assert self.average is not None
        return Interval(*(min(max(end, 0.0), self.largest) for end in self.average.interval))

    @property
    def abstained(self) -> int:
        """For how many images the votes do not say."""
        return sum(row.predicted == ABSTAINED for row in self.rows)

    @property
    def votes(self) -> float:
        """Votes of an image, those for the choice included, on average."""
        return sum(row.n + row.n0 for row in self.rows) / len(self.rows)


def payload(run: Certified, ready: Prepared, where: Provenance, save: Path) -> Mapping[str, Any]:
    """Return the answer as an object."""
    curve, average = run.curve, run.average
    band = zip(curve.low, curve.high, strict=True)
    return {
        "images": described(ready.data),
        "reading": reading(ready.data),
        "models": [subject.as_dict() for subject in ready.subjects],
        "notes": list(ready.notes),
        "noise": str(run.noise),
        "sigma": run.noise.sigma,
        "plan": str(run.plan),
        "alpha": run.alpha,
        "n": run.plan.n,
        "n0": run.plan.n0,
        "largest radius": run.largest,
        "chosen": run.chosen,
        "certified accuracy": [
            {"radius": radius, **rate._asdict(), "band": {"low": low, "high": high}}
            for radius, rate, (low, high) in zip(curve.radii, curve.rates, band, strict=True)
        ],
        "abstained": run.abstained,
        "votes an image": run.votes,
        "vote shares": {
            "quantiles": [{"images": part, "share": share} for part, share in run.shares.items()],
            "band": vote_shares(run.rows).width,
        },
        "average certified radius": average
        and {"value": average.value, **run.between._asdict(), "caution": average.caution},
        "records": str(save),
        "provenance": where.as_dict(),
    }


def text(run: Certified, ready: Prepared, where: Provenance, save: Path) -> str:
    """Return the answer in words, no line of ours wider than a terminal."""
    reach = f"{run.plan.n:,} votes, all for one class, certify up to {run.largest:.3f}"
    lines = [
        f"{heading(ready.data)}, 95 % intervals, {where.seconds:.0f} s",
        *(line for words in about(ready) for line in _wrapped(words.strip())),
        *_wrapped(f"{run.noise}; {run.plan}; alpha {run.alpha:g}"),
        *_wrapped(run.chosen or reach),
        "",
        *_table(run.curve, run.largest),
        "",
        f"  abstained: {run.abstained} of {len(run.rows)}; "
        f"{run.votes:,.0f} votes an image on average",
        *_shares(run),
    ]
    if (average := run.average) is not None:
        low, high = run.between
        lines += _wrapped(f"average certified radius: {average.value:.3f} [{low:.3f}, {high:.3f}]")
        lines += _wrapped(average.caution)
    return "\n".join([*lines, f"  records: {save}"])


def _table(curve: CertifiedCurve, largest: float) -> list[str]:
    rows = [
        [
            f"{radius:.4g}",
            str(rate) + "  (beyond n)" * (radius > largest),
            f"{low:.1%} to {high:.1%}",
        ]
        for radius, rate, low, high in zip(*curve, strict=True)
    ]
    heads = ("radius", "certified accuracy", "all radii at once")
    return [f"  {line}" for line in columns(heads, rows)]


def _shares(run: Certified) -> list[str]:
    heads = ["this share of the images", *(f"{part:.0%}" for part in run.shares)]
    below = ["has votes for its label up to", *(f"{share:.3f}" for share in run.shares.values())]
    band = vote_shares(run.rows).width
    return [
        *(f"  {line}" for line in columns(heads, [below])),
        f"  (each share of images within {band:.1%}, all at once)",
    ]


def _wrapped(words: str) -> list[str]:
    return textwrap.wrap(words, WIDTH - 2, initial_indent="  ", subsequent_indent="    ")

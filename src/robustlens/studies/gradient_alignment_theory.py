"""How far the gradient may point away from the mean: less after robust fitting."""

import itertools
import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from robustlens.errors import InputError
from robustlens.pictures import Arrow, Curves, Plane, Series, Sheet
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.streams import stream
from robustlens.studies.kit.gaussian_model import as_matrix, pair, round_classes
from robustlens.theory.alignment import (
    alignment,
    least_aligned_mean,
    least_alignment,
    searched_alignment,
)
from robustlens.theory.gaussian import robust_gaussian
from robustlens.theory.minmax import fit_gaussian
from robustlens.theory.two_gaussians import TwoGaussians

REFERENCE = {0.0: "0.80", 0.1: "0.829", 1.0: "0.942", 10.0: "0.998"}
"""Theorems 2 and 3 at variances (4, 1), by eps (derived)."""
EXACT, TRAINED = 1e-6, 0.01
"""The rule: how far a searched minimum, and one of a fit from samples, may be."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The variances of the classes, and the adversaries."""

    variances: tuple[float, ...] = (4.0, 1.0)  # at least two, not all alike
    eps: tuple[float, ...] = (0.0, 0.1, 1.0, 10.0)  # l2, growing, from 0
    points: int = 60  # of the closed-form curve
    starts: int = 8  # of the search for the worst mean
    steps: int = 300  # of robust fitting from samples
    batch: int = 4000  # fresh samples in each step
    seed: int = 0


class Row(NamedTuple):
    """The least cosine at one eps, by three ways."""

    eps: float
    closed: float  # 2 sqrt(k)/(1 + k)
    searched: float  # over all means, by a generic optimiser
    trained: float  # the same search on a covariance fitted to samples


def judge(rows: list[Row], control: float) -> Verdict:
    """Return the verdict by the study's rule; `control` is the least cosine for a multiple of I."""
    rises = all(a.closed < b.closed for a, b in itertools.pairwise(rows))
    found = all(abs(row.searched - row.closed) <= EXACT for row in rows)
    trained = all(abs(row.trained - row.closed) <= TRAINED for row in rows)
    good = rises and found and trained and abs(control - 1) < 1e-9
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def study(config: Config, bench: Bench) -> Findings:
    """Find the least cosine between mean and gradient at each eps, in three ways."""
    _check(config)
    variances = torch.tensor(config.variances, dtype=torch.float64)
    classes = TwoGaussians(torch.zeros_like(variances), variances)
    classes = replace(classes, mean=least_aligned_mean(classes))
    rows = [_row(classes, eps, config) for eps in config.eps]
    flat = round_classes(classes)
    control = min(least_alignment(robust_gaussian(flat, eps).classes) for eps in config.eps)
    strongest, plain = rows[-1], rows[0]
    numbers = {_name(row.eps): _number(row, config) for row in [*rows[1:], plain]}
    gaps = {
        "largest gap of the search from the closed form": [r.searched - r.closed for r in rows],
        "largest gap of fits from samples": [r.trained - r.closed for r in rows],
    }
    numbers |= {name: Number.exact(max(map(abs, gap))) for name, gap in gaps.items()}
    numbers["control, Sigma a multiple of I: least cosine"] = Number.exact(control)
    summary = (
        f"The least cosine between gradient and mean is {plain.closed:.3f} without an adversary "
        f"and {strongest.closed:.3f} at eps {strongest.eps:g}; fits from samples are within "
        f"{numbers['largest gap of fits from samples'].value:.4f} of it."
    )
    figures = (_curves(classes, rows, config), _plane(classes, config))
    return Findings(judge(rows, control), summary, numbers, figures, config.seed, {})


def _row(classes: TwoGaussians, eps: float, config: Config) -> Row:
    fit = fit_gaussian(
        classes,
        eps,
        generator=stream(config.seed, "fit", str(eps)),
        steps=config.steps,
        batch=config.batch,
    )
    trained = searched_alignment(
        fit.covariance, config.starts, stream(config.seed, "search", "fit", str(eps))
    )
    closed = least_alignment(robust_gaussian(classes, eps).classes)
    return Row(eps, closed, _searched(classes, eps, config), trained)


def _searched(classes: TwoGaussians, eps: float, config: Config) -> float:
    robust = as_matrix(robust_gaussian(classes, eps).classes)
    return searched_alignment(robust, config.starts, stream(config.seed, "search", str(eps)))


def _name(eps: float) -> str:
    return f"least cosine at eps {eps:g}"


def _number(row: Row, config: Config) -> Number:
    known = REFERENCE.get(row.eps) if config.variances == (4.0, 1.0) else None
    return Number.exact(row.closed, known, "Theorems 2 and 3 (derived)" if known else None)


def _check(config: Config) -> None:
    if len(config.variances) < 2 or not 0 < min(config.variances) < max(config.variances):
        raise InputError(
            f"variances {config.variances}",
            "at least two numbers > 0, not all alike",
            "change --variances",
        )
    rising = all(a < b for a, b in itertools.pairwise(config.eps))
    if len(config.eps) < 2 or config.eps[0] != 0 or not rising:
        raise InputError(f"eps {config.eps}", "0 and larger numbers, growing", "change --eps")
    if config.points < 2 or config.starts < 1:
        raise InputError(
            f"points {config.points}, starts {config.starts}",
            "points >= 2 and starts >= 1",
            "change --points or --starts",
        )


def _curves(classes: TwoGaussians, rows: list[Row], config: Config) -> Curves:
    low, high = math.log10(rows[1].eps) - 0.7, math.log10(rows[-1].eps) + 0.5
    x = [10 ** (low + (high - low) * i / config.points) for i in range(config.points + 1)]
    least = [least_alignment(robust_gaussian(classes, eps).classes) for eps in x]
    at = [row.eps for row in rows[1:]]
    between = [at[0] * math.sqrt(0.1), *(math.sqrt(a * b) for a, b in itertools.pairwise(at))]
    searched = [_searched(classes, eps, config) for eps in between]
    plain = [rows[0].closed] * 2
    return Curves(
        "least-cosine",
        "The least cosine, over all means, between the gradient of the rule and the mean: it "
        "grows with the adversary. Points: searched by an optimiser, and the same for a "
        "covariance fitted to samples.",
        "eps (l2)",
        "least cosine",
        (
            Series("closed form", x, least, tone="good", dots=False),
            Series("searched", between, searched, line=False),
            Series("fitted to samples", at, [r.trained for r in rows[1:]], line=False),
            Series("maximum likelihood", [x[0], x[-1]], plain, tone="bad", dots=False),
            Series("multiple of I (control)", [x[0], x[-1]], [1.0, 1.0], dots=False),
        ),
        log="x",
    )


def _plane(classes: TwoGaussians, config: Config) -> Plane:
    """Return mean and gradients, all of length 1, for the mean that is worst without adversary."""
    order = torch.tensor(config.variances).argsort(descending=True)[[0, -1]]
    mean = classes.mean[order]
    arrows = [Arrow("mean", (0.0, 0.0), pair(mean))]
    for eps in config.eps:
        fitted = robust_gaussian(classes, eps).classes
        w = torch.nn.functional.normalize(mean / fitted.covariance[order], dim=0)
        name = f"gradient, eps {eps:g}: cosine {alignment(fitted):.3f}"
        arrows.append(Arrow(name, (0.0, 0.0), pair(w), "plain" if eps else "bad"))
    return Plane(
        "gradient-turns",
        "The worst mean for maximum likelihood, and the gradient of the rule: with eps it turns "
        "from the thin direction of the data towards the mean. All arrows have length 1.",
        "direction of the largest variance",
        "direction of the smallest variance",
        (Sheet("gradient and mean", tuple(arrows)),),
        x_range=(-0.05, 1.05),
        y_range=(-0.05, 1.05),
    )


STUDY = Study(
    id="gradient-alignment-theory",
    title="Robust gradients point across the classes",
    claim="Fitted against an adversary, the gradient of a rule cannot point as far away from the "
    "direction between the classes as the gradient of maximum likelihood.",
    rule="Reproduced if the least cosine between mean and gradient, over all means, rises with "
    "every eps, a search over means agrees with 2 sqrt(k)/(1 + k) up to 1e-6, fits from samples "
    "up to 0.01, and for Sigma a multiple of I it is 1 (up to 1e-9) at every eps.",
    published="Theorem 3 and Lemma 8 of Ilyas et al. 2019; at variances 4 and 1 it gives 0.80, "
    "0.829, 0.942 and 0.998 at eps 0, 0.1, 1 and 10 (derived).",
    presets={
        "tiny": Config(points=20, starts=3, steps=80, batch=2000),
        "quick": Config(),
        "full": Config(starts=32, steps=1000, batch=10_000),
    },
    function=study,
)
register(STUDY)

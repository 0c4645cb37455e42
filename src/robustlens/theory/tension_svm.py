"""The two training problems of Theorem 2.2, solved: the soft-margin SVM, and against an adversary.

    law = StrongAndWeak(p=0.95, d=1000, eta=4 / math.sqrt(1000))
    minimise_hinge(law, 0.0, generator=g).w      # the SVM: on the weak features
    minimise_hinge(law, 0.26, generator=g).w     # (1, 0, ..., 0): every weak weight exactly 0

The risk is over the distribution, not over a sample: a hinge of a Gaussian has a closed form.
"""

import math
from typing import NamedTuple

import torch
from scipy.special import ndtr
from torch import Tensor

from robustlens.errors import InputError
from robustlens.theory.tension import StrongAndWeak
from robustlens.theory.two_gaussians import dual_norm


class Minimiser(NamedTuple):
    """Weights (d + 1,), their risk, and a proof: the risk is within `gap` of the least one."""

    w: Tensor
    risk: float
    gap: float
    steps: int


def hinge_risk(law: StrongAndWeak, w: Tensor, eps: float = 0.0) -> float:
    """Return E max(0, 1 - y w . (x + delta)) for the worst change of l-inf size eps, exactly.

    The change takes eps times the l1 norm of w off the margin; see `_hinge` for the rest.

    Raises:
        InputError: w of another shape, eps < 0 or not finite.
    """
    law.accuracy(w, eps)  # checks w and eps
    w = w.double()
    spread = float(torch.linalg.vector_norm(w[1:]))
    middle = law.eta * float(w[1:].sum()) - eps * dual_norm(w, "linf")
    strong = float(w[0])
    right, wrong = _hinge(middle + strong, spread), _hinge(middle - strong, spread)
    return law.p * right[0] + (1 - law.p) * wrong[0]


def minimise_hinge(
    law: StrongAndWeak,
    eps: float = 0.0,
    *,
    generator: torch.Generator,
    gap: float = 1e-9,
    steps: int = 20_000,
) -> Minimiser:
    """Return the weights of length <= 1 with the least `hinge_risk`, found from a random start.

    w = u - v with u, v >= 0 makes the l1 norm a sum, so the problem is smooth and convex over the
    part of the unit ball where no coordinate is negative. Projection there cuts at zero, which is
    soft thresholding: weights that do not pay are exactly 0. The method is the accelerated
    projected gradient (Beck & Teboulle 2009) with backtracking and restarts (O'Donoghue & Candes
    2015). It stops when the Frank-Wolfe gap (Jaggi 2013), which bounds the distance to the
    least risk, is at most `gap`; the gap reached is returned.

    The paper tunes a regulariser until the minimiser has length 1; where the least risk in the ball
    is on its surface, that is this problem.

    Raises:
        InputError: eps < 0 or not finite, gap <= 0, or steps < 1.
    """
    if not 0 <= eps < math.inf:
        raise InputError(f"eps is {eps}", "a number >= 0", "change eps")
    if not gap > 0 or steps < 1:
        raise InputError(f"gap {gap}, steps {steps}", "gap > 0 and steps >= 1", "change them")
    start = torch.rand(2, law.d + 1, generator=generator, dtype=torch.float64)
    here = ahead = _project(start)
    risk, slope = _split_risk(law, here, eps)
    momentum, rate, done = 1.0, 1.0, 0
    while (found := _gap(here, slope)) > gap and done < steps:
        done += 1
        there, rate = _step(law, ahead, eps, 2 * rate)
        value, steepness = _split_risk(law, there, eps)
        if value > risk and momentum > 1:
            ahead, momentum = here, 1.0  # the momentum overshot: begin anew from the best
            continue
        grown = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead = there + (momentum - 1) / grown * (there - here)
        here, risk, slope, momentum = there, value, steepness, grown
    w = here[0] - here[1]
    return Minimiser(w, hinge_risk(law, w, eps), found, done)


def theorem_2_2_fails(law: StrongAndWeak, eps: float) -> str:
    """Return the first hypothesis of Theorem 2.2 that does not hold, in words; "" if all do.

    The paper asks eta >= 4 / sqrt(d), p <= 0.975 and 2 eta <= eps < 1. The last line is ours: the
    adversarial risk of (w1, 0, ..., 0) is 1 + w1 (1 + eps - 2 p), which falls with w1 only if
    eps < 2 p - 1. Beyond that no tuning gives length 1, since w = 0 has the least risk.
    """
    near = 1 - 1e-12  # eta = 4 / sqrt(d) and eps = 2 eta are meant to be inside
    hypotheses = {
        f"eta >= 4 / sqrt(d) = {4 / math.sqrt(law.d):g}": law.signal >= 4 * near,
        "p <= 0.975": law.p <= 0.975,
        f"eps >= 2 eta = {2 * law.eta:g}": eps >= 2 * law.eta * near,
        "eps < 1": eps < 1,
        f"eps < 2 p - 1 = {2 * law.p - 1:g}": eps < 2 * law.p - 1,
    }
    return next((words for words, holds in hypotheses.items() if not holds), "")


class Landing(NamedTuple):
    """Where the two training problems end, and the l-inf radius they are judged at."""

    svm: Minimiser
    adversarial: Minimiser
    eps: float


def theorem_2_2(law: StrongAndWeak, eps: float, *, generator: torch.Generator) -> Landing:
    """Return both minimisers under the hypotheses of Theorem 2.2.

    There the SVM has standard accuracy > 99 % and robust accuracy < 1 %, and the adversarial
    minimiser has both equal to p, its weak weights exactly 0. Found here, not assumed.

    Raises:
        InputError: a hypothesis does not hold; the message names it.
    """
    if wrong := theorem_2_2_fails(law, eps):
        raise InputError(
            f"Theorem 2.2 at p {law.p:g}, d {law.d}, eta {law.eta:g}, eps {eps:g}",
            wrong,
            "change p, d, eta or eps",
        )
    svm = minimise_hinge(law, 0.0, generator=generator)
    return Landing(svm, minimise_hinge(law, eps, generator=generator), eps)


def _hinge(mean: float, spread: float) -> tuple[float, float, float]:
    """Return E max(0, 1 - M) for M ~ N(mean, spread^2), and its slopes in mean and spread.

    With z = (1 - mean) / spread: (1 - mean) Phi(z) + spread phi(z), -Phi(z), phi(z).
    """
    if not spread:
        return max(0.0, 1 - mean), -float(mean < 1), 0.0
    z = (1 - mean) / spread
    below, density = float(ndtr(z)), math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return max(0.0, (1 - mean) * below + spread * density), -below, density


def _split_risk(law: StrongAndWeak, parts: Tensor, eps: float) -> tuple[float, Tensor]:
    """Return the risk of w = parts[0] - parts[1], l1 norm read as their sum, and its gradient."""
    w = parts[0] - parts[1]
    spread = float(torch.linalg.vector_norm(w[1:]))
    middle = law.eta * float(w[1:].sum()) - eps * float(parts.sum())
    strong = float(w[0])
    right, wrong = _hinge(middle + strong, spread), _hinge(middle - strong, spread)
    risk, mean, scale = (law.p * a + (1 - law.p) * b for a, b in zip(right, wrong, strict=True))
    slope = torch.full_like(w, law.eta * mean)
    slope[0] = law.p * right[1] - (1 - law.p) * wrong[1]
    if spread:
        slope[1:] += scale * w[1:] / spread
    return risk, torch.stack((slope, -slope)) - eps * mean


def _project(parts: Tensor) -> Tensor:
    """Return the nearest point with no negative entry and of length <= 1."""
    kept = parts.clamp_min(0)
    return kept / max(1.0, float(torch.linalg.vector_norm(kept)))


def _step(law: StrongAndWeak, at: Tensor, eps: float, rate: float) -> tuple[Tensor, float]:
    """Return one projected gradient step, at the largest rate its model of the risk allows."""
    risk, slope = _split_risk(law, at, eps)
    while True:
        there = _project(at - rate * slope)
        moved = there - at
        model = risk + float((slope * moved).sum()) + float(moved.square().sum()) / (2 * rate)
        if _split_risk(law, there, eps)[0] <= model + 1e-15 * abs(model) or rate < 1e-12:
            return there, rate
        rate /= 2


def _gap(parts: Tensor, slope: Tensor) -> float:
    """Return max over allowed s of slope . (parts - s): by convexity none is better by more."""
    return float((slope * parts).sum() + torch.linalg.vector_norm((-slope).clamp_min(0)))

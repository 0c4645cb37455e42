"""The most robust linear rule of each standard accuracy, on one strong and many weak features.

    law = StrongAndWeak(p=0.95, d=1000, eta=3 / math.sqrt(1000))
    found = most_robust(law, 0.96, eps=0.2)
    found.robust, found.w                    # 0.5747, and the weights that reach it

Only three numbers of w = (w1, v) matter: c = w1 / |v|_2, q = |v|_1 / |v|_2 and the sum of v. No
weight should be negative (that loses accuracy of both kinds), so q = sum / |v|_2 as well, and

    standard = p Phi(eta q + c) + (1 - p) Phi(eta q - c)
    robust   = p Phi((eta - eps) q + (1 - eps) c) + (1 - p) Phi((eta - eps) q - (1 + eps) c).

q runs from 1 (one weak feature) to sqrt(d) (all alike). With eps <= eta, q = sqrt(d) is best for
both: the slider is the frontier. With eps > eta it is not: an adversary gains more from many weak
features than the rule does, and spreading less weight keeps more. So both c and q are searched.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.theory.tension import StrongAndWeak

GRID = 65
"""Values of q searched at a time."""
ROUNDS = 5
"""Times the search for q closes in, eightfold each."""
FAR = 40.0
"""Standard deviations beyond which a Gaussian has no mass in float64."""


class MostRobust(NamedTuple):
    """A linear rule w (d + 1,) and its two accuracies."""

    w: Tensor
    standard: float
    robust: float


def most_robust(law: StrongAndWeak, standard: float, eps: float) -> MostRobust:
    """Return the linear rule with the greatest robust accuracy among those at least so accurate.

    Robust against l-inf changes of size eps. Accuracies are of the rule returned, to rounding;
    that none is better by more than 1e-6 is tested, against random rules and a generic optimiser,
    for 1 - standard >= 1e-9 (nearer to 1, the accuracy itself has too few digits).

    Raises:
        InputError: no linear rule has that standard accuracy, or eps < 0 or not finite.
    """
    if not 0 <= eps < math.inf:
        raise InputError(f"eps is {eps}", "a number >= 0", "change eps")
    alone = law.slider(0.0)
    best = MostRobust(alone, law.p, law.accuracy(alone, eps))
    most = law.accuracy(law.likeliest()) if law.p < 1 else 1.0
    if not 0 <= standard <= most:
        raise InputError(
            f"standard accuracy {standard:.6g}",
            f"at most {most:.6g}, that of the likeliest label",
            "change standard",
        )
    low, high = 1.0, math.sqrt(law.d)
    found = (-1.0, 0.0, 1.0) if law.p < standard else (best.robust, math.inf, 1.0)
    for _ in range(ROUNDS):
        q = torch.linspace(low, high, GRID, dtype=torch.float64)
        robust, c = _best_c(law, q, standard, eps)
        at = int(robust.argmax())
        found = max(found, (float(robust[at]), float(c[at]), float(q[at])))
        width = (high - low) / 16
        low, high = max(1.0, float(q[at]) - width), min(math.sqrt(law.d), float(q[at]) + width)
    if math.isinf(found[1]):
        return best
    w = _weights(law.d, found[1], found[2])
    return MostRobust(w, law.accuracy(w), law.accuracy(w, eps))


def _best_c(law: StrongAndWeak, q: Tensor, standard: float, eps: float) -> tuple[Tensor, Tensor]:
    """Return for each q the greatest robust accuracy, and the c that reaches it; -1 if none does.

    Standard accuracy rises with c up to log(p / (1 - p)) / (2 eta q) and falls then to p, so the c
    that are accurate enough form an interval. Robust accuracy is greatest at one of its ends, or
    at the smaller root of 2 eps c^2 - 2 (eta - eps) q c + log(p (1 - eps) / ((1 - p) (1 + eps))),
    where its slope in c changes from + to -.
    """
    m, a = law.eta * q, (law.eta - eps) * q
    odds = math.log(law.p / (1 - law.p)) if law.p < 1 else math.inf
    top = torch.minimum(odds / (2 * m), m + FAR).nan_to_num(nan=0.0)
    low = _root(law, torch.zeros_like(q), top, m, standard)
    high = _root(law, m + 2 * FAR, top, m, standard)
    middle = low
    if eps < 1 and law.p < 1:
        level = odds + math.log((1 - eps) / (1 + eps))
        bend = (a.square() - 2 * eps * level).clamp_min(0).sqrt()
        middle = (level / (a + bend)).nan_to_num(nan=0.0, posinf=0.0)
    candidates = torch.stack((low, high, torch.minimum(torch.maximum(middle, low), high)))
    robust = _mixed(law, a, (1 - eps) * candidates, (1 + eps) * candidates)
    robust = torch.where(_mixed(law, m, top, top) >= standard - 1e-15, robust, -1.0)
    value, at = robust.max(dim=0)
    return value, candidates.gather(0, at[None])[0]


def _root(law: StrongAndWeak, low: Tensor, good: Tensor, m: Tensor, standard: float) -> Tensor:
    """Return the c between `low` and `good` nearest to `low` that is accurate enough: bisection."""
    enough = _mixed(law, m, low, low) >= standard
    bad = low
    for _ in range(60):
        middle = (bad + good) / 2
        right = _mixed(law, m, middle, middle) >= standard
        bad, good = torch.where(right, bad, middle), torch.where(right, middle, good)
    return torch.where(enough, low, good)


def _mixed(law: StrongAndWeak, m: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """Return p Phi(m + up) + (1 - p) Phi(m - down)."""
    up_share: Tensor = torch.special.ndtr(m + up)
    down_share: Tensor = torch.special.ndtr(m - down)
    return law.p * up_share + (1 - law.p) * down_share


def _weights(d: int, c: float, q: float) -> Tensor:
    """Return w = (c |v|, v) of length 1 with sum(v) = q |v|: one weak weight 1, the others b.

    q^2 (1 + n b^2) = (1 + n b)^2 with n = d - 1 has the root b below, which is 0 at q = 1 and 1 at
    q = sqrt(d).
    """
    n = d - 1
    b = (q * q - 1) / (n + q * math.sqrt(n * max(0.0, d - q * q))) if n else 0.0
    v = torch.full((d,), b, dtype=torch.float64)
    v[0] = 1.0
    w = torch.cat((c * torch.linalg.vector_norm(v)[None], v))
    return w / float(torch.linalg.vector_norm(w))

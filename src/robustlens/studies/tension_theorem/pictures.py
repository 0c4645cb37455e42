"""Pictures of `tension-theorem`: the frontier, the slider, and accuracy against the radius."""

import math
from typing import NamedTuple

from torch import Tensor, linalg, linspace

from robustlens.pictures import Curves, Series
from robustlens.streams import stream
from robustlens.studies.kit.words import SHARE, dots, sampled
from robustlens.theory.sampling import Sampled
from robustlens.theory.tension import StrongAndWeak
from robustlens.theory.tension_frontier import MostRobust, most_robust
from robustlens.theory.tension_svm import Minimiser, minimise_hinge

ANGLES = (4, 8, 12, 16, 22, 30, 45, 65, 90)
"""Slider positions that are sampled, in degrees."""
BARE = 181
"""Points of a closed form's curve."""


class Check(NamedTuple):
    """Both accuracies of one slider position: closed forms in pairs with their samples."""

    degrees: float
    standard: Sampled
    robust: Sampled


class Scene(NamedTuple):
    """A distribution, an adversary, and all that is found on them."""

    law: StrongAndWeak
    eps: float
    svm: Minimiser
    adversarial: Minimiser
    best: list[MostRobust]
    checks: list[Check]
    collapse: list[tuple[float, Sampled]]  # the average of the weak features under some radii

    @classmethod
    def of(cls, law: StrongAndWeak, eps: float, points: int, samples: int, seed: int) -> "Scene":
        """Solve both training problems, find the frontier, and sample slider and collapse."""
        g = stream(seed, "train")
        svm, hard = (minimise_hinge(law, radius, generator=g) for radius in (0.0, eps))
        most = law.accuracy(law.likeliest()) if law.p < 1 else 1.0
        # quadratic: the frontier falls steeply just above p
        levels = [law.p + (most - law.p) * (i / (points - 1)) ** 2 for i in range(points)]
        best = [most_robust(law, min(level, most), eps) for level in levels]
        checks, draw = [], stream(seed, "slider")
        for degrees in ANGLES:
            w = law.slider(math.radians(degrees))
            found = [
                law.sampled_by_margin(w, radius, generator=draw, count=samples)
                for radius in (0.0, eps)
            ]
            checks.append(Check(degrees, *found))
        average, radii = law.slider(math.pi / 2), [widest(law, eps) * i / 8 for i in range(9)]
        collapse = [
            (r, law.sampled_by_margin(average, r, generator=draw, count=samples)) for r in radii
        ]
        return cls(law, eps, svm, hard, best, checks, collapse)

    @property
    def checked(self) -> list[tuple[Sampled, float]]:
        """All sampled accuracies with their closed forms."""
        pairs = []
        for check in self.checks:
            w = self.law.slider(math.radians(check.degrees))
            pairs.append((check.standard, self.law.accuracy(w)))
            pairs.append((check.robust, self.law.accuracy(w, self.eps)))
        return pairs + [(found, self.law.averaging_accuracy(r)) for r, found in self.collapse]


def widest(law: StrongAndWeak, eps: float) -> float:
    """Return the largest radius of the picture against eps."""
    return 1.5 * max(eps, 2 * law.eta)


def angle(w: Tensor) -> float:
    """Return how far the slider stands, in degrees: 0 robust feature, 90 weak features."""
    return math.degrees(math.atan2(float(linalg.vector_norm(w[1:])), float(w[0])))


def frontier(scene: Scene) -> Curves:
    """Return robust against standard accuracy, under the bound."""
    law, eps = scene.law, scene.eps
    turns = [law.slider(math.radians(t)) for t in linspace(0, 90, BARE).tolist()]
    lines = [
        Series(
            "best linear rule of each accuracy",
            [found.standard for found in scene.best],
            [found.robust for found in scene.best],
            tone="good",
            dots=False,
        ),
        Series(
            "slider: one weight for all weak features",
            [law.accuracy(w) for w in turns],
            [law.accuracy(w, eps) for w in turns],
            dots=False,
        ),
        _measured(
            "slider, sampled",
            [check.standard.value for check in scene.checks],
            [check.robust for check in scene.checks],
        ),
    ]
    if law.p < 1 and eps >= 2 * law.eta * (1 - 1e-12):
        left = max(0.5, 1 - (1 - law.p) / law.p)
        x = linspace(left, 1, 51).double().tolist()
        y = [law.robust_bound(min(a, 1.0), eps) for a in x]
        lines.insert(0, Series("no rule above: p / (1 - p) delta", x, y, tone="bad", dots=False))
    for name, found in (("SVM", scene.svm), ("trained against eps", scene.adversarial)):
        if found.w.any():
            pair = law.accuracy(found.w), law.accuracy(found.w, eps)
            lines.append(Series(name, [pair[0]], [pair[1]], line=False))
    return Curves(
        "tension-frontier",
        f"Each rule is a point (p {law.p:g}, d {law.d}, eta {law.eta:.3g}, l-inf eps {eps:g}). "
        "To the right is more accurate, up is more robust; the upper right corner is empty. "
        "Training against the adversary ends at the top of the bound, the SVM at its foot.",
        "standard accuracy",
        "robust accuracy",
        tuple(lines),
    )


def slider(scene: Scene) -> Curves:
    """Return both accuracies against the position of the slider."""
    law, eps = scene.law, scene.eps
    t = linspace(0, 90, BARE).tolist()
    lines = []
    for name, radius, tone in (("standard", 0.0, "good"), (f"robust, eps {eps:g}", eps, "bad")):
        y = [law.accuracy(law.slider(math.radians(a)), radius) for a in t]
        lines.append(Series(name, t, y, tone=tone, dots=False))
    degrees = [check.degrees for check in scene.checks]
    lines.append(_measured("standard, sampled", degrees, [c.standard for c in scene.checks]))
    lines.append(_measured("robust, sampled", degrees, [c.robust for c in scene.checks]))
    marks = tuple(
        (angle(found.w), name)
        for name, found in (("trained against eps", scene.adversarial), ("SVM", scene.svm))
        if found.w.any()
    )
    return Curves(
        "tension-slider",
        "The weight is moved from the robust feature (0) to the average of the weak ones (90). "
        "Standard accuracy rises by what the robust feature gets wrong; robust accuracy is lost.",
        "slider t in degrees, w = (cos t, sin t / sqrt(d), ...)",
        "accuracy",
        tuple(lines),
        marks,
    )


def against_eps(scene: Scene) -> Curves:
    """Return accuracy against the radius: the collapse at 2 eta, and what training makes of it."""
    law = scene.law
    radii = linspace(0, widest(law, scene.eps), 91).double().tolist()
    trained = [minimise_hinge(law, r, generator=stream(0, "start")).w for r in radii]
    lines = (
        Series(
            "trained against this eps, robust",
            radii,
            [law.accuracy(w, r) for w, r in zip(trained, radii, strict=True)],
            tone="good",
            dots=False,
        ),
        Series(
            "trained against this eps, standard",
            radii,
            list(map(law.accuracy, trained)),
            dots=False,
        ),
        Series("SVM, robust", radii, [law.accuracy(scene.svm.w, r) for r in radii], dots=False),
        Series(
            "average of the weak features, robust",
            radii,
            [law.averaging_accuracy(r) for r in radii],
            tone="bad",
            dots=False,
        ),
        _measured(
            "average, sampled", [r for r, _ in scene.collapse], [s for _, s in scene.collapse]
        ),
    )
    return Curves(
        "tension-radius",
        "The average of the weak features is at one half when eps is eta and has exchanged right "
        "and wrong at 2 eta. At small eps all rules agree; from there, training against eps gives "
        "up the weak features and keeps p.",
        "eps (linf)",
        "accuracy",
        lines,
        ((law.eta, "eta"), (2 * law.eta, "2 eta")),
    )


def _measured(name: str, x: list[float], found: list[Sampled]) -> Series:
    return dots(name, x, [sampled(one, *SHARE) for one in found])

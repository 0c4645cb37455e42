"""One strong feature, many weak ones: what is accurate there is not robust, and the reverse."""

import math
from dataclasses import dataclass

import torch

from robustlens.errors import InputError
from robustlens.streams import stream
from robustlens.studies.pictures import Curves, Series
from robustlens.studies.registry import Bench, Findings, Study
from robustlens.studies.result import Number, Verdict
from robustlens.theory.sampling import Sampled
from robustlens.theory.tension import StrongAndWeak
from robustlens.theory.tension_svm import Landing, theorem_2_2

SIGNAL_OF_THE_FRONTIER = 3.0
"""eta sqrt(d) of Theorem 2.1's example: the weak features alone have accuracy Phi(3)."""
SIGNAL_OF_THE_SVM = 4.0
"""eta sqrt(d) that Theorem 2.2 asks for."""
CHECKED = (0.0, 0.13, 0.16, 0.2, 0.3, 1.0)
"""Rules that are sampled too, by their share of a right angle."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The distribution and the adversary."""

    p: float = 0.95  # how often the strong feature is right
    d: int = 1000  # weak features
    eta: float = 0.0  # mean of the weak features; 0: 3 / sqrt(d), and 4 / sqrt(d) for training
    eps: float = 0.0  # l-inf radius; 0: 2 eta, and 2 eta of the training's eta
    samples: int = 1_000_000  # of the checks
    angles: int = 181  # linear rules of the slider
    seed: int = 0


def study(config: Config, bench: Bench) -> Findings:
    """Slide over linear rules, train with and without an adversary, check all by sampling."""
    if config.angles < 3 or config.samples < 100:
        raise InputError(
            f"angles {config.angles}, samples {config.samples}",
            "at least 3 angles and 100 samples",
            "change --angles or --samples",
        )
    law = _law(config, SIGNAL_OF_THE_FRONTIER)
    eps = config.eps or 2 * law.eta
    if not 2 * law.eta * (1 - 1e-12) <= eps < 1:
        raise InputError(
            f"eps is {eps:g} where eta is {law.eta:g}",
            f"2 eta = {2 * law.eta:g} <= eps < 1, as Theorem 2.1 asks",
            "change --eps or --eta",
        )
    slid = _slide(law, eps, config.angles)
    landing, trained = _trained(config)
    checks = _checks(law, eps, config)
    numbers = _numbers(law, eps, slid, landing, trained, checks)
    svm, held = landing.svm.w, landing.adversarial.w
    return Findings(
        judge(law, eps, slid, landing, trained, checks),
        f"With p = {law.p:g} and {law.d:,} weak features the averaging rule is right on "
        f"{law.averaging_accuracy():.2%} and, after l-inf changes of {eps:.3g}, on "
        f"{law.averaging_accuracy(eps):.2%}; no linear rule passes the bound. The SVM ends at "
        f"{trained.accuracy(svm):.2%} and {trained.accuracy(svm, landing.eps):.2%}, training "
        f"against the adversary at {trained.accuracy(held):.2%} and "
        f"{trained.accuracy(held, landing.eps):.2%}.",
        numbers,
        (
            _frontier(law, eps, slid, landing, trained, checks),
            _slider(eps, slid, checks),
            _collapse(law, eps),
        ),
        config.seed,
        {},
    )


@dataclass(frozen=True)
class Slid:
    """Angles of the slider, and both accuracies of each rule."""

    angles: tuple[float, ...]  # share of a right angle
    standard: tuple[float, ...]
    robust: tuple[float, ...]


def _law(config: Config, signal: float) -> StrongAndWeak:
    if config.d < 1:
        raise InputError(f"d is {config.d}", "at least one weak feature", "change --d")
    return StrongAndWeak(config.p, config.d, config.eta or signal / math.sqrt(config.d))


def _slide(law: StrongAndWeak, eps: float, count: int) -> Slid:
    shares = tuple(i / (count - 1) for i in range(count))
    rules = [law.slider(share * math.pi / 2) for share in shares]
    return Slid(
        shares,
        tuple(law.accuracy(w) for w in rules),
        tuple(law.accuracy(w, eps) for w in rules),
    )


def _trained(config: Config) -> tuple[Landing, StrongAndWeak]:
    """Return both minimisers, on the distribution with the signal that Theorem 2.2 asks for."""
    law = _law(config, SIGNAL_OF_THE_SVM)
    eps = max(config.eps, 2 * law.eta)
    return theorem_2_2(law, eps, generator=stream(config.seed, "svm")), law


def _checks(law: StrongAndWeak, eps: float, config: Config) -> list[tuple[float, float, Sampled]]:
    """Return (share of a right angle, radius, sampled accuracy) at some rules."""
    found = []
    for share in CHECKED:
        for radius in (0.0, eps):
            sampled = law.sampled_by_margin(
                law.slider(share * math.pi / 2),
                radius,
                generator=stream(config.seed, "check", str(share), str(radius)),
                count=config.samples,
            )
            found.append((share, radius, sampled))
    return found


def judge(
    law: StrongAndWeak,
    eps: float,
    slid: Slid,
    landing: Landing,
    trained: StrongAndWeak,
    checks: list[tuple[float, float, Sampled]],
) -> Verdict:
    """Apply the rule of the study."""
    pairs = zip(slid.standard, slid.robust, strict=True)
    bounded = all(robust <= law.robust_bound(standard, eps) + 1e-9 for standard, robust in pairs)
    agreed = all(
        sampled.agrees(law.accuracy(law.slider(share * math.pi / 2), radius))
        for share, radius, sampled in checks
    )
    svm, held = landing.svm.w, landing.adversarial.w
    collapsed = trained.accuracy(svm) > 0.99 and trained.accuracy(svm, landing.eps) < 0.01
    stood = not bool(held[1:].any()) and all(
        abs(trained.accuracy(held, radius) - law.p) < 1e-9 for radius in (0.0, landing.eps)
    )
    good = bounded and agreed and collapsed and stood
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def _numbers(
    law: StrongAndWeak,
    eps: float,
    slid: Slid,
    landing: Landing,
    trained: StrongAndWeak,
    checks: list[tuple[float, float, Sampled]],
) -> dict[str, Number]:
    source = "Tsipras et al. 2018"
    svm, held = landing.svm.w, landing.adversarial.w
    slack = min(
        law.robust_bound(s, eps) - r for s, r in zip(slid.standard, slid.robust, strict=True)
    )
    last = checks[-1][2]
    return {
        "averaging rule: standard accuracy": Number.exact(
            law.averaging_accuracy(), "> 99 %", f"{source}, section 2.1"
        ),
        "averaging rule: robust accuracy": Number.exact(law.averaging_accuracy(eps)),
        "the same robust accuracy, sampled": _sampled(last),
        "SVM: standard accuracy": Number.exact(
            trained.accuracy(svm), "> 99 %", f"{source}, Theorem 2.2"
        ),
        "SVM: robust accuracy": Number.exact(
            trained.accuracy(svm, landing.eps), "< 1 %", f"{source}, Theorem 2.2"
        ),
        "trained against the adversary: standard accuracy": Number.exact(
            trained.accuracy(held), "p", f"{source}, Theorem 2.2"
        ),
        "trained against the adversary: robust accuracy": Number.exact(
            trained.accuracy(held, landing.eps), "p", f"{source}, Theorem 2.2"
        ),
        "its weak weights that are not zero": Number.exact(
            float((held[1:] != 0).sum()), "0", f"{source}, Lemma D.5"
        ),
        "control, no adversary: best rule of the slider, accuracy": Number.exact(
            max(slid.standard)
        ),
        "least distance of a rule from the bound of Theorem 2.1": Number.exact(
            slack, ">= 0", source
        ),
        "eps": Number.exact(eps),
    }


def _sampled(found: Sampled) -> Number:
    reach = 1.96 * found.error
    return Number(found.value, max(found.value - reach, 0), min(found.value + reach, 1), found.n)


def _frontier(
    law: StrongAndWeak,
    eps: float,
    slid: Slid,
    landing: Landing,
    trained: StrongAndWeak,
    checks: list[tuple[float, float, Sampled]],
) -> Curves:
    across = torch.linspace(max(0.5, 2 * law.p - 1), 1, 101, dtype=torch.float64).tolist()
    found = {(share, radius): sampled.value for share, radius, sampled in checks}
    spots = sorted({share for share, _ in found})
    svm, held = landing.svm.w, landing.adversarial.w
    return Curves(
        "frontier",
        "Every linear rule of the slider as a point: standard accuracy across, robust accuracy up. "
        "No rule of any kind can be above the bound of Theorem 2.1. Standard training goes to the "
        "far right and to the floor, training against the adversary to p on both axes (both "
        "trained where eta is 4 / sqrt(d), as Theorem 2.2 asks).",
        "standard accuracy",
        f"robust accuracy (l-inf {eps:.3g})",
        (
            Series("bound of Theorem 2.1", across, [law.robust_bound(a, eps) for a in across],
                   dots=False),
            Series("linear rules", slid.standard, slid.robust, dots=False, tone="good"),
            Series("linear rules", [found[s, 0.0] for s in spots], [found[s, eps] for s in spots],
                   line=False, tone="good"),
            Series("SVM", [trained.accuracy(svm)], [trained.accuracy(svm, landing.eps)],
                   line=False, tone="bad"),
            Series("trained against the adversary", [trained.accuracy(held)],
                   [trained.accuracy(held, landing.eps)], line=False, tone="plain"),
        ),
    )  # fmt: skip


def _slider(eps: float, slid: Slid, checks: list[tuple[float, float, Sampled]]) -> Curves:
    attacked = f"robust, l-inf {eps:.3g}"
    return Curves(
        "slider",
        "The slider: from the strong feature alone (0) to the weak ones alone (1). What the last "
        "points of standard accuracy cost under attack. Dots are sampled.",
        "weight on the weak features, as a share of a right angle",
        "accuracy",
        (
            Series("standard", slid.angles, slid.standard, dots=False, tone="good"),
            Series(attacked, slid.angles, slid.robust, dots=False, tone="bad"),
            _dots("standard", "good", [(at, v) for at, radius, v in checks if not radius]),
            _dots(attacked, "bad", [(at, v) for at, radius, v in checks if radius]),
        ),
    )


def _dots(name: str, tone: str, found: list[tuple[float, Sampled]]) -> Series:
    """Return sampled values beside the curve of the same name, 4 standard errors each way."""
    low = [max(v.value - 4 * v.error, 0) for _, v in found]
    high = [min(v.value + 4 * v.error, 1) for _, v in found]
    at = [at for at, _ in found]
    return Series(name, at, [v.value for _, v in found], low, high, tone, line=False)


def _collapse(law: StrongAndWeak, eps: float) -> Curves:
    radii = [i * 1.5 * eps / 60 for i in range(61)]
    return Curves(
        "collapse",
        "The average of the weak features against the radius: right while the adversary is weak, "
        "wrong on nearly all at 2 eta, where every weak mean has changed its sign. The strong "
        "feature alone does not move.",
        "eps (l-inf)",
        "accuracy",
        (
            Series(
                "the weak features", radii, [law.averaging_accuracy(r) for r in radii],
                dots=False, tone="bad",
            ),
            Series(
                "the strong feature", radii, [law.accuracy(law.slider(0.0), r) for r in radii],
                dots=False, tone="good",
            ),
        ),
        ((law.eta, "eta"), (2 * law.eta, "2 eta")),
    )  # fmt: skip


STUDY = Study(
    id="tension-theorem",
    title="Accurate or robust",
    claim="On some distributions accuracy and robustness exclude each other: many weak features "
    "make a rule nearly perfect, and any rule that uses them can be turned around.",
    rule="Reproduced if no rule of the slider is above the bound of Theorem 2.1, the SVM found by "
    "the optimiser has more than 99 % standard and less than 1 % robust accuracy, the minimiser "
    "against the adversary has both equal to p with every weak weight exactly 0, and all sampled "
    "accuracies are within 4 standard errors of the closed form.",
    published="Standard accuracy of at least 1 - delta leaves at most p / (1 - p) delta against "
    "l-inf changes of 2 eta (Theorem 2.1); SVM > 99 % and < 1 %, robust minimiser p and p (Theorem "
    "2.2; Tsipras et al. 2018).",
    presets={
        "tiny": Config(d=100, samples=10_000, angles=21, eta=0.0),
        "quick": Config(),
        "full": Config(d=10_000, samples=10_000_000, angles=1001),
    },
    function=study,
)

"""Accuracy and robustness that exclude each other: Theorems 2.1 and 2.2 of Tsipras et al. 2018."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.pictures import Curves
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.streams import stream
from robustlens.studies.kit.words import SHARE, sampled
from robustlens.studies.tension_theorem.pictures import Scene, against_eps, frontier, slider
from robustlens.theory.sampling import Sampled
from robustlens.theory.tension import StrongAndWeak
from robustlens.theory.tension_svm import Minimiser, minimise_hinge, theorem_2_2_fails


@dataclass(frozen=True, kw_only=True)
class Config:
    """The distribution, the adversary, and how much is drawn."""

    p: float = 0.95  # how often the robust feature shows the label, from 0.5 to 1
    d: int = 1000  # weak features
    eta: float = 0.0  # mean of a weak feature; 0: 3 / sqrt(d), their average is 99.87 % right
    eps: float = 0.2  # l-inf radius of the adversary; Theorem 2.1 asks 2 eta or more
    control: float = 0.1  # l-inf radius of the control, as a multiple of eta
    samples: int = 1_000_000  # draws of y w . x for each sampled accuracy
    whole: int = 20_000  # points drawn with every coordinate
    rules: int = 1000  # random linear rules held against the bound
    points: int = 33  # of the frontier
    seed: int = 0


class Facts(NamedTuple):
    """What the rule of the verdict looks at. A pair is standard and robust accuracy."""

    inside: bool  # the hypotheses of both theorems hold
    excess: float  # the most that any rule lies above the bound of Theorem 2.1
    averaging: tuple[float, float]
    svm: tuple[float, float]
    adversarial: tuple[float, float]
    p: float
    weak: float  # the largest weak weight of the adversarial minimiser
    control: float  # the smallest of four accuracies at the small radius
    sampled: bool  # every sampled accuracy within 4 standard errors


def verdict(facts: Facts) -> Verdict:
    """Return what the rule says; the rule is stated in `STUDY`."""
    if not facts.inside:
        return Verdict.NOT_COMPARABLE
    split = all(pair[0] > 0.99 and pair[1] < 0.01 for pair in (facts.averaging, facts.svm))
    kept = facts.weak == 0 and all(abs(a - facts.p) < 1e-9 for a in facts.adversarial)
    agree = facts.control > max(facts.p, 0.98) and facts.sampled
    good = facts.excess <= 1e-9 and split and kept and agree
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def study(config: Config, bench: Bench) -> Findings:
    """Find both minimisers, hold rules of every kind under the bound, and sample what is drawn."""
    law = _law(config)
    scene = Scene.of(law, config.eps, config.points, config.samples, config.seed)
    edge, edge_eps = _edge(law, config.eps)
    ours = (edge, edge_eps) == (law, config.eps)
    svm, hard = (
        (scene.svm, scene.adversarial) if ours else _both(edge, edge_eps, config.seed, "edge")
    )
    near = config.control * law.eta
    near_hard = minimise_hinge(law, near, generator=stream(config.seed, "control"))
    whole = law.sampled_accuracy(
        scene.svm.w, config.eps, generator=stream(config.seed, "whole"), count=config.whole
    )
    checked = [
        *scene.checked,
        (whole, law.accuracy(scene.svm.w, config.eps)),
    ]
    excess = _excess(law, config, [(found.standard, found.robust) for found in scene.best])
    average = law.slider(math.pi / 2)
    facts = Facts(
        law.signal >= 3 * (1 - 1e-12)
        and not math.isnan(excess)
        and not theorem_2_2_fails(edge, edge_eps),
        excess,
        (law.accuracy(average), law.accuracy(average, 2 * law.eta)),
        _pair(edge, svm.w, edge_eps),
        _pair(edge, hard.w, edge_eps),
        law.p,
        float(hard.w[1:].abs().max()),
        min(_pair(law, scene.svm.w, near) + _pair(law, near_hard.w, near)),
        all(found.agrees(closed) for found, closed in checked),
    )
    return Findings(
        verdict(facts),
        _summary(law, config.eps, scene, facts),
        _numbers(config, law, scene, facts, (edge, edge_eps), near, near_hard, whole),
        _pictures(scene),
        config.seed,
        {},
    )


def _pictures(scene: Scene) -> tuple[Curves, ...]:
    return frontier(scene), slider(scene), against_eps(scene)


def _law(config: Config) -> StrongAndWeak:
    """Return the distribution; refuse values of flags that make no sense, by name."""
    for flag, value, good, expected in (
        ("--p", config.p, 0.5 <= config.p <= 1, "a number from 0.5 to 1"),
        ("--d", config.d, config.d >= 1, "at least 1"),
        ("--eta", config.eta, 0 <= config.eta < math.inf, "a number >= 0; 0: 3 / sqrt(d)"),
        ("--eps", config.eps, 0 < config.eps < math.inf, "a number > 0"),
        ("--control", config.control, 0 <= config.control < 2, "a number from 0 to below 2"),
        ("--samples", config.samples, config.samples >= 2, "at least 2"),
        ("--whole", config.whole, config.whole >= 2, "at least 2"),
        ("--rules", config.rules, config.rules >= 0, "at least 0"),
        ("--points", config.points, config.points >= 2, "at least 2"),
    ):
        if not good:
            raise InputError(f"{flag} is {value}", expected, f"change {flag}")
    return StrongAndWeak(config.p, config.d, config.eta or 3 / math.sqrt(config.d))


def _edge(law: StrongAndWeak, eps: float) -> tuple[StrongAndWeak, float]:
    """Return this setting, or one with eta and eps raised to where Theorem 2.2 speaks."""
    if not theorem_2_2_fails(law, eps):
        return law, eps
    eta = max(law.eta, 4 / math.sqrt(law.d))
    return StrongAndWeak(law.p, law.d, eta), max(eps, 2 * eta)


def _both(law: StrongAndWeak, eps: float, seed: int, name: str) -> tuple[Minimiser, Minimiser]:
    g = stream(seed, name)
    return minimise_hinge(law, 0.0, generator=g), minimise_hinge(law, eps, generator=g)


def _pair(law: StrongAndWeak, w: Tensor, eps: float) -> tuple[float, float]:
    return law.accuracy(w), law.accuracy(w, eps)


def _excess(law: StrongAndWeak, config: Config, known: list[tuple[float, float]]) -> float:
    """Return the most that a rule lies above the bound; nan where Theorem 2.1 does not speak."""
    if law.p == 1 or config.eps < 2 * law.eta * (1 - 1e-12):
        return math.nan
    g = stream(config.seed, "rules")
    pairs = known + [_pair(law, random_rule(law, g), config.eps) for _ in range(config.rules)]
    return max(robust - law.robust_bound(standard, config.eps) for standard, robust in pairs)


def random_rule(law: StrongAndWeak, generator: torch.Generator) -> Tensor:
    """Return a linear rule of any kind: some weak weights are 0, some negative, all unlike."""
    kept, ratio, spread, sign = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
    draw = torch.rand(3, law.d, generator=generator, dtype=torch.float64)
    v = (draw[0] < kept) * draw[1].pow(3 * spread)
    v = torch.where(draw[2] < sign - 0.5, -v, v)
    strong = 10 ** (3 * ratio - 2) * torch.linalg.vector_norm(v) + (not v.any())
    return torch.cat((strong[None], v))


def _numbers(
    config: Config,
    law: StrongAndWeak,
    scene: Scene,
    facts: Facts,
    edge: tuple[StrongAndWeak, float],
    near: float,
    near_hard: Minimiser,
    whole: Sampled,
) -> dict[str, Number]:
    at, exact = f"at eps {config.eps:g}", Number.exact
    svm, hard = (_pair(law, m.w, config.eps) for m in (scene.svm, scene.adversarial))
    there = f"eta {edge[0].eta:.4g}, eps {edge[1]:.4g}"
    numbers = {
        f"SVM, robust accuracy {at}": exact(svm[1]),
        "SVM, standard accuracy": exact(svm[0]),
        f"SVM, robust accuracy {at}, sampled in full": sampled(whole, *SHARE),
        f"trained against eps {config.eps:g}, robust accuracy": exact(hard[1], "p", SOURCE),
        f"trained against eps {config.eps:g}, standard accuracy": exact(hard[0], "p", SOURCE),
        "average of the weak features, standard accuracy": exact(
            facts.averaging[0], "> 99 %", SOURCE
        ),
        "average of the weak features, robust accuracy at 2 eta": exact(
            facts.averaging[1], "< 1 %", SOURCE
        ),
        f"Theorem 2.2 at {there}: SVM, standard accuracy": exact(facts.svm[0], "> 99 %", SOURCE),
        f"Theorem 2.2 at {there}: SVM, robust accuracy": exact(facts.svm[1], "< 1 %", SOURCE),
        f"Theorem 2.2 at {there}: robust minimiser, standard accuracy": exact(
            facts.adversarial[0], "p", SOURCE
        ),
        f"Theorem 2.2 at {there}: robust minimiser, robust accuracy": exact(
            facts.adversarial[1], "p", SOURCE
        ),
        "robust minimiser, largest weak weight": exact(facts.weak, "0", SOURCE),
        f"control, SVM, robust accuracy at eps {near:.4g}": exact(law.accuracy(scene.svm.w, near)),
        f"control, trained against eps {near:.4g}, standard accuracy": exact(
            law.accuracy(near_hard.w)
        ),
    }
    if not math.isnan(facts.excess):
        bound = law.robust_bound(svm[0], config.eps)
        numbers["bound on robust accuracy at the SVM's standard accuracy"] = exact(bound)
        numbers["most that a rule lies above the bound"] = exact(facts.excess, "<= 0", SOURCE)
    return numbers


def _summary(law: StrongAndWeak, eps: float, scene: Scene, facts: Facts) -> str:
    svm, hard = (_pair(law, m.w, eps) for m in (scene.svm, scene.adversarial))
    said = (
        f"At eps {eps:g} the SVM is right on {svm[0]:.2%} of points and on {svm[1]:.2%} under "
        f"attack; training against the attack leaves {hard[0]:.2%} and {hard[1]:.2%}"
    )
    if math.isnan(facts.excess):
        return said + "; Theorem 2.1 says nothing here, it asks p < 1 and eps >= 2 eta."
    if not facts.inside:
        return said + "; the theorems' accuracies are not claimed for this p, d, eta and eps."
    return said + "; no linear rule lies above the bound."


SOURCE = "Tsipras et al. 2018, section 2.1 and Theorems 2.1, 2.2"
STUDY = Study(
    id="tension-theorem",
    title="Accuracy against robustness",
    claim="There are distributions on which no rule is both accurate and robust: standard accuracy "
    "near 1 forces robust accuracy near 0, and training against the adversary chooses robustness.",
    rule="Reproduced if the average of the weak features and the SVM found by the optimiser have "
    "standard accuracy above 99 % and robust accuracy below 1 % (the SVM where Theorem 2.2 speaks: "
    "eta >= 4 / sqrt(d)), the adversarial minimiser has every weak weight exactly 0 and both "
    "accuracies equal to p, no frontier point or random rule lies above p / (1 - p) delta, every "
    "sampled accuracy is within 4 standard errors, and in the control both trained rules keep more "
    "than p and 98 % of both accuracies. Not comparable outside the theorems' hypotheses.",
    published="Robust accuracy <= p / (1 - p) delta (19 delta at p = 0.95); SVM > 99 % and < 1 %; "
    "adversarial minimiser p and p (Tsipras et al. 2018, Theorems 2.1 and 2.2).",
    presets={
        "tiny": Config(samples=50_000, whole=2000, rules=100, points=7),
        "quick": Config(),
        "full": Config(samples=10_000_000, whole=1_000_000, rules=20_000, points=65),
    },
    function=study,
)
register(STUDY)

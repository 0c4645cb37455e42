"""What the study `human-vs-model-priors` says of its measurements: rule, numbers, a summary."""

from collections.abc import Mapping
from typing import NamedTuple

from robustlens.result import Number, Verdict
from robustlens.studies.human_vs_model_priors.measures import EXPLANATIONS, Look, Net, Shown
from robustlens.studies.kit.ranks import rank_correlation
from robustlens.studies.kit.words import above, mean

P_VALUE = 0.05
STANDARD, ALIKE, NOISY = "standard net", "net trained alike without attack", "noise-trained net"


class Found(NamedTuple):
    """What the rule looks at: nets by the radius of training, pictures of the first of them."""

    radii: tuple[float, ...]  # from 0
    nets: tuple[Net, ...]
    alike: Net  # trained as those between, without attack
    pictures: Mapping[str, Shown]


def judge(found: Found) -> Verdict:
    """Return the verdict by the rule of the study."""
    angles = [mean(net.angle) for net in found.nets]
    least, most = angles[0], angles[-1]
    middle = (least.value + most.value) / 2
    ranks = rank_correlation(found.radii, [angle.value for angle in angles])
    first, last = found.nets[0], found.nets[-1]
    human = Number.of(last.human)
    good = (
        ranks.rho > 0
        and ranks.p <= P_VALUE
        and above(most, least)
        and all(mean(found.pictures[name].angle).high < middle for name in EXPLANATIONS)
        and above(human, Number.of(first.human))
        and above(human, Number.of(last.random))
        and all(above(least, mean(one.untrained)) for one in found.pictures.values())
        and mean(found.alike.angle).high < middle
    )
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def numbers(nets: Mapping[str, Net], found: Found, how: Look) -> dict[str, Number]:
    """Return all numbers, those of the net of the largest radius first."""
    ranks = rank_correlation(found.radii, [mean(net.angle).value for net in found.nets])
    first = list(nets)[len(found.radii) - 1]
    nets = {first: nets[first], **nets}
    rows = {f"{name}: cosine of its gradient": mean(one.angle) for name, one in nets.items()}
    for name, one in found.pictures.items():
        if name in EXPLANATIONS:
            rows[f"{STANDARD}, {name}: cosine"] = mean(one.angle)
    rows["rank correlation of cosine and eps of training"] = Number.exact(ranks.rho)
    rows["its exact p-value, one-sided"] = Number.exact(ranks.p)
    for name, one in found.pictures.items():
        rows[f"{STANDARD}, {name}: share that a step along it breaks"] = Number.of(one.broken)
    for name, one in found.pictures.items():
        rows[f"untrained net (control), {name}: cosine"] = mean(one.untrained)
        rows[f"{name}: rank correlation with that of the untrained net"] = mean(one.likeness)
    for name, tried in nets.items():
        rows[f"{name}: clean accuracy"] = Number.of(tried.clean)
        rows[f"{name}: PGD-{how.steps} accuracy at {how.within}"] = Number.of(tried.held)
        rows[f"{name}: share of what PGD breaks, by a step to the other class"] = Number.of(
            tried.human
        )
        rows[f"{name}: share of what PGD breaks, by a random step"] = Number.of(tried.random)
    return rows


def summary(found: Found, how: Look) -> str:
    """Return what came out, in two sentences."""
    first, last = (mean(net.angle).value for net in (found.nets[0], found.nets[-1]))
    best = max(EXPLANATIONS, key=lambda name: mean(found.pictures[name].angle).value)
    shares = [net.human.value for net in (found.nets[0], found.nets[-1])]
    return (
        f"The gradient's cosine to the direction of the other class goes from {first:.3f} in the "
        f"standard net to {last:.3f} in the net of the largest radius; of the pictures made of the "
        f"standard net, {best} comes nearest with {mean(found.pictures[best].angle).value:.3f}. "
        f"A step of {how.within} to the other class breaks {shares[0]:.0%} and {shares[1]:.0%} of "
        "what PGD breaks in the two nets."
    )

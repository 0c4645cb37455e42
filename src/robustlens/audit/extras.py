"""What an audit measures besides attacks in balls: each a function of the work so far."""

from dataclasses import asdict
from typing import Any

import torch

from robustlens.answers import Answers, decision
from robustlens.attacks import bind, pgd, transform_search
from robustlens.audit.plan import PAIRS, STEPS, VOTES
from robustlens.audit.thumbs import uri
from robustlens.audit.work import Done, Found, Work
from robustlens.bounds import mean_interval
from robustlens.evaluation import transfer_matrix
from robustlens.modes import frozen
from robustlens.rate import Rate
from robustlens.sanity import check_model
from robustlens.smoothing import (
    Gaussian,
    Sequential,
    certified_accuracy,
    certify,
    under_noise,
)
from robustlens.streams import stream
from robustlens.theory.usefulness import Kind, kind
from robustlens.threats import CORRUPTIONS, corrupted
from robustlens.threats.family import Family
from robustlens.usefulness import Probes, represented, scores, table
from robustlens.vision.gradients import (
    class_means,
    cosine,
    high_frequency_share,
    loss_gradient,
    picture,
    runner_up,
)
from robustlens.vision.units import exemplars
from robustlens.zoo import entries, pretrained
from robustlens.zoo.places import find

RADII = (0.25, 0.5, 0.75, 1.0)
"""Certified radii of the table, in units of 2 sigma."""
CERTIFIED = 50
"""Images that are certified, at most."""
FEW = 4
"""Pictures of a kind."""


def masking(work: Work, done: Done) -> Found:
    """Look for signs of masked gradients and of wrong use, in the first ball."""
    checks = check_model(
        work.subject.model,
        work.data,
        work.settings.balls[0],
        images=work.plan.looked,
        seed=work.settings.seed,
    )
    rows = [{**asdict(check), "outcome": check.outcome.value} for check in checks]
    return {"checks": rows, "images": work.plan.looked}


def _accuracy(work: Work, change: Any) -> Rate:
    """Return the accuracy on a few of the attacked images, changed."""
    model, hits = work.subject.model, list[bool]()
    with frozen(model), torch.no_grad():
        for _, x, y in work.batches(work.few):
            hits += (decision(Answers(model)(change(x))) == y).tolist()
    return Rate.share(sum(hits), len(hits))


def weathered(work: Work, done: Done) -> Found:
    """Measure the accuracy under each corruption, one draw for an image."""
    severity, found = work.settings.severity, {}
    for name in CORRUPTIONS:

        def change(x: torch.Tensor, name: str = name) -> torch.Tensor:
            return corrupted(x, name, severity, stream(work.settings.seed, "audit", name))

        found[name] = _accuracy(work, change)._asdict()
    return {"rates": found, "severity": severity}


def rotated(work: Work, threat: Family, done: Done) -> Found:
    """Measure the accuracy where an adversary chooses the parameters of a threat."""
    model, hits, attack = work.subject.model, list[bool](), bind(
        transform_search, threat, grid=3, tries=5, steps=0
    )  # fmt: skip
    for _, x, y in work.batches(work.few):
        found = attack.found(model, x, y, stream(work.settings.seed, "audit", "threat"))
        hits += (~found.done).tolist()
    words = f"{3**threat.parameters} points of a grid, 5 at random"
    return {"name": str(threat), "how": words, "rate": Rate.share(sum(hits), len(hits))._asdict()}


def gradients(work: Work, done: Done) -> Found:
    """Measure whether loss gradients point at the likeliest other class, and how rough they are."""
    ask, means = Answers(work.subject.model), class_means(work.data)
    angles, rough, shown = list[float](), list[float](), list[Found]()
    for rows, x, y in work.batches(work.attacked):
        with frozen(work.subject.model):
            other, slope = runner_up(ask, x, y), loss_gradient(ask, x, y)
        angles += cosine(slope, means[other] - means[y]).tolist()
        rough += high_frequency_share(slope).tolist()
        for k in range(min(FEW - len(shown), len(rows))):
            seen = uri(picture(slope[k : k + 1])[0])
            shown.append({"index": rows[k], "image": seen})
    return {"cosine": _mean(angles), "high_frequency": _mean(rough), "shown": shown}


def _mean(values: list[float]) -> Found:
    mean, n = sum(values) / len(values), len(values)
    low, high = mean_interval(values) if n > 1 else (mean, mean)
    return {"value": mean, "low": min(low, mean), "high": max(high, mean), "n": n}


def certified(work: Work, done: Done) -> Found:
    """Certify radii, where the model holds under noise; else say that it does not."""
    noise, few = Gaussian(work.settings.sigma), work.part(min(CERTIFIED, work.plan.few))
    look = under_noise(work.subject.model, few, noise, batch_size=work.speed.batch)
    found = {
        "sigma": noise.sigma,
        "clean": look.clean._asdict(),
        "noisy": look.noisy._asdict(),
    }
    if look.noisy.value < look.clean.value / 2:
        return {**found, "holds": False}
    radii = tuple(share * noise.sigma * 2 for share in RADII)
    plan = Sequential(n=VOTES, radii=radii)
    rows = certify(
        work.subject.model, few, noise, plan, seed=work.settings.seed, batch_size=work.speed.batch
    )
    curve = certified_accuracy(list(rows), radii)
    rates = [rate._asdict() for rate in curve.rates]
    return {**found, "holds": True, "radii": list(radii), "rates": rates, "votes": VOTES}


def units(work: Work, done: Done) -> Found:
    """Say which of the net's units are useful, which robustly so; with pictures of the best."""
    model, whole = work.subject.model, work.part(500)
    rest, test = whole.split(0.5, work.settings.seed)
    r = represented(model, rest, batch_size=work.speed.batch)
    probes = Probes.fit(r, rest.labels, len(whole.classes))
    worth = torch.tensor([abs(u.value) for u in probes.usefulness(r, rest.labels)])
    which = worth.argsort(descending=True)[: work.plan.units]
    found = scores(
        model, probes[which], test, work.settings.balls[0], images=PAIRS, steps=STEPS,
        seed=work.settings.seed, batch_size=work.speed.batch,
    )  # fmt: skip
    kinds = {name.value: rate._asdict() for name, rate in table(found).items()}
    best = [
        place
        for wanted in (Kind.ROBUST, Kind.NON_ROBUST)
        for place in [k for k, score in enumerate(found) if kind(score) is wanted][:3]
    ]
    shown = []
    for k in best:
        unit = int(which[k])
        most = exemplars(model, test, unit, k=min(FEW, len(test))).most.tolist()
        shown.append({
            "unit": unit, "kind": kind(found[k]).value,
            "class": whole.classes[int(probes.positive[unit])],
            "rho": found[k].rho._asdict(), "gamma": found[k].gamma._asdict(),
            "images": [uri(test.images[i].float() / 255) for i in most],
        })  # fmt: skip
    return {"kinds": kinds, "shown": shown, "units": len(which), "of": r.shape[1]}


def transferred(work: Work, done: Done) -> Found:
    """Measure how adversarial examples go over to shipped nets of such images, and back."""
    shape, own = work.data.shape, work.subject.name
    others = {}
    for name, entry in entries().items():
        net, classes = entry.card.architecture, entry.card.classes
        fits = net is not None and (net.channels, net.size, net.size) == shape
        if fits and tuple(classes) == work.data.classes and name != own and find(entry):
            others[name] = pretrained(name).model.to(work.data.images.device)
    if not others:
        return {"skipped": "no shipped net on this machine reads such images of these classes"}
    few = work.part(work.plan.few)
    attack = bind(pgd, work.settings.balls[0], steps=10)
    found = transfer_matrix(
        {own: work.subject.model, **others}, few, attack, seed=work.settings.seed,
        batch_size=work.speed.batch,
    )  # fmt: skip
    rows = [
        {"from": pair.source, "to": pair.target, "rate": pair.rate._asdict()}
        for pair in found.pairs()
        if own in (pair.source, pair.target) and pair.source != pair.target
    ]
    return {"pairs": rows, "attack": str(attack)}

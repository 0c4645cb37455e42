"""The steps of an audit, in the order of their value, each with its price.

for step in steps(work):
    step.price, step.run(done)

First come the answers to the images as they are, then the cheapest strong attack, then signs of
masking, without which no verdict can be given, then the whole ensemble.
"""

import math
from functools import partial

import torch

from robustlens.answers import Answers, decision, is_answer
from robustlens.attacks import Bound, Worst, bind, fmn
from robustlens.audit.extras import (
    CERTIFIED,
    certified,
    gradients,
    masking,
    rotated,
    transferred,
    units,
    weathered,
)
from robustlens.audit.plan import (
    LINE,
    MASKING,
    OVERHEAD,
    PAIRS,
    STEPS,
    TABLE,
    VOTES,
    WALK,
    Ensemble,
)
from robustlens.audit.settings import NormBall, named
from robustlens.audit.thumbs import uri
from robustlens.audit.work import Done, Found, Step, Work, fallen, norm, right
from robustlens.balls import L1, L2, Linf
from robustlens.modes import frozen
from robustlens.objectives import logit_margin
from robustlens.streams import stream
from robustlens.threats import CORRUPTIONS


def steps(work: Work) -> list[Step]:
    """Return all steps, the most valuable first; their order depends on the plan alone."""
    cells = range(len(work.settings.balls))
    norms = list(dict.fromkeys(norm(within) for within in work.settings.balls))
    black = not work.subject.gradient
    search = [] if black else [_nearest(work, of) for of in norms]
    rest = [] if black else [_gradients(work), _units(work)]
    return [
        _answers(work),
        *_first(work, 0),
        _masking(work),
        *_strong(work, 0),
        *(search[0] if search else []),
        *rest[:1],
        _certified(work),
        _weather(work),
        *_threats(work),
        *(step for cell in cells[1:] for step in (*_first(work, cell), *_strong(work, cell))),
        *(step for part in search[1:] for step in part),
        *rest[1:],
        *([] if black else [_transfer(work)]),
    ]


def _answers(work: Work) -> Step:
    price = work.price(work.plan.wide, 0, 1)
    return Step("clean", "answers to the images as they are", "clean", price, partial(_clean, work))


def _clean(work: Work, done: Done) -> Found:
    said: dict[str, int] = {}
    model = work.subject.model
    with frozen(model), torch.no_grad():
        for rows, x, _ in work.batches(work.data.places(work.plan.wide).tolist()):
            said.update(zip(map(str, rows), decision(Answers(model)(x)).tolist(), strict=True))
    return {"said": said}


def _ensemble(work: Work, name: str, cell: int) -> Ensemble:
    return TABLE[name](work.settings.balls[cell], len(work.data.classes))


def _first(work: Work, cell: int) -> list[Step]:
    return _attacks(work, "first", _ensemble(work, work.plan.first, cell), cell)


def _strong(work: Work, cell: int) -> list[Step]:
    return _attacks(work, "strong", _ensemble(work, work.plan.strength, cell), cell)


def _attacks(work: Work, kind: str, ensemble: Ensemble, cell: int) -> list[Step]:
    gradients, forwards = ensemble.gradients * OVERHEAD, ensemble.forwards * OVERHEAD
    return [
        Step(
            f"{kind} {cell} {number}",
            f"{ensemble.name} in {named(work.settings.balls[cell])}",
            f"{kind} {type(work.settings.balls[cell]).__name__}",
            work.price(len(rows), gradients, forwards),
            partial(_attacked, work, kind, cell, ensemble.parts, rows),
        )
        for number, rows in enumerate(work.chunks)
    ]


def _attacked(
    work: Work, kind: str, cell: int, parts: tuple[Bound, ...], rows: list[int], done: Done
) -> Found:
    """Attack those of some images that are right as they are and nothing has broken yet."""
    before, fine = fallen(done, work, cell), set(right(done, work))
    left = [i for i in rows if i in fine and i not in before]
    if not left:
        return {"broken": [], "held": []}
    x, y = work.images(left)
    generator = stream(work.settings.seed, "audit", kind, cell)
    found = Worst(parts).found(work.subject.model, x, y, generator)
    broken = _told(work, left, found.images, found.done, found.by, work.settings.balls[cell])
    fell = {row["index"] for row in broken}
    return {"broken": broken, "held": [i for i in left if i not in fell]}


def _told(
    work: Work,
    rows: list[int],
    images: torch.Tensor,
    fell: torch.Tensor,
    by: tuple[str, ...],
    within: NormBall,
) -> list[Found]:
    """Return what is kept of each broken image: by what, the answer, how far, a picture."""
    x, y = work.images(rows)
    with frozen(work.subject.model), torch.no_grad():
        z = Answers(work.subject.model)(images)
    far, margin, said = within.distance(images, x), logit_margin(z, y), decision(z)
    sure = z.softmax(dim=1).amax(dim=1)
    return [
        {
            "index": i,
            "by": by[k],
            "said": int(said[k]),
            "distance": float(far[k]),
            "margin": float(margin[k]) if bool(is_answer(z)[k]) else None,
            "confidence": float(sure[k]) if bool(is_answer(z)[k]) else None,
            "ball": named(within),
            "image": uri(images[k]),
        }
        for k, i in enumerate(rows)
        if bool(fell[k])
    ]


def _nearest(work: Work, of: str) -> list[Step]:
    return [
        Step(
            f"nearest {of} {number}",
            f"nearest wrong images in {of}",
            f"nearest {of}",
            OVERHEAD * work.price(len(rows), WALK, LINE),
            partial(_near, work, of, rows),
        )
        for number, rows in enumerate(work.chunks)
        if number * work.plan.chunk < work.plan.near
    ]


def everything(of: str, pixels: int) -> NormBall:
    """Return a ball that holds every image of so many pixels."""
    sizes: dict[str, NormBall] = {
        "linf": Linf(1.0), "l2": L2(math.sqrt(pixels)), "l1": L1(float(pixels))
    }  # fmt: skip
    return sizes[of]


def _near(work: Work, of: str, rows: list[int], done: Done) -> Found:
    """Look for the nearest wrong image of each that is right as it is."""
    fine = set(right(done, work))
    left = [i for i in rows if i in fine]
    if not left:
        return {"broken": [], "searched": []}
    x, y = work.images(left)
    within = everything(of, x[0].numel())
    attack = bind(fmn, within, steps=WALK)
    generator = stream(work.settings.seed, "audit", "nearest")
    found = attack.found(work.subject.model, x, y, generator)
    by = (f"fmn, {WALK} steps",) * len(left)
    return {"broken": _told(work, left, found.images, found.done, by, within), "searched": left}


def _masking(work: Work) -> Step:
    price = OVERHEAD * work.price(work.plan.looked, *MASKING)
    return Step("masking", "signs of masked gradients", "masking", price, partial(masking, work))


def _weather(work: Work) -> Step:
    price = 3 * work.price(work.plan.few, 0, len(CORRUPTIONS))
    return Step("corruptions", "corruptions", "corruptions", price, partial(weathered, work))


def _threats(work: Work) -> list[Step]:
    return [
        Step(
            f"threat {number}",
            str(threat),
            "threat",
            2 * work.price(work.plan.few, 0, 3**threat.parameters + 6),
            partial(rotated, work, threat),
        )
        for number, threat in enumerate(work.settings.threats)
    ]


def _gradients(work: Work) -> Step:
    return Step(
        "gradients", "gradient alignment", "gradients", work.price(work.plan.n, 1, 2),
        partial(gradients, work),
    )  # fmt: skip


def _certified(work: Work) -> Step:
    price = work.price(min(CERTIFIED, work.plan.few), 0, VOTES / 2)
    return Step("certified", "certified radii", "certified", price, partial(certified, work))


def _units(work: Work) -> Step:
    price = OVERHEAD * work.price(work.plan.units * PAIRS, STEPS) + work.price(
        min(500, len(work.data)), 0, 1
    )
    return Step("units", "usefulness of units", "units", price, partial(units, work))


def _transfer(work: Work) -> Step:
    price = OVERHEAD * work.price(work.plan.few, 60)
    title = "transfer from and to shipped nets"
    return Step("transfer", title, "transfer", price, partial(transferred, work))

"""Contests of attacks: the one that has more must not break fewer.

    checks = contests(subject, rivals=(bind(square, ball),), surrogates=(other_net,))

All attacks see the same images, those the model gets right, so that a contest is paired.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from robustlens.answers import Answers
from robustlens.attacks import Bound, apgd, pgd, random_search
from robustlens.attacks.method import wrong
from robustlens.balls import L1, L2, Linf, radius
from robustlens.bounds import clopper_pearson
from robustlens.objectives import margin
from robustlens.sanity.check import (
    DOUBT,
    FEWEST,
    HINT,
    Check,
    Outcome,
    Subject,
    judged,
    p_value,
    skipped,
)
from robustlens.sanity.climb import climb
from robustlens.streams import stream
from robustlens.types import Images, Logits, Model

STEPS = 20
FEW = 5
TRIES = 20
QUERIES = 200


@dataclass(frozen=True, eq=False)
class Arena:
    """The attacks on one subject, each made once: which images it breaks, boolean (b,)."""

    subject: Subject

    @cached_property
    def white(self) -> Tensor:
        """PGD on cross-entropy: the attack that the others are held against."""
        return self._pgd(self.subject.ball, STEPS)

    @cached_property
    def few(self) -> Tensor:
        """The same with a quarter of the steps."""
        return self._pgd(self.subject.ball, FEW)

    @cached_property
    def wide(self) -> Tensor:
        """The same with twice the radius."""
        return self._pgd(replace(self.subject.ball, eps=2 * radius(self.subject.ball)), STEPS)

    @cached_property
    def other_loss(self) -> Tensor:
        """PGD on the margin."""
        s = self.subject
        g = stream(s.seed, "sanity", "pgd")
        return pgd.found(s.model, s.x, s.y, s.ball, steps=STEPS, objective=margin, generator=g).done

    @cached_property
    def noise(self) -> Tensor:
        """Random points of the ball."""
        s = self.subject
        g = stream(s.seed, "sanity", "noise")
        return random_search.found(s.model, s.x, s.y, s.ball, tries=TRIES, generator=g).done

    @cached_property
    def scores(self) -> Tensor:
        """Hill climbing by scores alone."""
        s = self.subject
        g = stream(s.seed, "sanity", "scores")
        return climb.found(s.model, s.x, s.y, s.ball, queries=QUERIES, generator=g).done

    @cached_property
    def unbounded(self) -> Tensor:
        """Auto-PGD from the image itself, with a radius that allows every image."""
        s = self.subject
        g = stream(s.seed, "sanity", "unbounded")
        return apgd.found(
            s.model, s.x, s.y, everything(s.ball, s.x), steps=50, start=s.x, generator=g
        ).done

    def rival(self, attack: Bound) -> Tensor:
        """Any other attack, given by the caller."""
        s = self.subject
        return attack.found(s.model, s.x, s.y, stream(s.seed, "sanity", str(attack))).done

    def transfer(self, surrogate: Model) -> Tensor:
        """PGD on another model, whose worst points are shown to this one."""
        s = self.subject
        g = stream(s.seed, "sanity", "pgd")
        moved = pgd(surrogate, s.x, s.y, s.ball, steps=STEPS, failed="worst", generator=g)
        with torch.no_grad():
            return wrong(s.ask(moved), s.y)

    def _pgd(self, ball: Linf | L2 | L1, steps: int) -> Tensor:
        s = self.subject
        g = stream(s.seed, "sanity", "pgd")
        return pgd.found(s.model, s.x, s.y, ball, steps=steps, generator=g).done


def contests(
    subject: Subject, rivals: Sequence[Bound] = (), surrogates: Sequence[Model] = ()
) -> Iterator[Check]:
    """Yield the contests, one after the other."""
    arena = Arena(subject)
    yield unbounded(arena)
    yield contest("more steps are no weaker", (f"{FEW} steps", arena.few), arena)
    yield _wide(arena)
    yield contest("random points are no stronger", (f"{TRIES} random points", arena.noise), arena)
    yield contest("scores alone are no stronger", (f"{QUERIES} queries", arena.scores), arena)
    yield contest("the margin is no better a loss", ("PGD on the margin", arena.other_loss), arena)
    soft = arena.transfer(softened(subject.model, subject.x))
    yield contest("a softened copy is no better to attack", ("transfer from it", soft), arena)
    for number, surrogate in enumerate(surrogates, 1):
        name = f"transfer from surrogate {number} is no stronger"
        yield contest(name, ("transfer", arena.transfer(surrogate)), arena)
    for attack in rivals:
        yield contest(f"{attack} is no stronger", (str(attack), arena.rival(attack)), arena)


def unbounded(arena: Arena) -> Check:
    """Warn if an image survives when every image is allowed."""
    name, where = "an unbounded attack breaks every image", "an image is left"
    if not len(arena.subject.x):
        return skipped(name, "The model gets no image right.")
    left = float((~arena.unbounded).double().mean())
    return judged(
        name,
        left > 0,
        {"accuracy": left},
        "The ball contains images of every other class, so whoever survives shows that the attack "
        "fails, not that the model is robust.",
        "Do not believe gradient attacks on this model; find out why they fail.",
        where,
    )


def contest(name: str, rival: tuple[str, Tensor], arena: Arena) -> Check:
    """Warn if a rival breaks significantly more images than PGD with cross-entropy.

    That is at `DOUBT`, by McNemar's test; up to `HINT` it is undecided. After Carlini et al. 2019,
    section 3 (what knows less must not do better), who leave open how much better counts.
    """
    return _contest(name, rival, (f"PGD-{STEPS}", arena.white))


def _wide(arena: Arena) -> Check:
    weak = (f"PGD-{STEPS} at eps", arena.white)
    return _contest("more eps is no weaker", weak, ("at 2 eps", arena.wide))


def _contest(name: str, weak: tuple[str, Tensor], strong: tuple[str, Tensor]) -> Check:
    (weak_name, weaker), (strong_name, stronger) = weak, strong
    if len(weaker) < FEWEST:
        return skipped(name, f"Below {FEWEST} images that the model gets right nothing is certain.")
    against, for_ = int((weaker & ~stronger).sum()), int((stronger & ~weaker).sum())
    p, share = p_value(against, for_), clopper_pearson(against, len(weaker))
    found = judged(
        name,
        p < DOUBT,
        {
            f"accuracy, {weak_name}": float((~weaker).double().mean()),
            f"accuracy, {strong_name}": float((~stronger).double().mean()),
            "images only the first breaks": against,
            "images only the second breaks": for_,
            "share only the first breaks, low": share.low,
            "share only the first breaks, high": share.high,
            "p": p,
        },
        "An attack that knows less or may do less breaks more: the stronger one is led astray, and "
        "its failure is not robustness.",
        "Report the lowest accuracy of several attacks, and mend what misleads the gradient.",
        f"p < {DOUBT:g}, undecided where p < {HINT:g}; the share's interval has 95 %",
    )
    return replace(found, outcome=Outcome.UNDECIDED) if DOUBT <= p < HINT else found


def everything(ball: Linf | L2 | L1, x: Images) -> Linf | L2 | L1:
    """Return the ball of the same norm that contains every image, wherever its center is."""
    pixels = x[0].numel() if len(x) else 1
    return replace(ball, eps=ball.norm.widest(pixels))


def softened(model: Model, x: Images) -> Model:
    """Return the model with logits divided by their usual gap on `x`: the same decisions.

    Probabilities are first turned back into logits by their logarithm.
    """
    ask = Answers(model)
    with torch.no_grad():
        z = _as_logits(ask(x)) if len(x) else torch.zeros(1, 2, device=x.device)
    top = z.topk(min(2, z.shape[1]), dim=1).values
    gap = (top[:, 0] - top[:, -1]).median().clamp_min(1e-12)

    def soft(image: Images) -> Logits:
        return _as_logits(ask(image)) / gap

    return soft


def _as_logits(z: Logits) -> Logits:
    rows = (z.detach() >= 0).all() & ((z.detach().sum(dim=1) - 1).abs() < 1e-3).all()
    return torch.where(rows, z.clamp_min(1e-30).log(), z)

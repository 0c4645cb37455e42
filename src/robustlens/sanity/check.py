"""What a check says: whether it warns, what it measured, what that means, what to do.

    for check in check_model(model, data, L2(0.5)):
        print(check)            # "WARNED  more steps are no weaker: ..."

A contest between two attacks on the same images is decided by McNemar's exact test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import torch
from scipy.stats import binomtest
from torch import Tensor

from robustlens.answers import Answers, decision
from robustlens.ascend import gradient_of
from robustlens.balls import L1, L2, Linf
from robustlens.errors import InputError, NoGradient
from robustlens.types import Images, Labels, Model

DOUBT = 0.001
"""Chance of a false alarm in each contest of attacks, at most.

A suite has some ten contests, so that at most one fair model in a hundred meets an alarm by luck.
It takes 10 images that all speak against the stronger side (2 ** -10 < 0.001)."""
HINT = 0.05
"""A contest between this chance and `DOUBT` is undecided: alone it would speak against the stronger
side, but among ten contests one such meets every third fair model. More images decide it. Neither
number was chosen by what a model gave."""
FEWEST = 10
"""With fewer images no contest could be decided at that level."""
NOTICEABLE = 0.05
"""A share of images that counts: robust accuracies are compared to within a few points, and an
attack that is blind on a share of the images can overstate accuracy by that share."""


MORE = "Ask again with more images (--limit, images=)."


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    WARNED = "warned"
    UNDECIDED = "undecided"  # something speaks against the model, but not enough: ask more images
    SKIPPED = "skipped"  # it could not be made; `meaning` says why


@dataclass(frozen=True)
class Check:
    """One check of a model: its outcome, the numbers behind it, and two plain sentences."""

    name: str
    outcome: Outcome
    numbers: Mapping[str, float]
    meaning: str
    advice: str
    rule: str = ""  # where it warns, and where it is undecided, fixed before any model was asked

    @property
    def warned(self) -> bool:
        """Whether the check found something wrong."""
        return self.outcome is Outcome.WARNED

    def __str__(self) -> str:
        measured = ", ".join(f"{name} {value:.4g}" for name, value in self.numbers.items())
        why = self.meaning if self.outcome is Outcome.SKIPPED else ""
        rule = f" ({self.rule})" if self.rule else ""
        head = f"{self.outcome.upper()}  {self.name}: {measured or why}{rule}"
        if self.outcome is Outcome.UNDECIDED:
            return f"{head}\n  Perhaps chance. {MORE}"
        return f"{head}\n  {self.meaning} {self.advice}" if self.warned else head


def judged(
    name: str, bad: bool, numbers: Mapping[str, float], meaning: str, advice: str, where: str
) -> Check:
    """Return a check that warns where the measurement is bad; `where` says in words when it is."""
    outcome = Outcome.WARNED if bad else Outcome.PASSED
    return Check(name, outcome, numbers, meaning, advice, f"warns where {where}")


def skipped(name: str, why: str) -> Check:
    """Return a check that was not made."""
    return Check(name, Outcome.SKIPPED, {}, why, "")


def p_value(against: int, for_: int) -> float:
    """Return the chance of so many images against, if each side wins an image by a fair coin.

    One-sided exact test of McNemar 1947 on the images that the two sides disagree about.
    """
    n = against + for_
    return float(binomtest(against, n, 0.5, alternative="greater").pvalue) if n else 1.0


@dataclass(frozen=True, eq=False)
class Subject:
    """What is checked: a model, held in evaluation mode, on the images that it gets right."""

    model: Model
    x: Images
    y: Labels
    ball: Linf | L2 | L1
    seed: int

    @cached_property
    def ask(self) -> Answers:
        """The model's answers as logits, whatever they come in."""
        return Answers(self.model)

    @classmethod
    def of(cls, model: Model, x: Images, y: Labels, ball: Linf | L2 | L1, seed: int) -> "Subject":
        """Return the subject; a model without gradients is given gradients of zero."""
        with torch.no_grad():
            (right,) = torch.nonzero(decision(Answers(model)(x)) == y, as_tuple=True)
        return cls(differentiable(model, x[:1]), x[right], y[right], ball, seed)


def differentiable(model: Model, x: Images) -> Model:
    """Return the model itself if its logits lead back to the image, else one of gradient zero.

    So a model that rounds through bytes or numpy, say, can be attacked, in vain, and be warned of.
    """
    ask = Answers(model)
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        try:
            gradient_of(ask(x), x)
        except NoGradient:
            return lambda image: ask(image) + 0.0 * image.flatten(1).sum(dim=1, keepdim=True)
    return model


def norm_ball(ball: object) -> Linf | L2 | L1:
    """Return the ball; raise `InputError` unless it is Linf, L2 or L1."""
    if isinstance(ball, Linf | L2 | L1):
        return ball
    raise InputError(f"a check in {ball}", "Linf, L2 or L1", "change the ball")


def share(flags: Tensor) -> float:
    """Return the share of true entries; 0 of none."""
    return float(flags.double().mean()) if flags.numel() else 0.0

"""Restarts of one ascent: fooled examples leave, and every success is confirmed on the model.

Search(ball, AutoStep(), steps=100)(model, x, y, misclassify, wrong, generator)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from robustlens.ascend import Stay, ascend
from robustlens.attacks.method import Found, now_and_then, staying
from robustlens.balls import Ball, radius, rows_of
from robustlens.errors import InputError
from robustlens.norms import per_example
from robustlens.objectives import MakeObjective
from robustlens.rules import Rule
from robustlens.types import Images, Logits, Model, Objective, Points, Values

Success = Callable[[Logits, Tensor], Tensor]
"""From logits and labels to which examples the attack has won, boolean (b,)."""
Failed = Literal["clean", "worst"]
"""What to return where the attack failed. With "clean" an image leaves as soon as it is fooled;
with "worst" all images make all steps and the worst point of each is returned, as adversarial
training wants it."""
SHORTEST = 1e-12
"""The step size of an attack on a ball of radius 0: positive, and put back by the projection."""


@dataclass(frozen=True)
class Search:
    """The restarts of one projected gradient attack.

    The search runs on `twin` if there is one, a faster stand-in for the model, and on the model
    otherwise. Whatever the twin takes for a success is looked at by the model, and counts and
    leaves only if the model agrees; else the search for that image goes on.

    With `wider`, balls and the steps in each, every restart first walks through those, and goes
    on from the best point met; what it meets there lies outside the ball and does not count.
    """

    ball: Ball
    rule: Rule[Any]
    steps: int
    restarts: int = 1
    start: Images | None = None
    failed: Failed = "clean"
    twin: Model | None = None
    wider: tuple[tuple[Ball, int], ...] = ()
    draw: Callable[[Ball, Images, torch.Generator], Images] | None = None

    def __call__(
        self,
        model: Model,
        x: Images,
        y: Tensor,
        objective: MakeObjective,
        success: Success,
        generator: torch.Generator,
    ) -> Found:
        """Return what was found; raise `InputError` as `pgd` says."""
        if self.restarts < 1:
            raise InputError(f"restarts is {self.restarts}", "at least 1", "change restarts")
        if self.steps < 0:
            raise InputError(f"steps is {self.steps}", "a whole number >= 0", "change steps")
        hunt = Hunt(model, x, y, objective, success, self.twin, self.failed)
        hunt.look()
        before = sum(steps for _, steps in self.wider)
        for restart in range(self.restarts):
            rows = hunt.begin(restart * (before + self.steps) + before)
            if not len(rows):
                break
            given = self.start if restart == 0 else None
            start = (self._sample(x, generator) if given is None else given)[rows]
            here, center = self.at(rows), x[rows]
            if self.wider:
                climb = objective(self.twin or model, y[rows])
                start, lost = here._approach(climb, center, start)
                hunt.not_finite.index_add_(0, rows, lost)
            walked = ascend(
                hunt.objective(),
                center,
                here.ball,
                self.rule,
                steps=self.steps,
                start=start,
                leave=hunt.leave if self.failed == "clean" else None,
            )
            hunt.not_finite.index_add_(0, rows, walked.not_finite)
            hunt.flat[rows] |= walked.flat == max(self.steps, 1)
            hunt.judge()
        return hunt.found(x)

    def at(self, rows: Tensor) -> "Search":
        """Return the search for some of the images."""
        wider = tuple((rows_of(ball, rows), steps) for ball, steps in self.wider)
        return replace(self, ball=rows_of(self.ball, rows), wider=wider)

    def _sample(self, x: Images, generator: torch.Generator) -> Images:
        """Draw where a restart begins."""
        first = self.wider[0][0] if self.wider else self.ball
        return first.sample(x, generator) if self.draw is None else self.draw(first, x, generator)

    def _approach(self, objective: Objective, x: Images, start: Images) -> tuple[Images, Tensor]:
        """Return the best point of the walk through the wider balls; how many were not finite."""
        lost = torch.zeros_like(x.flatten(1)[:, 0], dtype=torch.int64)
        for ball, steps in self.wider:
            walked = ascend(objective, x, ball, self.rule, steps=steps, start=start)
            start, lost = walked.best, lost + walked.not_finite
        return start, lost


See = Callable[[Points, Tensor], Images]
"""From points of some examples, and the places of these, to what a model is shown."""


class Met(NamedTuple):
    """The worst point met, for each example."""

    points: Points
    value: Values
    done: Tensor  # bool: a success
    step: Tensor  # int64: after how many steps; -1 without success

    def at(self, rows: Tensor) -> "Met":
        """Return those of some examples."""
        return Met(*(part[rows] for part in self))


class Hunt:
    """The worst point met so far, for each example: success first, then the objective.

    A point is an image, or whatever `see` makes an image of. `all` has a row for every example,
    `now` one for each of those that are walking, at `rows`.
    """

    def __init__(
        self,
        model: Model,
        x: Points,
        y: Tensor,
        objective: MakeObjective,
        success: Success,
        twin: Model | None,
        failed: Failed,
        see: See | None = None,
    ) -> None:
        self.model, self.twin, self.labels, self.failed = model, twin, y, failed
        self.make, self.success, self.see = objective, success, see or _as_it_is
        done = torch.zeros(x.shape[:1], dtype=torch.bool, device=x.device)
        low = x.new_full(x.shape[:1], -torch.inf)
        self.all = Met(x.detach(), low, done, torch.full_like(done, -1, dtype=torch.int64))
        self.not_finite, self.flat = torch.zeros_like(self.all.step), done

    def look(self) -> None:
        """Where fooled images leave, those that are a success as they are leave first."""
        if self.failed == "clean" and len(self.labels):
            with torch.no_grad():
                done = self.success(self.model(self.all.points), self.labels)
            self.all = self.all._replace(done=done, step=torch.where(done, 0, -1))

    def begin(self, steps: int) -> Tensor:
        """Start a walk after `steps` steps, of all examples or of those not done; say which."""
        self.points = steps
        rows = torch.arange(len(self.all.done), device=self.all.done.device)
        self.rows = rows if self.failed == "worst" else rows[~self.all.done]
        self.now = self.all.at(self.rows)
        self.judged = self.now.done
        return self.rows

    def objective(self) -> Objective:
        """Return the objective for those still walking, looking over its shoulder at the logits."""
        seen: list[Logits] = []
        search = self.twin or self.model
        rows, y = self.rows, self.labels[self.rows]

        def remembering(x: Points) -> Logits:
            z = search(self.see(x, rows))
            seen.append(z.detach())
            return z

        inner = self.make(remembering, y)

        def watched(x: Points) -> Values:
            seen.clear()
            value = inner(x)
            if not seen:  # the objective looks elsewhere than at this model's logits
                with torch.no_grad():
                    remembering(x)
            self.keep(x.detach(), value.detach(), self.success(_decisive(seen), y))
            return value

        return watched

    def keep(self, x: Points, value: Values, hit: Tensor) -> None:
        """Take over the points that are worse than those kept, without waiting for the device.

        Where images leave once fooled, the first point that fools counts and stays: what an image
        gets must not depend on when its neighbours leave.
        """
        now = self.now
        wins = first = hit & ~now.done
        if self.failed == "worst":
            wins = first | ((hit == now.done) & (value > now.value))
        self.now = Met(
            torch.where(per_example(wins, x), x, now.points),
            torch.where(wins, value, now.value),
            now.done | hit,
            torch.where(first, self.points, now.step),
        )
        self.points += 1

    def leave(self, step: int) -> Stay | None:
        """Judge new successes now and then; let them go when they are an eighth of the batch."""
        if not now_and_then(step):
            return None
        self.judge()
        stay = staying(self.judged)
        if stay is None:
            return None
        self.rows, self.judged = self.rows[stay], self.judged[stay]
        self.now = self.now.at(stay)
        return Stay(stay, self.objective())

    def judge(self) -> None:
        """Ask the model about the successes of its twin, and write down what is certain."""
        new = torch.nonzero(self.now.done & ~self.judged).flatten()
        if self.twin is not None and len(new):
            with torch.no_grad():
                z = self.model(self.see(self.now.points[new], self.rows[new]))
            doubtful = new[~self.success(z, self.labels[self.rows[new]])]
            self.now = self.now._replace(
                done=self.now.done.index_fill(0, doubtful, False),
                step=self.now.step.index_fill(0, doubtful, -1),
            )
        self.judged = self.now.done
        self.all = Met(
            *(a.index_copy(0, self.rows, b) for a, b in zip(self.all, self.now, strict=True))
        )

    def found(self, x: Images) -> Found:
        """Return the worst images, or the clean ones where the search failed."""
        met = self.all
        clean = torch.where(per_example(met.done, x), met.points, x.detach())
        images = clean if self.failed == "clean" else met.points
        return Found(images, met.done, met.step, not_finite=self.not_finite, flat=self.flat)


def _as_it_is(x: Points, rows: Tensor) -> Images:
    return x


def _decisive(seen: list[Logits]) -> Logits:
    """Return the logits, or the log of the mean probabilities if the objective asked often."""
    if len(seen) == 1:
        return seen[0]
    return torch.stack(seen).log_softmax(dim=-1).logsumexp(dim=0)


def step_length(ball: Ball, steps: int) -> float:
    """Return 2.5 * eps / steps, which can cross the ball and come back (Madry et al. 2018)."""
    return max(2.5 * radius(ball) / max(steps, 1), SHORTEST)

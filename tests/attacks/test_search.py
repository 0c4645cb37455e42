"""The restarts of one ascent, on models of one pixel where every step is known by heart.

All numbers are whole multiples of 1/32, so that nothing is rounded.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from robustlens.ascend import ascend
from robustlens.attacks.method import Found, right, wrong
from robustlens.attacks.search import Failed, Hunt, Search, step_length
from robustlens.balls import L2, Box, Linf, Masked
from robustlens.errors import InputError
from robustlens.objectives import MakeObjective, margin
from robustlens.rules import AutoStep, Momentum, Rule, Steepest
from robustlens.streams import stream
from robustlens.types import Model

HALF = torch.full((1, 1, 1, 1), 0.5)
ZERO = torch.zeros(1, dtype=torch.int64)


def turns_at(threshold: float) -> Model:
    """Two classes: 1 where the first pixel is above the threshold, margin linear in it."""

    def model(x: Tensor) -> Tensor:
        p = x[:, 0, 0, 0]
        return torch.stack([torch.zeros_like(p), p - threshold], dim=1)

    return model


def wrong_between(low: float, high: float) -> Model:
    """Class 1 for a first pixel strictly between two values, and no slope anywhere."""

    def model(x: Tensor) -> Tensor:
        p = x[:, 0, 0, 0]
        inside = ((p > low) & (p < high)).to(p)
        return torch.stack([0 * p, inside - 0.5 + 0 * p], dim=1)

    return model


def brightest(model: Model, y: Tensor) -> Callable[[Tensor], Tensor]:
    """The first pixel: what the model decides plays no part."""

    def objective(x: Tensor) -> Tensor:
        return x[:, 0, 0, 0] + 0 * model(x)[:, 0]

    return objective


class Watched:
    """A model that keeps what it was shown."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.seen: list[Tensor] = []

    def __call__(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach().clone())
        return self.model(x)


def look_for(
    model: Model,
    x: Tensor = HALF,
    y: Tensor | None = None,
    objective: MakeObjective = margin,
    ball: Any = None,
    rule: Rule[Any] | None = None,
    steps: int = 6,
    **settings: Any,
) -> Found:
    search = Search(ball or Linf(0.25), rule or Steepest(1 / 16), steps, **settings)
    y = torch.zeros(len(x), dtype=torch.int64) if y is None else y
    return search(model, x, y, objective, wrong, stream(0, "search"))


def pixels(found: Found) -> list[float]:
    return found.images[:, 0, 0, 0].tolist()


def test_of_equal_objectives_the_first_point_is_kept() -> None:
    def flat(model: Model, y: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda x: (x - x.detach()).flatten(1).sum(dim=1) + 0 * model(x)[:, 0]

    found = look_for(turns_at(2.0), objective=flat, start=HALF + 0.125, failed="worst")
    assert pixels(found) == [0.625]


def test_an_objective_that_does_not_ask_the_model_is_watched_all_the_same() -> None:
    found = look_for(
        turns_at(0.5 + 3 / 32), start=HALF, objective=lambda m, y: lambda x: x[:, 0, 0, 0]
    )
    assert (pixels(found), found.step.tolist()) == ([0.625], [2])


@pytest.mark.parametrize("twin", [None, turns_at(0.5)])
def test_a_hunt_may_see_an_image_in_its_points(twin: Model | None) -> None:
    """Each example has a shift of its own between its point and what the model is shown."""
    shift = torch.tensor([0.0, 0.25, 0.375, 0.125]).view(4, 1, 1, 1)
    x, y = torch.full((4, 1, 1, 1), 0.25), torch.tensor([0, 0, 0, 0])
    hunt = Hunt(turns_at(0.5 + 1 / 32), x, y, margin, wrong, twin, "clean",
                see=lambda points, rows: points + shift[rows])  # fmt: skip
    rows = hunt.begin(0)
    assert rows.tolist() == [0, 1, 2, 3]
    ascend(hunt.objective(), x, Box(), Steepest(1 / 16), steps=5, leave=hunt.leave)
    hunt.judge()
    assert hunt.all.done.tolist() == [True] * 4
    assert hunt.all.step.tolist() == [5, 1, 0, 3]
    shown = hunt.all.points + shift
    assert shown.flatten().tolist() == [0.5625, 0.5625, 0.625, 0.5625]


@pytest.mark.parametrize("failed", ["clean", "worst"])
def test_a_success_of_the_twin_that_the_model_doubts_is_none(failed: Failed) -> None:
    model, twin = turns_at(0.9), turns_at(0.5 + 1 / 32)
    found = look_for(model, start=HALF, twin=twin, failed=failed, restarts=2)
    assert found.done.tolist() == [False]
    assert found.step.tolist() == [-1]
    if failed == "clean":
        assert torch.equal(found.images, HALF)


def test_after_a_doubt_the_search_goes_on_to_what_the_model_confirms() -> None:
    """The twin turns in the first step, the model in the third; each is looked at in time."""
    model, twin = turns_at(0.5 + 5 / 32), turns_at(0.5 + 1 / 32)
    found = look_for(model, start=HALF, twin=twin)
    assert found.done.tolist() == [True]
    assert found.step.tolist() == [3]
    assert pixels(found) == [0.5 + 3 / 16]


def test_the_model_is_shown_each_success_of_its_twin_once() -> None:
    model, twin = Watched(turns_at(0.5 + 5 / 32)), Watched(turns_at(0.5 + 1 / 32))
    look_for(model, start=HALF, twin=twin)
    assert [x.item() for x in model.seen] == [0.5, 0.5625, 0.625, 0.6875]
    assert [x.item() for x in twin.seen] == [0.5, 0.5625, 0.625, 0.6875]


def test_only_the_first_restart_begins_at_the_given_start() -> None:
    model, ball = Watched(turns_at(2.0)), Linf(0.25)
    start = torch.full_like(HALF, 0.5 + 1 / 32)
    look_for(model, ball=ball, start=start, steps=0, restarts=3)
    g = stream(0, "search")
    drawn = [ball.sample(HALF, g) for _ in range(2)]
    assert all(map(torch.equal, model.seen, [HALF, start, *drawn]))
    assert len({x.item() for x in model.seen}) == 4


def test_without_a_start_all_restarts_are_drawn() -> None:
    model, ball = Watched(turns_at(2.0)), Linf(0.25)
    look_for(model, ball=ball, steps=0, restarts=2)
    g = stream(0, "search")
    assert all(map(torch.equal, model.seen, [HALF, *(ball.sample(HALF, g) for _ in range(2))]))


def test_a_restart_counts_on_from_the_steps_of_those_before() -> None:
    """Nothing moves, so a drawn start is a success at once or never."""
    x = HALF.expand(32, 1, 1, 1).clone()
    model, ball, g = wrong_between(0.5, 0.75), Linf(0.25), stream(0, "search")
    found = look_for(model, x, ball=ball, start=x, steps=3, restarts=3)
    second, third = (model(ball.sample(x, g)).argmax(dim=1) == 1 for _ in range(2))
    expected = torch.where(second, 3, torch.where(third, 6, -1))
    assert set(expected.tolist()) == {-1, 3, 6}
    assert torch.equal(found.step, expected)
    assert torch.equal(found.done, second | third)


def test_a_failure_of_a_larger_objective_does_not_replace_a_success() -> None:
    model, x = wrong_between(0.35, 0.4), torch.full_like(HALF, 0.25)
    found = look_for(model, x, objective=brightest, rule=Steepest(1 / 8), start=x, failed="worst",
                     ball=Linf(0.75))  # fmt: skip
    assert (pixels(found), found.done.tolist(), found.step.tolist()) == ([0.375], [True], [1])


def test_of_several_successes_the_largest_objective_is_kept_and_the_first_step() -> None:
    model, x = wrong_between(0.35, 0.7), torch.full_like(HALF, 0.25)
    found = look_for(model, x, objective=brightest, rule=Steepest(1 / 8), start=x, failed="worst",
                     ball=Linf(0.75))  # fmt: skip
    assert (pixels(found), found.done.tolist(), found.step.tolist()) == ([0.625], [True], [1])


def test_where_nothing_fools_the_largest_objective_is_kept() -> None:
    for failed, kept in (("worst", 0.625), ("clean", 0.25)):
        found = look_for(wrong_between(2, 3), torch.full_like(HALF, 0.25), objective=brightest,
                         rule=Steepest(1 / 8), steps=3, failed=failed, ball=Box(),
                         start=torch.full_like(HALF, 0.25))  # fmt: skip
        assert (pixels(found), found.done.tolist(), found.step.tolist()) == ([kept], [False], [-1])


def test_the_first_success_is_kept_where_fooled_images_leave() -> None:
    found = look_for(turns_at(0.5 + 1 / 32), start=HALF, steps=40)
    assert (pixels(found), found.step.tolist()) == ([0.5625], [1])


def test_an_image_that_is_wrong_already_is_done_before_any_step() -> None:
    model = Watched(wrong_between(0.49, 0.51))
    found = look_for(model, start=torch.full_like(HALF, 0.625), restarts=2)
    assert (pixels(found), found.done.tolist(), found.step.tolist()) == ([0.5], [True], [0])
    assert len(model.seen) == 1


def test_wrong_images_do_not_walk_and_the_others_keep_their_places() -> None:
    x = torch.tensor([0.5, 0.625, 0.375, 0.5]).view(4, 1, 1, 1)
    y = torch.tensor([1, 0, 0, 0])  # the first is wrong as it is
    model = Watched(turns_at(0.5 + 5 / 32))
    found = look_for(model, x, y, start=x, steps=4)
    assert found.done.tolist() == [True, True, False, True]
    assert found.step.tolist() == [0, 1, -1, 3]
    assert pixels(found) == [0.5, 0.6875, 0.375, 0.6875]
    assert [len(seen) for seen in model.seen] == [4, 3, 3, 2, 2, 1]


def test_with_worst_all_images_make_all_steps() -> None:
    x = torch.tensor([0.5, 0.625, 0.375]).view(3, 1, 1, 1)
    model = Watched(turns_at(0.5 + 1 / 32))
    found = look_for(model, x, start=x, steps=3, restarts=2, failed="worst")
    assert [len(seen) for seen in model.seen] == [3] * 8
    assert found.done.tolist() == [True, True, True]
    assert found.step.tolist()[:2] == [1, 0]


def test_an_eighth_of_the_images_is_enough_to_leave() -> None:
    x = torch.full((8, 1, 1, 1), 0.25)
    x[3] = 0.5
    model = Watched(turns_at(0.5 + 1 / 32))
    look_for(model, x, start=x, steps=3, ball=Linf(0.5))
    assert [len(seen) for seen in model.seen] == [8, 8, 8, 7, 7]


def test_images_leave_in_time_but_never_fewer_than_an_eighth() -> None:
    """Nine images, one of them fooled in step 1 (a ninth), a second in step 2."""
    x = torch.full((9, 1, 1, 1), 0.25)
    x[0], x[1] = 0.5, 0.4375
    model = Watched(turns_at(0.5 + 1 / 32))
    found = look_for(model, x, start=x, steps=4, ball=Linf(0.5))
    assert [len(seen) for seen in model.seen] == [9, 9, 9, 9, 7, 7]
    assert found.step.tolist()[:2] == [1, 2]


@pytest.mark.parametrize("fooled", [4, 5, 7])
def test_late_in_the_search_successes_are_looked_at_every_fourth_step(fooled: int) -> None:
    """The first image is fooled after step 4 and leaves after step 8; the other never."""
    x = torch.tensor([0.25, 0.0]).view(2, 1, 1, 1)
    model = Watched(turns_at(0.25 + (2 * fooled - 1) / 64))
    found = look_for(model, x, start=x, steps=10, ball=Linf(0.5), rule=Steepest(1 / 32),
                     y=torch.zeros(2, dtype=torch.int64))  # fmt: skip
    assert found.step.tolist() == [fooled, -1]
    assert [len(seen) for seen in model.seen] == [2] * 9 + [1] * 3


def test_the_mask_of_each_image_goes_with_it() -> None:
    """The image that leaves first stands first; every other keeps to its own pixel."""
    x = torch.full((4, 1, 2, 2), 0.5)
    mask = torch.eye(4).view(4, 1, 2, 2) > 0

    def model(z: Tensor) -> Tensor:
        total = z.flatten(1).sum(dim=1)
        return torch.stack([torch.zeros_like(total), total - 9.0], dim=1)

    y = torch.tensor([1, 0, 0, 0])
    found = look_for(model, x, y, ball=Masked(Linf(0.25), mask), start=x)
    assert found.done.tolist() == [True, False, False, False]
    worst = look_for(model, x, y * 0, ball=Masked(Linf(0.25), mask), start=x, failed="worst")
    assert torch.equal(worst.images != x, mask)

    def above(z: Tensor) -> Tensor:
        return torch.stack([torch.zeros(len(z)), z.flatten(1).sum(dim=1) - 2.2], dim=1)

    found = look_for(above, x, y, ball=Masked(Linf(0.25), mask), start=x)
    assert found.done.all()
    assert torch.equal((found.images != x)[1:], mask[1:])
    assert torch.equal(found.images[0], x[0])


@pytest.mark.parametrize("rule", [Steepest(1 / 16), Momentum(1 / 16), AutoStep()], ids=repr)
def test_the_state_of_a_rule_goes_with_its_image(rule: Rule[Any]) -> None:
    """Whoever leaves, the others walk as they would alone."""
    g = stream(0, "images")
    x = 0.3 + 0.4 * torch.rand(12, 1, 1, 2, generator=g, dtype=torch.float64)

    def model(z: Tensor) -> Tensor:
        a, b = z.flatten(1).unbind(dim=1)
        score = (7 * a).sin() + (9 * b).cos() - 1.2
        return torch.stack([torch.zeros_like(score), score], dim=1)

    x = x[model(x).argmax(dim=1) == 0]
    whole = look_for(model, x, start=x, rule=rule, steps=20, ball=L2(0.5))
    assert len(set(whole.step.tolist())) > 2
    for i in range(len(x)):
        one = look_for(model, x[i : i + 1], start=x[i : i + 1], rule=rule, steps=20, ball=L2(0.5))
        assert torch.equal(one.images[0], whole.images[i])
        assert one.step[0] == whole.step[i]


def test_no_images_are_found_in_no_images() -> None:
    found = look_for(turns_at(0.5), HALF[:0], restarts=2)
    assert found.images.shape == (0, 1, 1, 1)
    assert found.step.shape == found.done.shape == (0,)


def test_an_objective_that_asks_often_is_decided_by_the_mean_of_the_probabilities() -> None:
    """Each image is asked about several times; most answers are wrong, the mean need not be."""
    little, much, right_ = [0.0, 0.5], [5.0, 0.0], [1.0, 0.0]

    def ask(*often: list[list[float]]) -> list[bool]:
        answers = iter([[right_] * 2, *often])  # the first question is about the images as they are

        def answering(x: Tensor) -> Tensor:
            return torch.tensor(next(answers)) + 0 * x.flatten(1)

        def mean(model: Model, y: Tensor) -> Callable[[Tensor], Tensor]:
            return lambda x: torch.stack([model(x)[:, 1] for _ in often]).mean(dim=0)

        x = HALF.expand(2, 1, 1, 1)
        found = look_for(answering, x, objective=mean, steps=0, start=x)
        return [bool(done) for done in found.done]

    assert ask([little, right_]) == [True, False]
    assert ask([little, little], [little, much]) == [True, False]
    assert ask([little, little], [little, little], [much, little]) == [False, True]
    assert ask([little, [50.0, 0.0]], [much, [50.0, 0.0]]) == [False, False]
    assert torch.tensor([little, little, much]).softmax(dim=1).mean(dim=0).argmax().item() == 0


def test_success_may_be_reaching_a_label() -> None:
    search = Search(Linf(0.25), Steepest(1 / 16), 4, start=HALF)
    found = search(turns_at(0.5 + 3 / 32), HALF, ZERO + 1, lambda m, y: margin(m, 1 - y), right,
                   stream(0))  # fmt: skip
    assert (pixels(found), found.step.tolist()) == ([0.625], [2])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"restarts": 0}, r"restarts is 0; expected at least 1 \(change restarts\)"),
        ({"steps": -1}, r"steps is -1; expected a whole number >= 0 \(change steps\)"),
    ],
)
def test_impossible_counts_are_refused(settings: dict[str, int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        look_for(turns_at(0.5), **settings)


def test_the_usual_step_crosses_the_ball_and_comes_back() -> None:
    assert step_length(Linf(0.5), 10) == 0.125
    assert step_length(L2(2.0), 1) == step_length(L2(2.0), 0) == 5.0
    assert step_length(Linf(0.0), 10) == 1e-12

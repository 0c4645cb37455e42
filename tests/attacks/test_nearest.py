"""The nearest wrong image, on models of one pixel whose boundary is known."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from robustlens.attacks import bind, fgsm
from robustlens.attacks.method import Found
from robustlens.attacks.nearest import CONFIRM_EVERY, Nearest, firmly_wrong, search, smallest
from robustlens.balls import L2, Linf, norm_of
from robustlens.objectives import logit_margin
from robustlens.types import Model

X = torch.full((1, 1, 1, 1), 0.25, dtype=torch.float64)
FINE = 2.0**-12  # of the way that is searched back: twelve halvings
NORM = norm_of(L2(1.0), (L2,))


def turns_at(distance: float, slope: float = 1.0) -> Model:
    """Two classes: 1 where the pixel is more than a distance above 1/4."""

    def model(x: Tensor) -> Tensor:
        score = slope * (x.flatten(1).sum(dim=1) - 0.25 - distance)
        return torch.stack([torch.zeros_like(score), score], dim=1)

    return model


def visiting(*distances: float, first: int = 1) -> Callable[[Nearest], None]:
    """A walk that looks at points so far above each image, one a step, from step `first`."""

    def walk(nearest: Nearest) -> None:
        for step, distance in enumerate(distances, start=first):
            nearest.look(logit_margin, nearest.x + distance, step)

    return walk


def run(
    model: Model,
    walk: Callable[[Nearest], None],
    x: Tensor = X,
    y: Tensor | None = None,
    eps: float = 1.0,
    twin: Model | None = None,
    gap: float = 0.0,
) -> Found:
    y = torch.zeros(len(x), dtype=torch.int64) if y is None else y
    return search(model, x, y, L2(eps), NORM, walk, twin, gap)


def distance(found: Found, x: Tensor = X) -> float:
    return L2(0).distance(found.images, x).item()


def test_the_line_back_to_the_image_is_searched() -> None:
    found = run(turns_at(0.1), visiting(0.05, 0.25, 0.5, 0.05))
    assert found.done.item()
    assert found.step.item() == 2
    assert 0.1 < distance(found) <= 0.1 + 0.25 * FINE


def test_of_the_wrong_images_met_the_nearest_is_searched_from() -> None:
    """The line from the far one would end elsewhere: wrong there is only what is beyond 0.4."""

    def model(x: Tensor) -> Tensor:
        d = x.flatten(1).sum(dim=1) - 0.25
        wrong = ((d > 0.2) & (d < 0.3)) | (d > 0.5)
        return torch.stack([torch.zeros_like(d), wrong.to(d) - 0.5 + 0 * d], dim=1)

    for order in ((0.6, 0.25, 0.6), (0.25, 0.6), (0.6, 0.25)):
        found = run(model, visiting(*order))
        assert 0.2 < distance(found) <= 0.2 + 0.25 * FINE
        assert found.step.item() == 1 + order.index(0.25)


def test_of_equally_near_images_the_first_counts() -> None:
    assert run(turns_at(0.1), visiting(0.25, 0.25)).step.item() == 1


def test_what_the_twin_finds_too_early_is_looked_for_further_out() -> None:
    """The model turns 5 % later than its twin: 1.1 times the way is far enough."""
    for late, found_at in ((1.002, 0.1), (1.02, 0.1), (1.05, 0.1)):
        found = run(turns_at(0.1 * late), visiting(0.1001), twin=turns_at(0.1))
        assert found.done.item()
        assert found.step.item() == 1
        assert 0.1 * late < distance(found) <= found_at * late + 0.12 * FINE
    far = run(turns_at(0.115), visiting(0.1001), twin=turns_at(0.1))
    assert not far.done.item()


def test_without_a_twin_nothing_is_looked_for_further_out() -> None:
    assert not run(turns_at(0.105), visiting(0.1001)).done.item()


def test_further_out_ends_at_the_walls() -> None:
    """The model is wrong only outside the box, where there is no image."""
    found = run(turns_at(0.76), visiting(0.75), twin=turns_at(0.5), eps=2.0)
    assert not found.done.item()
    assert torch.equal(found.images, X)


def test_what_the_model_confirmed_stands_again_when_it_denies_what_is_nearer() -> None:
    """At step 10 the model looks; what the twin finds later, and nearer, it denies."""
    walk = visiting(0.25, 0.1, first=CONFIRM_EVERY)
    found = run(turns_at(0.2), walk, twin=turns_at(0.05))
    assert found.done.item()
    assert found.step.item() == CONFIRM_EVERY
    assert 0.2 < distance(found) <= 0.2 + 0.25 * FINE


def test_what_the_model_denies_makes_room_for_what_is_farther() -> None:
    """Dropped at step 10, the nearer one no longer keeps the farther one out."""
    walk = visiting(0.1, 0.25, first=CONFIRM_EVERY)
    found = run(turns_at(0.2), walk, twin=turns_at(0.05))
    assert found.done.item()
    assert found.step.item() == CONFIRM_EVERY + 1


def test_what_lies_outside_the_ball_does_not_count() -> None:
    model, walk = turns_at(0.1), visiting(0.25)
    inside, outside = run(model, walk, eps=0.11), run(model, walk, eps=0.0999)
    assert inside.done.item()
    assert not outside.done.item()
    assert outside.step.item() == -1
    assert torch.equal(outside.images, X)


def test_the_boundary_of_the_ball_belongs_to_it() -> None:
    def model(x: Tensor) -> Tensor:
        far = (x.flatten(1).sum(dim=1) >= 0.5).to(x) - 0.5 + 0 * x.flatten(1).sum(dim=1)
        return torch.stack([torch.zeros_like(far), far], dim=1)

    assert distance(run(model, visiting(0.25), eps=0.25)) == 0.25


def test_the_smallest_change_of_an_attack_is_its_distance() -> None:
    """Wrong already: 0; broken: as far as the attack went; held: inf."""
    x = X.expand(3, 1, 1, 1) + torch.tensor([0.0, 0.25, -0.25]).view(3, 1, 1, 1)
    y = torch.zeros(3, dtype=torch.int64)
    attack = bind(fgsm, L2(0.125))
    got = smallest(attack, turns_at(0.1), x[:1], y[:1], torch.Generator())
    assert got.tolist() == [0.125]
    got = smallest(attack, turns_at(0.1), x[1:], y[1:], torch.Generator())
    assert got.tolist() in ([0.0, torch.inf], [0.125, torch.inf])  # fgsm moves what is wrong too


def test_wrong_images_do_not_walk_and_the_others_keep_their_places() -> None:
    x = X.expand(3, 1, 1, 1) + torch.tensor([0.0, 0.25, 0.05]).view(3, 1, 1, 1)
    walked: list[Tensor] = []

    def walk(nearest: Nearest) -> None:
        walked.append(nearest.x)
        visiting(0.25)(nearest)

    found = run(turns_at(0.1), walk, x)
    assert torch.equal(walked[0], x[[0, 2]])
    assert found.step.tolist() == [1, 0, 1]
    assert torch.equal(found.images[1], x[1])
    assert L2(0).distance(found.images, x).tolist() == pytest.approx([0.1, 0, 0.05], abs=1e-4)
    run(turns_at(-1.0), walk, x)
    assert len(walked) == 1


def test_a_gap_is_asked_of_the_model_and_of_the_twin() -> None:
    """With a slope of 4 a gap of 1/2 stands 1/8 behind the boundary."""
    model = turns_at(0.1, slope=4.0)
    for twin in (None, model):
        found = run(model, visiting(0.15, 0.5), gap=0.5, twin=twin)
        assert found.step.item() == 2
        assert 0.225 < distance(found) <= 0.225 + 0.5 * FINE


def test_a_walk_sees_values_and_gradients_of_what_it_looks_at() -> None:
    nearest = Nearest(turns_at(0.1, slope=3.0), X, torch.tensor([0]), NORM)
    for way, wrong in ((0.05, False), (0.2, True)):
        look = nearest.look(logit_margin, X + way, 1)
        assert look.wrong.item() == wrong
        assert look.value.item() == pytest.approx(3 * (way - 0.1))
        assert look.gradient.item() == pytest.approx(3.0)


def test_a_part_goes_on_from_the_whole_and_gives_back_what_it_met() -> None:
    x = X.expand(3, 1, 1, 1).clone()
    whole = Nearest(turns_at(0.1), x, torch.zeros(3, dtype=torch.int64), NORM)
    whole.look(logit_margin, x + 0.5, 1)
    rows = torch.tensor([2, 0])
    part = whole.some(rows)
    part.look(logit_margin, part.x + torch.tensor([0.25, 0.75]).view(2, 1, 1, 1), 2)
    part.confirm()
    whole.take(rows, part)
    assert whole.met.length.tolist() == [0.5, 0.5, 0.25]
    assert whole.met.step.tolist() == [1, 1, 2]
    assert whole.sure.length.tolist() == [0.5, torch.inf, 0.25]
    assert whole.settle().length.tolist() == pytest.approx([0.1] * 3, abs=0.5 * FINE)


def test_a_part_looks_through_the_same_twin_with_the_same_gap() -> None:
    """The slope is 1: with a gap of 1/8 the twin turns at 0.225, the model at 0.325."""
    x = X.expand(2, 1, 1, 1).clone()
    y = torch.zeros(2, dtype=torch.int64)
    whole = Nearest(turns_at(0.2), x, y, NORM, turns_at(0.1), 0.125)
    whole.look(logit_margin, x + 0.5, CONFIRM_EVERY)
    part = whole.some(torch.tensor([1]))
    assert part.sure.length.tolist() == part.met.length.tolist() == [0.5]
    assert not part.look(logit_margin, part.x + 0.22, 11).wrong.item()
    assert part.look(logit_margin, part.x + 0.25, 12).wrong.item()
    assert part.met.length.tolist() == [0.25]
    part.confirm()  # the model denies it
    assert part.met.length.tolist() == part.sure.length.tolist() == [0.5]
    assert part.settle().length.item() == pytest.approx(0.325, abs=0.5 * FINE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_decision_within_rounding_is_not_firm(dtype: torch.dtype) -> None:
    z = torch.tensor([[0.0, 0.25], [0.25, 0.0]], dtype=dtype)
    assert firmly_wrong(z, torch.tensor([0, 0])).tolist() == [True, False]
    assert firmly_wrong(z, torch.tensor([1, 1])).tolist() == [False, True]
    assert firmly_wrong(z, torch.tensor([0, 0]), 0.25).tolist() == [False, False]
    assert firmly_wrong(z, torch.tensor([0, 0]), 0.24).tolist() == [True, False]


def test_the_norm_of_the_ball_measures() -> None:
    x = torch.full((1, 1, 1, 2), 0.125, dtype=torch.float64)
    norm = norm_of(Linf(1.0), (Linf,))
    found = search(turns_at(0.1), x, torch.tensor([0]), Linf(1.0), norm, visiting(0.25))
    assert 0.05 < Linf(0).distance(found.images, x).item() <= 0.05 + 0.25 * FINE

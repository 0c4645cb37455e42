"""The rule's branches, steps along pictures, and a tiny run whose pictures can be drawn."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from robustlens.balls import L2
from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.evaluation import Rate
from robustlens.figures import save_pictures
from robustlens.registry import run
from robustlens.result import Verdict
from robustlens.studies.human_vs_model_priors import measures
from robustlens.studies.human_vs_model_priors.findings import Found, judge
from robustlens.studies.human_vs_model_priors.measures import (
    EXPLANATIONS,
    GRADIENT,
    Look,
    Net,
    Shown,
)
from robustlens.studies.human_vs_model_priors.study import STUDY, check, recipes

HOW = Look(within=L2(1.0), steps=3, samples=2, sigma=0.1, blur=1.0, seed=0)


def angles(mean: float) -> Tensor:
    return mean + torch.linspace(-0.05, 0.05, 100)


def rate(value: float) -> Rate:
    return Rate.share(round(200 * value), 200)


def a_net(angle: float, human: float = 0.1, random: float = 0.05) -> Net:
    return Net(angles(angle), rate(0.9), rate(0.5), rate(human), rate(random))


def found(
    nets: tuple[float, ...] = (0.1, 0.15, 0.2, 0.25, 0.3),
    pictures: float = 0.12,
    untrained: float = 0.0,
    alike: float = 0.12,
    human: float = 0.5,
    random: float = 0.05,
) -> Found:
    last = a_net(nets[-1], human, random)
    seen = {
        name: Shown(angles(pictures), angles(untrained), angles(0.1), rate(0.5))
        for name in (GRADIENT, *EXPLANATIONS)
    }
    curve = (*(a_net(angle) for angle in nets[:-1]), last)
    return Found((0.0, 0.25, 0.5, 1.0, 1.5), curve, a_net(alike), seen)


def test_the_rule_holds_where_training_aligns_and_pictures_do_not() -> None:
    assert judge(found()) is Verdict.REPRODUCED


@pytest.mark.parametrize(
    "changed",
    [
        {"nets": (0.3, 0.25, 0.2, 0.15, 0.1)},  # training turns the gradient away
        {"nets": (0.1, 0.25, 0.3, 0.2, 0.22)},  # no order
        {"pictures": 0.2},  # a picture closes half of the gap
        {"untrained": 0.1},  # a net that learned nothing aligns as well
        {"alike": 0.25},  # it was not the attack in training
        {"human": 0.1},  # what the net uses has not changed
        {"random": 0.5},  # any step would do
    ],
)
def test_the_rule_can_fail(changed: dict) -> None:
    assert judge(found(**changed)) is Verdict.NOT_REPRODUCED


def test_nets_differ_in_what_their_names_say() -> None:
    made = recipes(STUDY.presets["quick"])
    assert list(made)[:2] == ["standard net", "net trained at l2 0.25"]
    assert list(made)[4] == "net trained at l2 1.5"
    alike, between = made["net trained alike without attack"], made["net trained at l2 0.25"]
    assert alike.loss == "standard"
    assert replace(alike, loss="adversarial", eps="0.25") == between


def two_by_two() -> Dataset:
    images = torch.full((4, 1, 2, 2), 128, dtype=torch.uint8)
    images[2:] += 20
    return Dataset(images, torch.tensor([0, 0, 1, 1]), ("a", "b"), "four")


def test_a_linear_net_uses_the_direction_to_the_other_class_if_it_is_its_weight(linear) -> None:
    """Its gradient is its weight: a net along the means breaks there, one across does not."""
    data, means = two_by_two(), torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)])
    far = replace(HOW, within=L2(0.8))
    along = measures.net(linear(torch.ones(4)), data.subset(torch.tensor([2, 3])), means, far)
    assert along.human.value == 1
    torch.testing.assert_close(along.angle, torch.ones(2))
    across = linear(torch.tensor([1.0, -1.0, 1.0, -1.0]) + 0.1)
    other = measures.net(across, data.subset(torch.tensor([2, 3])), means, far)
    assert other.angle.abs().max() < 0.2
    assert other.held.value == 0


def test_steps_reach_the_border_and_stay_in_the_box() -> None:
    x = torch.full((1, 1, 2, 2), 0.5)
    direction = torch.tensor([1e-25, 0.0, 0.0, 0.0]).view(1, 1, 2, 2)  # tiny, and still a direction
    moved = measures._step(x, direction, L2(0.3))
    torch.testing.assert_close((moved - x).flatten(), torch.tensor([0.3, 0.0, 0.0, 0.0]))
    assert float(measures._step(x, direction, L2(0.9)).max()) == 1.0


def test_likeness_looks_at_sizes_image_by_image() -> None:
    a = torch.arange(8.0).view(2, 1, 2, 2) + 1
    b = torch.stack([-2 * a[0], 1 / a[1]])
    torch.testing.assert_close(measures._likeness(a, b), torch.tensor([1.0, -1.0]))


def test_pictures_depend_on_no_batch(trained) -> None:
    x, y = trained.x[:4], trained.y[:4]
    whole = measures.pictures_of(trained.model, x, y, HOW)
    alone = measures.pictures_of(trained.model, x[2:3], y[2:3], HOW)
    assert list(whole) == [GRADIENT, *EXPLANATIONS]
    for name, picture in whole.items():
        torch.testing.assert_close(picture[2:3], alone[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        {"radii": (0.5, 0.25)},
        {"radii": (0.5, 1.5)},
        {"radii": (0.0,)},
        {"steps": 0},
        {"samples": 0},
        {"sigma": -0.1},
        {"blur": -1.0},
        {"shown": 0},
    ],
)
def test_values_out_of_range_are_refused_by_name(change: dict) -> None:
    with pytest.raises(InputError, match=next(iter(change))):
        check(replace(STUDY.presets["tiny"], **change))


@pytest.mark.slow
def test_a_tiny_run_gives_the_same_numbers_again_and_can_be_drawn(tmp_path: Path) -> None:
    results = [run(STUDY, "tiny", STUDY.presets["tiny"], folder=tmp_path) for _ in range(2)]
    assert results[0].numbers == results[1].numbers
    assert next(iter(results[0].numbers)) == "net trained at l2 1.5: cosine of its gradient"
    save_pictures(results[0].figures, tmp_path / "pictures")
    assert len(list((tmp_path / "pictures").glob("*-light.png"))) == 5

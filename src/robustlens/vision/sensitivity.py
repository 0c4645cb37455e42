"""Feature-level sensitivity: which unit made this mistake, and what does it look like here?

found = feature_sensitivity(model, x, y, generator=stream(0, "control"))    # mistakes only
found.unit, found.made.images           # the unit, and the image with more of it
found.changed, found.control_changed    # without it; without a random unit as active
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from robustlens.answers import Answers
from robustlens.attacks.method import check_images
from robustlens.errors import InputError
from robustlens.modes import frozen
from robustlens.nets.reading import head_of, reader
from robustlens.streams import Draws
from robustlens.types import Images, Labels, Logits, Model, Values
from robustlens.vision.made import Made, Walk, climb, fitting, layered, seen_by, wander
from robustlens.vision.units import raised

RMS, STEPS = 0.16, 60
PEERS = 10
"""The control is drawn from so many units whose activation is nearest to that of the found one."""


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """The unit behind each mistake, a picture of it, and decisions without it; all (b,)."""

    predicted: Labels
    unit: Labels
    share: Values  # (w_predicted - w_true)_i R_i of the unit
    gap: Values  # the logit of the prediction minus that of the true class
    without: Labels  # decision with the unit's activation at 0
    control: Labels  # a random other unit of nearly equal activation
    control_without: Labels
    made: Made  # the images with the unit raised

    @property
    def changed(self) -> Tensor:
        """Where the prediction is another one without the unit, boolean."""
        return self.without != self.predicted

    @property
    def control_changed(self) -> Tensor:
        """Where the prediction is another one without the control, boolean."""
        return self.control_without != self.predicted


def feature_sensitivity(
    model: Model, x: Images, y: Labels, *, walk: Walk | None = None, generator: torch.Generator
) -> Sensitivity:
    """Return what made a model take images x for something else than y.

    The unit is the one of the penultimate layer with the largest (w_predicted - w_true)_i R_i: the
    head is linear, so that these shares sum to the gap between the two logits, up to the bias. It
    is raised in the image to be seen, and set to 0 to see what happens without it. Beside it, as
    control, one of the `PEERS` other units whose activation is nearest, at random.
    Source: Engstrom et al. 2019, section 4.3. That a decision changes without a unit says that the
    unit was needed, not that it was enough.

    Raises:
        InputError: an image that is no mistake, no linear head, or one of a single unit.
    """
    check_images(x, y)
    x, net = fitting(model, x), layered(model)
    z = seen_by(net, Answers(net, y), x)
    predicted = z.argmax(dim=1)
    right = predicted == y
    if right.any():
        raise InputError(
            f"{int(right.sum())} of {len(x)} images that the model is right on",
            "mistakes: images whose prediction is not y",
            "leave out those that are right",
        )
    head, read = _head(net, x), reader(net, None, x)
    r = seen_by(net, read, x)
    shares = _shares(head, r, predicted, y)
    unit = shares.argmax(dim=1)
    control = _control(r, unit, Draws.of(x, generator))
    walk = walk or wander(x, RMS, STEPS)
    return Sensitivity(
        predicted,
        unit,
        shares.gather(1, unit[:, None]).squeeze(1),
        z.gather(1, predicted[:, None]).squeeze(1) - z.gather(1, y[:, None]).squeeze(1),
        ablated(net, x, unit).argmax(dim=1),
        control,
        ablated(net, x, control).argmax(dim=1),
        climb("feature_sensitivity", raised(read, unit), x, walk, model=net),
    )


def unit_shares(model: Model, x: Images, first: Labels, second: Labels) -> Tensor:
    """Return how much each unit of the penultimate layer speaks for one class against another.

    Of unit i it is (w_first - w_second)_i R_i(x): the head is linear, so that the shares (b, f) of
    an image sum to the gap between the two logits, up to the bias. A right decision has its
    reasons too: Engstrom et al. 2019, section 4.3, ask it of mistakes.

    Raises:
        InputError: images that the model does not take, or no linear head.
    """
    x, net = fitting(model, x), layered(model)
    r = seen_by(net, reader(net, None, x), x)
    return _shares(_head(net, x), r, first, second)


def ablated(model: nn.Module, x: Images, units: Labels) -> Logits:
    """Return the logits of images with one penultimate unit each, `units` (b,), set to 0."""
    head = _head(model, x)

    def silence(module: nn.Module, inputs: Any, named: Any) -> Any:
        r = inputs[0] if inputs else named["input"]
        quiet = r.scatter(1, units[:, None], 0.0)
        return ((quiet,), {}) if inputs else ((), {**named, "input": quiet})

    handle = head.register_forward_pre_hook(silence, with_kwargs=True)
    try:
        return seen_by(model, Answers(model), x)
    finally:
        handle.remove()


def _head(model: nn.Module, x: Images) -> nn.Linear:
    with frozen(model), torch.no_grad():
        return head_of(model, x[:1])


def _shares(head: nn.Linear, r: Tensor, first: Labels, second: Labels) -> Tensor:
    return (head.weight[first] - head.weight[second]).detach() * r


def _control(r: Tensor, unit: Labels, draws: Draws) -> Labels:
    """Return for each image one of the units nearest in activation to its unit, at random."""
    if r.shape[1] < 2:
        raise InputError("a layer of one unit", "at least two, one to compare with")
    gap = (r - r.gather(1, unit[:, None])).abs()
    gap = gap.scatter(1, unit[:, None], torch.inf)
    count = min(PEERS, r.shape[1] - 1)
    near = gap.argsort(dim=1, stable=True)[:, :count]
    place = (draws.uniform(1) * count).long().clamp_max(count - 1)
    return near.gather(1, place.to(near.device)).squeeze(1)

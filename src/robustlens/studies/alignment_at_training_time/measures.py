"""What alignment buys and costs: transfer with few labels, masks of explanations, accuracy.

right = transferred(r, labels, Plan(few=5, held=10, draws=8), seed)       # (draws,)
seen = masked(net, judge, x, share=0.2, seed=0)                           # who changes its answer
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.ascend import value_and_gradient
from robustlens.bounds import mean_interval
from robustlens.modes import frozen
from robustlens.nets import logits
from robustlens.objectives import margin
from robustlens.result import Number
from robustlens.streams import stream
from robustlens.types import Images, Labels, Model
from robustlens.usefulness.head import linear_head

DECAY = 0.1
"""Of the heads: labels are few."""
RANDOM = 5
"""Random masks of each image, whose mean stands beside the gradient's."""
BATCH = 250


def blocks(labels: Labels, draws: int, size: int) -> Tensor:
    """Return places (draws, classes, size): disjoint blocks of each class, in order.

    A pool with `draws * size` images of every class has all of them.
    """
    classes = int(labels.max()) + 1
    places = [torch.nonzero(labels == k).flatten()[: draws * size] for k in range(classes)]
    return torch.stack(places).view(classes, draws, size).transpose(0, 1)


def transferred(r: Tensor, labels: Labels, few: int, held: int, draws: int) -> Tensor:
    """Return the accuracy (draws,) of linear heads on features r, fitted on few labels a class.

    Every draw has labelled images and test images of its own, so draws are independent given r:
    blocks of as many images of each class, of which the first `few` are fitted and the last `held`
    tested.
    """
    size = int(torch.bincount(labels).min()) // draws
    rows, classes = blocks(labels, draws, size), int(labels.max()) + 1
    found = []
    for block in rows:
        fit, test = block[:, :few].flatten(), block[:, size - held :].flatten()
        head = linear_head(r[fit], labels[fit], classes, decay=DECAY)
        right = head(r[test]).argmax(dim=1).cpu() == labels[test]
        found.append(float(right.double().mean()))
    return torch.tensor(found, dtype=torch.float64)


class Masked(NamedTuple):
    """How often an answer changes, image by image (n,): a share of the masks that were tried."""

    gradient: Tensor  # masked where this image's gradient is largest
    other: Tensor  # masked where another image's gradient is
    random: Tensor  # masked at random, as many pixels

    @property
    def gain(self) -> Tensor:
        """How much more often by the gradient's mask than by a random one."""
        return self.gradient - self.random

    @property
    def own_place(self) -> Tensor:
        """How much more often by this image's mask than by another's: is it about the image?"""
        return self.gradient - self.other


class Explained(NamedTuple):
    """What masks of one net's gradients do to its own answers, and to a judge's."""

    own: Masked
    judge: Masked
    shown: Images  # under the gradient's mask


def explained(
    net: Model, judge: Model, x: Images, *, share: float, fill: Tensor, seed: int
) -> Explained:
    """Mask the share of pixels where the gradient of the answer's margin is longest, and ask again.

    The margin's gradient does not vanish where a net is sure of itself, as that of the loss does.

    Args:
        fill: (c,), what masked pixels become. share: of the pixels, in (0, 1).
    """
    h, w = x.shape[2:]
    count = max(1, math.ceil(share * h * w))
    own, theirs = (_answers(model, x) for model in (net, judge))
    long = torch.linalg.vector_norm(_gradients(net, x, own), dim=1).flatten(1)
    mine = _most(long, count)
    order = torch.rand(RANDOM, len(x), h * w, generator=stream(seed, "masks")).to(x.device)
    masks = {
        "gradient": [mine],
        "other": [mine.roll(1, dims=0)],
        "random": [_most(each, count) for each in order],
    }
    changed: list[dict[str, Tensor]] = [{}, {}]
    for name, tried in masks.items():
        seen = [covered(x, mask, fill) for mask in tried]
        for at, (model, first) in enumerate(((net, own), (judge, theirs))):
            moved = [(_answers(model, images) != first).double() for images in seen]
            changed[at][name] = torch.stack(moved).mean(dim=0).cpu()
    return Explained(Masked(**changed[0]), Masked(**changed[1]), covered(x, mine, fill))


def covered(x: Images, mask: Tensor, fill: Tensor) -> Images:
    """Return images whose masked pixels (b, h * w) have the colour `fill` (c,)."""
    where = mask.view(len(x), 1, *x.shape[2:])
    return torch.where(where, fill.view(1, -1, 1, 1).to(x), x)


def student(values: Tensor, alpha: float = 0.05) -> Number:
    """Return a mean with Student's interval at level 1 - alpha."""
    listed = values.double().tolist()
    low, high = mean_interval(listed, alpha)
    value = math.fsum(listed) / len(listed)
    return Number(value, min(low, value), max(high, value), len(listed))


def accurate(model: nn.Module, x: Images, y: Labels) -> Tensor:
    """Return whether each answer is right, boolean (n,)."""
    return (_answers(model, x) == y).cpu()


def _answers(model: Model, x: Images) -> Labels:
    with frozen(model), torch.no_grad():
        return torch.cat([logits(model, part).argmax(dim=1) for part in torch.split(x, BATCH)])


def _gradients(model: Model, x: Images, y: Labels) -> Images:
    parts = zip(torch.split(x, BATCH), torch.split(y, BATCH), strict=True)
    with frozen(model):
        return torch.cat([value_and_gradient(margin(model, b), a)[1] for a, b in parts])


def _most(values: Tensor, count: int) -> Tensor:
    """Return a mask (b, p) that is true at the `count` largest values of each row."""
    mask = torch.zeros_like(values, dtype=torch.bool)
    return mask.scatter_(1, values.topk(count, dim=1).indices, True)

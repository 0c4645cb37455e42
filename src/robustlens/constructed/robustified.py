"""Robustified sets: each image replaced by one that a net cannot tell from it, from elsewhere.

    data = robustified(source, robust_net, folder, start="images", seed=0)     # D_R
    data = robustified(source, standard_net, folder)                           # D_NR

The ascent begins at another training image, or at noise, and matches the penultimate
representation: what the net does not look at stays that of the start. From a robust net only
robust features of the label are left; from a standard net mostly the others.
Source: Ilyas et al. 2019, section 3.1, Figure 5 and appendix C.4.
"""

from collections.abc import Callable

import torch
from torch import nn

from robustlens.ascend import ascend
from robustlens.balls import Box
from robustlens.constructed.builder import Made, build
from robustlens.constructed.sources import fitting
from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.errors import InputError, UnknownName
from robustlens.files import AnyPath
from robustlens.nets import Checkpoint
from robustlens.nets.reading import reader
from robustlens.objectives import match
from robustlens.rules import Steepest
from robustlens.streams import stream
from robustlens.types import Images, Labels

START = ("images", "noise")
"""Where the ascent begins: at a random other image of the source, or at uniform noise."""


def robustified(
    source: Dataset,
    net: nn.Module | Checkpoint,
    folder: AnyPath,
    *,
    start: str = "images",
    steps: int = 1000,
    step_size: float = 0.1,
    layer: str | None = None,
    seed: int = 0,
    batch_size: int = 250,
) -> Dataset:
    """Return images that have the representations of the source's images, with their labels.

    Normalised l2 gradient steps inside [0, 1], no other bound; of all points met the closest in
    representation is taken.

    Args:
        source, net, folder: images, the net whose representation is matched, where it is built.
        start: see `START`; the other image is drawn without looking at labels.
        steps, step_size: 1000 and 0.1 in the paper for CIFAR-10; 10,000 steps from noise.
        layer: a module of the net by name; default what its last linear layer reads.
        seed: of the starts.

    Raises:
        InputError: a net that does not fit the images (see `fitting`), bad settings, another build
            in the folder.
    """
    if start not in START:
        raise UnknownName("start", start, START)
    if steps < 1 or not step_size > 0:
        raise InputError(
            f"steps {steps}, step_size {step_size}", "steps >= 1, step_size > 0", "change them"
        )
    model, begin = fitting(net, source), _starts(source, start, seed)
    representation = reader(model, layer, unit(source.images[:2]))

    def rebuild(x: Images, y: Labels, at: int) -> Made:
        with torch.no_grad():
            goal = match(representation, representation(x))
        found = ascend(goal, x, Box(), Steepest(step_size), steps=steps, start=begin(x, at))
        return Made(found.best, y)

    recipe = {
        "kind": "robustified",
        "start": start,
        "steps": steps,
        "step_size": step_size,
        "layer": layer,
    }
    return build(
        source,
        rebuild,
        folder,
        name=f"{source.name} robustified from {start}",
        recipe=recipe,
        models=[model],
        seed=seed,
        batch_size=batch_size,
    )


def _starts(source: Dataset, start: str, seed: int) -> Callable[[Images, int], Images]:
    """Return the starts of a batch of images, by the place of the first of them."""
    if start == "noise":
        return lambda x, at: Box().sample(x, stream(seed, "starts", at))
    n = len(source)
    # A shift by 1 to n - 1 places of a random order: every image is the start of one other.
    order = torch.randperm(n, generator=stream(seed, "starts"))
    other = torch.empty_like(order)
    other[order] = order.roll(1)

    def elsewhere(x: Images, at: int) -> Images:
        rows = other[at : at + len(x)].to(source.images.device)
        return unit(source.images.index_select(0, rows))

    return elsewhere

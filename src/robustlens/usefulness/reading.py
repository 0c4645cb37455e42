"""What a model sees in images: its representation, as a function and as a matrix.

read = representation(model)                      # images to (b, f), differentiable
r = represented(model, data)                      # all images of a data set, (n, f)
r = represented(model, data, change=noise(0.5))   # the same under Gaussian noise
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from robustlens.data import Dataset, batches
from robustlens.errors import InputError
from robustlens.evaluation import on_device_of
from robustlens.modes import frozen
from robustlens.nets.reading import pooled, reader
from robustlens.streams import Draws, noisy, stream
from robustlens.types import Images, Representation


def representation(model: nn.Module, layer: str | None = None) -> Representation:
    """Return the function from images (b, c, h, w) to what a layer says of them, (b, f).

    Without `layer` it is the penultimate layer, see `nets.features`; the head is looked up with
    the first images. A map (b, f, h', w') is averaged over its places: one value a channel.
    """
    found: list[Representation] = []

    def read(x: Images) -> Tensor:
        if not found:
            found.append(reader(model, layer, x))
        return pooled(found[0](x))

    return read


def represented(
    model: nn.Module,
    data: Dataset,
    layer: str | None = None,
    *,
    change: Callable[[Images], Images] | None = None,
    batch_size: int = 250,
) -> Tensor:
    """Return the representations of all images, (n, f), on the model's device.

    The model answers in evaluation mode, to what `change` makes of the images where it is given.
    Raises `InputError` where an entry is not finite.
    """
    read, data = representation(model, layer), on_device_of(model, data)
    seen = batches(data, batch_size)
    with frozen(model), torch.no_grad():
        found = torch.cat([read(x if change is None else change(x)) for x, _ in seen])
    if not bool(found.isfinite().all()):
        raise InputError("a representation that is not finite", "numbers", "use another model")
    return found


def noise(sigma: float, seed: int = 0) -> Callable[[Images], Images]:
    """Return the change that adds N(0, sigma^2) to every pixel, without clipping.

    An image gets the same noise in any batch. Raises `InputError` for sigma < 0.
    """
    if not sigma >= 0:
        raise InputError(f"sigma is {sigma}", "a number >= 0", "change sigma")

    def shaken(x: Images) -> Images:
        return noisy(x, sigma, Draws.of(x, stream(seed, "noise")))

    return shaken

"""Images made up from a few real ones: more data without new information.

more = gaussian_images(few, 5000, stream(0, "more"))     # labelled, none of them real
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from robustlens.constructed.builder import stored
from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.streams import normal


def gaussian_images(data: Dataset, count: int, generator: torch.Generator) -> Dataset:
    """Return `count` images drawn from one Gaussian for each class, alike from every class.

    Each Gaussian has the mean and the covariance of all images of its class in `data`; pixels
    outside [0, 1] are clipped. Nothing but `data` is used. Source: the "class-conditional
    Gaussian-fit" of Gowal et al. 2021, there on top of CIFAR-10.

    Raises:
        InputError: fewer than one image for each class, or a class with fewer than two in `data`.
    """
    present = sorted(set(data.labels.tolist()))
    if count < len(present):
        raise InputError(f"count is {count}", f"at least {len(present)}, one for each class")
    counts = [count // len(present) + (i < count % len(present)) for i in range(len(present))]
    made = [
        stored(_drawn(data, label, m, generator)) for label, m in zip(present, counts, strict=True)
    ]
    labels = torch.tensor(present, device=data.labels.device).repeat_interleave(
        torch.tensor(counts, device=data.labels.device)
    )
    return replace(data, images=torch.cat(made), labels=labels)


def _drawn(data: Dataset, label: int, m: int, generator: torch.Generator) -> Tensor:
    real = data.images[data.labels == label].flatten(1).float() / 255
    return gaussian_draws(real, m, generator).view(m, *data.shape)


def gaussian_draws(real: Tensor, m: int, generator: torch.Generator) -> Tensor:
    """Return m draws (m, d) from the Gaussian with the mean and covariance of `real` (k, d).

    The covariance is never formed: weights z ~ N(0, I) on the k centred points, over
    sqrt(k - 1), have just this covariance. Raises `InputError` for k < 2.
    """
    if len(real) < 2:
        raise InputError(f"{len(real)} images", "at least two, to see how they vary")
    mean = real.mean(dim=0)
    weights = normal(real.new_empty(m, len(real)), generator)
    spread = weights @ (real - mean) / math.sqrt(len(real) - 1)
    return mean + spread

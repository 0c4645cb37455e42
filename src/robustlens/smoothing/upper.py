"""The other side of certificates: what attacks on the smoothed model leave, an upper bound.

upper_bound(model, data, Gaussian(0.25), [0.0, 0.25, 0.5])     # a Rate at each radius
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from robustlens.attacks import pgd
from robustlens.balls import L2
from robustlens.data import Dataset
from robustlens.data.walk import walk
from robustlens.errors import InputError
from robustlens.evaluation import Rate, on_device_of
from robustlens.smoothing.noise import Noise
from robustlens.smoothing.predict import majority
from robustlens.smoothing.records import ABSTAINED
from robustlens.smoothing.smoothed import in_floats, smoothed
from robustlens.streams import stream
from robustlens.types import Images, Labels, Model


def upper_bound(
    model: Model,
    data: Dataset,
    noise: Noise,
    radii: Sequence[float],
    *,
    m: int = 8,
    steps: int = 10,
    n: int = 1000,
    alpha: float = 0.001,
    seed: int = 0,
    batch_size: int = 256,
) -> tuple[Rate, ...]:
    """Return, at each l2 radius, the share of images that no attack on the smoothed model took.

    An image is taken at a radius where n fresh votes decide, as `predict` does, for another class
    than its label at a point of the ball; it stays taken at larger radii. Points are those of PGD
    on `smoothed(model, sigma, m)`; the image itself at radius 0. Votes that do not tell take
    nothing. So robust accuracy of the smoothed model is below these shares, up to a chance of
    alpha for each look, and above certified accuracy.
    Source: Salman et al. 2019, section 3 (the attack); Cohen et al. 2019, section 4.2.

    Raises:
        InputError: radii that are negative or do not grow, or as `predict`.
    """
    if not radii or min(radii) < 0 or list(radii) != sorted(set(radii)):
        raise InputError(f"radii {tuple(radii)}", "numbers >= 0 that grow", "sort them")
    data = on_device_of(model, data)
    asked, drawn = in_floats(model, noise)
    soft = smoothed(model, noise.sigma, m, seed=seed)
    held = torch.ones(len(radii), len(data), dtype=torch.bool)
    for start, x, y in walk(data, max(1, batch_size // m), "attacking the smoothed model"):
        group = range(start, start + len(x))
        left = torch.ones(len(x), dtype=torch.bool)
        for place, radius in enumerate(radii):
            at = torch.nonzero(left).flatten()
            if len(at):
                rows = at.to(x.device)
                points = _attacked(soft, x[rows], y[rows], radius, steps, seed, start)
                found = majority(
                    asked, points, drawn, images=[group[i] for i in at.tolist()],
                    purpose=f"upper {radius:g}", n=n, alpha=alpha, seed=seed,
                    batch_size=batch_size,
                ).classes  # fmt: skip
                said = torch.tensor(found)
                left[at] = (said == ABSTAINED) | (said == y[rows].cpu())
            held[place, group.start : group.stop] = left
    return tuple(Rate.of(row) for row in held)


def _attacked(
    soft: Model, x: Images, y: Labels, radius: float, steps: int, seed: int, first: int
) -> Tensor:
    if radius == 0:
        return x
    generator = stream(seed, "upper", first, f"{radius:g}")
    return pgd(soft, x, y, L2(radius), steps=steps, failed="worst", generator=generator)

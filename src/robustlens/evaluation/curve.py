"""Accuracy over the radius: one pass over the data for all radii.

curve = robustness_curve(model, data, "l2", [0.25, 0.5, 1.0], method=apgd, seed=0)
curve.rates[1]                     # Rate at 0.5
minimum_norm_curve(model, data, bind(ddn, L2(10.0)), [0.25, 0.5, 1.0])
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from robustlens.answers import decision
from robustlens.attacks import Bound, bind, pgd
from robustlens.balls import ball
from robustlens.data import Dataset
from robustlens.data.walk import walk
from robustlens.describe import shown
from robustlens.errors import InputError
from robustlens.evaluation.decisions import checked_logits, some_answer
from robustlens.evaluation.doubtful import second_look
from robustlens.evaluation.measure import attacked_accuracy
from robustlens.evaluation.records import UNATTACKED
from robustlens.modes import frozen
from robustlens.radii import Radius, parse_eps
from robustlens.rate import Rate
from robustlens.streams import stream
from robustlens.types import Model


class Curve(NamedTuple):
    """Accuracy under attack at growing radii, and the smallest radius that broke each image."""

    name: str
    radii: tuple[float, ...]
    rates: tuple[Rate, ...]
    smallest: Tensor  # (n,) float64, inf where no radius did, 0 where the image is wrong as it is

    @classmethod
    def of(cls, name: str, radii: Sequence[float], smallest: Tensor) -> "Curve":
        """Return the curve that follows from the smallest radii."""
        rates = tuple(Rate.of((smallest > 0) & (smallest > eps)) for eps in radii)
        return cls(name, tuple(radii), rates, smallest)


def robustness_curve(
    model: Model,
    data: Dataset,
    norm: str,
    radii: Iterable[Radius | str],
    *,
    method: Callable[..., Tensor] = pgd,
    seed: int = 0,
    batch_size: int = 250,
    **settings: Any,
) -> Curve:
    """Return the accuracy under an attack at each of the growing `radii`, in one pass.

    An image broken at a radius stays broken above it and is not attacked again, so the curve
    never rises; radius 0 is clean accuracy. `settings` go to the method.

    Raises:
        UnknownName, InputError: the norm, radii that do not grow from >= 0, a model that has a
            finite answer to no image, or as the method.
    """
    radii = _growing(radii)
    attacks = [bind(method, ball(norm, eps), **settings) for eps in radii]
    parts, said = list[Tensor](), list[int]()
    title = f"{shown(method)} {norm}, {len(radii)} radii"
    with second_look(model, data), frozen(model):
        for _, x, y in walk(data, batch_size, title):
            clean = decision(checked_logits(model, x, y))
            parts.append(_smallest(model, x, y, clean == y, attacks, radii, seed))
            said += clean.tolist()
    some_answer(said)
    words = str(attacks[-1]).partition(",")[2]
    name = f"accuracy under {shown(method)} {norm}{',' + words if words else ''}"
    return Curve.of(name, radii, torch.cat(parts).cpu())


def pgd_curve(
    model: Model,
    data: Dataset,
    norm: str,
    radii: Iterable[Radius | str],
    *,
    steps: int = 20,
    seed: int = 0,
    batch_size: int = 250,
) -> Curve:
    """Return `robustness_curve` of PGD, which is called PGD accuracy."""
    curve = robustness_curve(
        model, data, norm, radii, steps=steps, seed=seed, batch_size=batch_size
    )
    return curve._replace(name=f"PGD-{steps} accuracy, {norm}")


def minimum_norm_curve(
    model: Model,
    data: Dataset,
    attack: Bound,
    radii: Iterable[Radius | str],
    *,
    seed: int = 0,
    batch_size: int = 250,
) -> Curve:
    """Return the accuracy at each radius by the smallest change that an attack finds.

    One run of a minimum-norm attack gives the whole curve. Its ball should not bind: an image
    that the attack does not break inside it counts as holding at every radius.

    Raises:
        InputError: radii that do not grow from >= 0, or as the attack.
    """
    radii = _growing(radii)
    result = attacked_accuracy(model, data, attack, seed=seed, batch_size=batch_size)
    smallest = [_distance(r.by, r.distance) for r in result.records]
    return Curve.of(result.name, radii, torch.tensor(smallest, dtype=torch.float64))


def _distance(by: str, distance: float) -> float:
    return {UNATTACKED: 0.0, "": float("inf")}.get(by, distance)


def _growing(radii: Iterable[Radius | str]) -> tuple[float, ...]:
    """Return radii as floats; they may be an array, a tensor, or texts such as "8/255"."""
    found = tuple(parse_eps(eps) for eps in radii)
    if list(found) != sorted(set(found)) or not found:
        raise InputError(f"radii {list(found)}", "at least one, growing from >= 0", "sort them")
    return found


def _smallest(
    model: Model,
    x: Tensor,
    y: Tensor,
    right: Tensor,
    attacks: Sequence[Bound],
    radii: Sequence[float],
    seed: int,
) -> Tensor:
    smallest = torch.where(right, torch.inf, 0.0).double()
    for eps, attack in zip(radii, attacks, strict=True):
        (left,) = torch.nonzero(torch.isinf(smallest), as_tuple=True)
        if eps == 0 or not len(left):
            continue
        broken = attack.found(model, x[left], y[left], stream(seed, "curve", f"{eps:.6g}")).done
        smallest[left[broken]] = eps
    return smallest

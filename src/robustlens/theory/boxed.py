"""The worst change of a linear feature when points must stay in a box, such as pixels in [0, 1].

    moved = worst_in_box(a, x, y, "l2", eps=0.5)     # minimises y a . x' for every point
    (y * (moved @ a)).mean()                         # never below the closed form without a box

Without the box every point loses eps ||a||_dual; a wall takes some of the adversary's room away.
"""

import math

import torch
from torch import Tensor

from robustlens.errors import InputError, UnknownName
from robustlens.theory.two_gaussians import DUAL

HALVINGS = 100
"""Of the step along a; float64 cannot tell more."""


def worst_in_box(a: Tensor, x: Tensor, y: Tensor, norm: str, eps: float) -> Tensor:
    """Return the points within eps of x (n, d) in `norm`, and in [0, 1], that minimise y a . x'.

    Exact up to rounding. linf: every coordinate goes as far as it may. l1: the largest weights
    first, each up to its wall. l2: a step along a, cut at the walls, whose length is then eps
    (the optimality conditions say so); found by bisection.

    Raises:
        InputError: x outside [0, 1], shapes that do not fit, eps < 0. UnknownName: another norm.
    """
    a, x, y = a.double(), x.double(), y.double()
    if a.shape != x.shape[1:] or y.shape != x.shape[:1]:
        got = f"a {tuple(a.shape)}, x {tuple(x.shape)}, y {tuple(y.shape)}"
        raise InputError(got, "(d,), (n, d) and (n,)", "change a, x or y")
    if not bool(((x >= 0) & (x <= 1)).all()) or not 0 <= eps < math.inf:
        raise InputError(f"eps {eps}, or points outside [0, 1]", "eps >= 0", "change eps or x")
    if norm not in DUAL:
        raise UnknownName("norm", norm, DUAL)
    down = -y[:, None] * a
    room = torch.where(down > 0, 1 - x, x) * (down != 0)
    length = {"linf": _each, "l2": _along, "l1": _largest}[norm](down.abs(), room, eps)
    return (x + down.sign() * length).clamp(0, 1)


def _each(slope: Tensor, room: Tensor, eps: float) -> Tensor:
    del slope  # however small
    return room.clamp(max=eps)


def _largest(slope: Tensor, room: Tensor, eps: float) -> Tensor:
    order = slope.argsort(dim=1, descending=True)
    wanted = room.gather(1, order)
    spent = wanted.cumsum(dim=1) - wanted
    taken = torch.minimum(wanted, (eps - spent).clamp(min=0))
    return torch.zeros_like(room).scatter(1, order, taken)


def _along(slope: Tensor, room: Tensor, eps: float) -> Tensor:
    low = torch.zeros(len(slope), 1, dtype=torch.float64)
    least = 1e-15 * slope.amax(dim=1, keepdim=True)  # smaller weights are nothing but rounding
    smallest = torch.where(slope > least, slope, torch.inf).amin(dim=1, keepdim=True)
    high = 1 / smallest  # every wall is reached there; 0 for a feature of zeros
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        far = torch.minimum(middle * slope, room).norm(dim=1, keepdim=True) > eps
        low, high = torch.where(far, low, middle), torch.where(far, middle, high)
    return torch.minimum(low * slope, room)

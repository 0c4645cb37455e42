"""Attacks, all called alike: attack(model, x, y, ball, *, generator, ...).

x_adv = pgd(model, x, y, L2(0.5), steps=20, restarts=5, generator=stream(0, "pgd"))
found = pgd.found(model, x, y, L2(0.5), generator=stream(0, "pgd"))    # who broke, and when
attack = bind(pgd, L2(0.5), steps=20)      # an Attack: model, x, y, generator -> images
attack = worst_of(bind(apgd, L2(0.5)), bind(square, L2(0.5), queries=1000))
"""

from collections.abc import Callable, Mapping

from torch import Tensor

from robustlens.attacks.bound import Bound, bind
from robustlens.attacks.ensemble import autoattack, twin_of
from robustlens.attacks.fab import fab
from robustlens.attacks.gradient import (
    apgd,
    apgd_targeted,
    fgsm,
    mi_fgsm,
    pgd,
    pgd_kl,
    pgd_targeted,
    random_search,
)
from robustlens.attacks.method import Found, confirmed
from robustlens.attacks.square import square
from robustlens.attacks.worst import Worst, names, worst_of

ATTACKS: Mapping[str, Callable[..., Tensor]] = {
    method.__name__: method
    for method in (
        autoattack,
        pgd,
        apgd,
        apgd_targeted,
        fab,
        square,
        fgsm,
        mi_fgsm,
        random_search,
    )
}
"""The attacks on norm balls by name, as a command line wants them."""

__all__ = [
    "ATTACKS",
    "Bound",
    "Found",
    "Worst",
    "apgd",
    "apgd_targeted",
    "autoattack",
    "bind",
    "confirmed",
    "fab",
    "fgsm",
    "mi_fgsm",
    "names",
    "pgd",
    "pgd_kl",
    "pgd_targeted",
    "random_search",
    "square",
    "twin_of",
    "worst_of",
]

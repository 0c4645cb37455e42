"""Attacks, all called alike: attack(model, x, y, ball, *, generator, ...).

x_adv = pgd(model, x, y, L2(0.5), steps=20, restarts=5, generator=stream(0, "pgd"))
found = pgd.found(model, x, y, L2(0.5), generator=stream(0, "pgd"))    # who broke, and when
attack = bind(pgd, L2(0.5), steps=20)      # an Attack: model, x, y, generator -> images
"""

from robustlens.attacks.bound import Bound, bind
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
from robustlens.attacks.worst import Worst, names, worst_of

__all__ = [
    "Bound",
    "Found",
    "Worst",
    "apgd",
    "apgd_targeted",
    "bind",
    "confirmed",
    "fgsm",
    "mi_fgsm",
    "names",
    "pgd",
    "pgd_kl",
    "pgd_targeted",
    "random_search",
    "worst_of",
]

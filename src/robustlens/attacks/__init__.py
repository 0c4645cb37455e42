"""Attacks, all called alike: attack(model, x, y, ball, *, generator, ...).

x_adv = pgd(model, x, y, L2(0.5), steps=20, restarts=5, generator=stream(0, "pgd"))
found = pgd.found(model, x, y, L2(0.5), generator=stream(0, "pgd"))    # who broke, and when
attack = bind(pgd, L2(0.5), steps=20)      # an Attack: model, x, y, generator -> images
attack = worst_of(bind(apgd, L2(0.5)), bind(square, L2(0.5), queries=1000))
"""

from robustlens.attacks.bound import Bound, bind
from robustlens.attacks.carlini_wagner import carlini_wagner
from robustlens.attacks.ddn import ddn
from robustlens.attacks.deepfool import deepfool
from robustlens.attacks.ensemble import autoattack, twin_of
from robustlens.attacks.fab import fab
from robustlens.attacks.fmn import fmn
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
from robustlens.attacks.hopskipjump import hopskipjump
from robustlens.attacks.method import Found, confirmed
from robustlens.attacks.nearest import smallest
from robustlens.attacks.square import square
from robustlens.attacks.table import ATTACKS
from robustlens.attacks.transfer import transfer
from robustlens.attacks.transform_attack import transform_search
from robustlens.attacks.worst import Worst, worst_of

__all__ = [
    "ATTACKS",
    "Bound",
    "Found",
    "Worst",
    "apgd",
    "apgd_targeted",
    "autoattack",
    "bind",
    "carlini_wagner",
    "confirmed",
    "ddn",
    "deepfool",
    "fab",
    "fgsm",
    "fmn",
    "hopskipjump",
    "mi_fgsm",
    "pgd",
    "pgd_kl",
    "pgd_targeted",
    "random_search",
    "smallest",
    "square",
    "transfer",
    "transform_search",
    "twin_of",
    "worst_of",
]

"""Attacks, all called alike: attack(model, x, y, ball, *, generator, ...).

x_adv = pgd(model, x, y, L2(0.5), steps=20, restarts=5, generator=stream(0, "pgd"))
attack = bind(pgd, L2(0.5), steps=20)      # an Attack: model, x, y, generator -> images
"""

from robustlens.attacks.bound import Bound, bind
from robustlens.attacks.gradient import fgsm, pgd, pgd_kl, pgd_targeted, random_search

__all__ = ["Bound", "bind", "fgsm", "pgd", "pgd_kl", "pgd_targeted", "random_search"]

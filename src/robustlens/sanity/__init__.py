"""Sanity checks: is a model's robustness real, and is the model used as it should be?

checks = check_model(model, load("cifar10", "test"), L2(0.5))
warned = [check for check in checks if check.warned]
print(*checks, sep="\n")
"""

from robustlens.sanity.check import Check, Outcome
from robustlens.sanity.climb import climb
from robustlens.sanity.landscape import LossSurface, loss_surface
from robustlens.sanity.suite import check_model

__all__ = ["Check", "LossSurface", "Outcome", "check_model", "climb", "loss_surface"]

"""Features: what units of a net and linear probes are worth, alone and against an adversary.

found = leakage(robust_net, made, test)          # what a linear head learns from a made set
"""

from robustlens.features.head import Head, linear_head
from robustlens.features.leakage import Leakage, leakage
from robustlens.features.reading import representation, represented

__all__ = ["Head", "Leakage", "leakage", "linear_head", "representation", "represented"]

"""Threats that are no norm balls: families of changes x -> apply(x, theta), theta in the unit box.

x_adv = transform_search(model, x, y, Spatial(degrees=30, shift=0.1), generator=g)
Corruption("fog", severity=3).apply(x, theta)
"""

from robustlens.threats.corruptions import CORRUPTIONS, Corruption, corrupted
from robustlens.threats.family import Chain, Family, Threat
from robustlens.threats.transforms import Colour, Spatial

__all__ = [
    "CORRUPTIONS",
    "Chain",
    "Colour",
    "Corruption",
    "Family",
    "Spatial",
    "Threat",
    "corrupted",
]

"""Features: what units of a net and linear probes are worth, alone and against an adversary.

r = represented(net, train)                      # what the net sees, (n, f)
probes = Probes.fit(r, train.labels, 10)         # its units, each facing a class
found = scores(net, probes, test, L2(1.5))       # rho and gamma of each, with intervals
table(found)                                     # shares: robust, useful and not robust, useless
leakage(robust_net, made, test).accuracy         # what a linear head learns from a made set
"""

from robustlens.usefulness.head import Head, linear_head
from robustlens.usefulness.leakage import Leakage, leakage
from robustlens.usefulness.probes import Probes
from robustlens.usefulness.reading import noise, representation, represented
from robustlens.usefulness.reliance import margin_shares
from robustlens.usefulness.scoring import scores, table

__all__ = [
    "Head",
    "Leakage",
    "Probes",
    "leakage",
    "linear_head",
    "margin_shares",
    "noise",
    "representation",
    "represented",
    "scores",
    "table",
]

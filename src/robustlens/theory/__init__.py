"""Theory: the talk's theorems as closed forms, with sampling beside them as their check.

One module an idea; each is torch float64 in, exact numbers out, and has a page in docs/theory.
"""

from robustlens.theory.sampling import Sampled, average
from robustlens.theory.two_gaussians import TwoGaussians, dual_norm, worst_change

__all__ = ["Sampled", "TwoGaussians", "average", "dual_norm", "worst_change"]

"""Theory: the talk's theorems as closed forms, with sampling beside them as their check.

    TwoGaussians(mean, covariance).accuracy(w, "linf", eps=0.1)     # exact
    StrongAndWeak(p=0.95, d=1000, eta=0.1).robust_bound(0.99, eps=0.2)

Here are the models; the theorems about each stand in its module and on its page in docs/theory:
`tension`, `sample_complexity` and `bernoulli`, `gaussian`, `concentration`, `low_magnitude`,
`linear_features`. Vectors are float64 tensors (d,), scalars are numbers, labels are +1 and -1.
"""

from robustlens.theory.bernoulli import BernoulliModel
from robustlens.theory.concentration import Sphere
from robustlens.theory.gaussian import RobustGaussian, robust_gaussian
from robustlens.theory.linear_features import LinearFeatures
from robustlens.theory.low_magnitude import CodedParity
from robustlens.theory.minmax import fit_gaussian
from robustlens.theory.sample_complexity import GaussianModel
from robustlens.theory.sampling import Sampled, average
from robustlens.theory.tension import StrongAndWeak
from robustlens.theory.two_gaussians import TwoGaussians, dual_norm, worst_change

__all__ = [
    "BernoulliModel",
    "CodedParity",
    "GaussianModel",
    "LinearFeatures",
    "RobustGaussian",
    "Sampled",
    "Sphere",
    "StrongAndWeak",
    "TwoGaussians",
    "average",
    "dual_norm",
    "fit_gaussian",
    "robust_gaussian",
    "worst_change",
]

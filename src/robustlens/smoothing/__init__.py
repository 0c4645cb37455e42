"""Randomized smoothing: votes of a model under noise, and what they make certain.

for row in certify(model, data, Gaussian(0.25), Sequential()):
    row.predicted, row.radius
certified_accuracy(rows, [0.25, 0.5, 0.75]).rates
"""

from robustlens.nets import Denoised
from robustlens.smoothing.certify import certify
from robustlens.smoothing.noise import Gaussian, Noise, Rounded
from robustlens.smoothing.plan import Fixed, Plan
from robustlens.smoothing.predict import predict
from robustlens.smoothing.reading import (
    Average,
    CertifiedCurve,
    Distribution,
    average_radius,
    certified_accuracy,
    vote_shares,
)
from robustlens.smoothing.records import Certificate, Prediction, tsv, write_tsv
from robustlens.smoothing.saved import certificates
from robustlens.smoothing.sequential import Sequential
from robustlens.smoothing.smoothed import (
    Challenge,
    Smoothed,
    challenge,
    denoised,
    smoothed,
)
from robustlens.smoothing.under_noise import UnderNoise, under_noise
from robustlens.smoothing.upper import upper_bound

__all__ = [
    "Average",
    "Certificate",
    "CertifiedCurve",
    "Challenge",
    "Denoised",
    "Distribution",
    "Fixed",
    "Gaussian",
    "Noise",
    "Plan",
    "Prediction",
    "Rounded",
    "Sequential",
    "Smoothed",
    "UnderNoise",
    "average_radius",
    "certificates",
    "certified_accuracy",
    "certify",
    "challenge",
    "denoised",
    "predict",
    "smoothed",
    "tsv",
    "under_noise",
    "upper_bound",
    "vote_shares",
    "write_tsv",
]

"""The statements of the talk, as a table: id, section of the talk, one plain sentence.

    CLAIMS["robust-erm"].sentence

After A. Madry, "Adversarial Robustness: Theory, Practice, and Beyond". A claim with a study in
`STUDIES` can be run; the others are on the way and are listed as such. Two are ours, on how the
goal of section 2 is measured: security-curve and gradient-masking.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Claim(NamedTuple):
    """A statement of the talk."""

    id: str
    section: int
    sentence: str


SECTIONS: Mapping[int, str] = {
    1: "A change nobody sees",
    2: "The goal: hold against the worst case",
    3: "Harder, and larger nets",
    4: "Less accurate",
    5: "More data",
    7: "The common view: aberrations",
    8: "A simple experiment",
    9: "Robust and non-robust features",
    10: "Our priors and the net's",
    11: "A theory in miniature",
    12: "Robustification",
    13: "Why perturbations transfer",
    14: "What robust training and noise do",
    15: "Data efficiency",
    16: "Perception",
    17: "Representations one can see",
    18: "One classifier, many pictures",
    19: "What comes next",
}
"""The sections of the talk that make claims, in our words; section 6 asks, and 8 to 14 answer."""

_TABLE = (
    ("adversarial-perturbations", 1, "A change nobody sees makes an accurate net wrong."),
    ("robust-erm", 2, "Training against the worst case gives nets that hold under attack."),
    ("security-curve", 2, "Strong attacks agree on robust accuracy, and it ends at nothing."),
    ("gradient-masking", 2, "A net can look robust because the attack is blind."),
    ("harder-training-capacity", 3, "Robust training is harder and asks for larger nets."),
    ("standard-accuracy-curve", 4, "Robust training can lower standard accuracy as data grow."),
    ("tension-theorem", 4, "On some distributions accuracy and robustness exclude each other."),
    ("computational-barrier", 3, "A robust rule may exist and still be too hard to find."),
    ("gaussian-sample-complexity", 5, "Robustness can need far more samples than accuracy."),
    ("linear-vs-threshold", 5, "What robustness costs depends on the family of rules."),
    ("aberration-view", 7, "High dimension alone puts typical points near the error set."),
    ("simple-experiment", 8, "A net trained on labels that look all wrong still classifies."),
    ("experiment-controls", 8, "The critics' controls: what else could explain it."),
    ("features-model", 9, "Useful features divide into robust and non-robust ones."),
    ("robustification", 12, "Standard training on robustified images gives robustness."),
    ("not-batchnorm-alone", 12, "No single ingredient of training alone explains vulnerability."),
    ("transferability-plot", 13, "Perturbations transfer because nets learn the same features."),
    ("human-vs-model-priors", 10, "Only choices made in training align a net with people."),
    ("gaussian-theory", 11, "Robust learning blends the data's covariance with the ball's shape."),
    ("gradient-alignment-theory", 11, "The robust solution's gradient turns to the class means."),
    ("robust-training-prior", 14, "Robust training makes non-robust features useless."),
    ("smoothing-certify", 14, "Votes under noise certify a radius around each image."),
    ("smoothing-sample-saving", 14, "A fixed radius can be certified with far fewer votes."),
    ("smoothing-training", 14, "How a net is trained decides how far it can be certified."),
    ("smoothing-as-prior", 14, "Noise drowns the features that small changes can flip."),
    ("data-efficiency", 15, "Robust accuracy needs more data than standard accuracy."),
    ("perception-alignment", 16, "What a robust net listens to looks like the object."),
    ("representation-inversion", 17, "A robust representation determines its image."),
    ("interpolation", 17, "Any two images morph through a robust representation."),
    ("feature-visualization", 17, "Single units of robust nets show things with names."),
    ("feature-manipulation", 17, "A feature can be added to an image directly."),
    ("feature-sensitivity", 17, "A mistake can be traced to the feature that caused it."),
    ("generation", 18, "A robust classifier generates images of a class."),
    ("image-to-image", 18, "A robust classifier turns one class into another."),
    ("in-painting", 18, "A robust classifier fills holes."),
    ("super-resolution", 18, "A robust classifier enlarges images."),
    ("interactive-class-manipulation", 18, "A person can paint with classes."),
    ("sketch-to-image", 18, "A robust classifier makes an object of a crude sketch."),
    ("paint-with-features", 18, "A person can paint with single features."),
    ("shift-by-representations", 19, "Robust representations may measure distribution shift."),
    ("alignment-at-training-time", 19, "How much alignment is worth depends on what comes after."),
    ("adversary-as-critic", 19, "Another set of changes gives another notion of robustness."),
)
CLAIMS: dict[str, Claim] = {row[0]: Claim(*row) for row in _TABLE}
"""All claims by id, in the order of the talk's table."""

"""The studies that can be run, listed without importing them: id, title, and the module of each.

    LISTED["robust-erm"].title

A module has a `STUDY` of that id and title; a test compares. `claims` has sections and sentences,
and `table` the studies themselves.
"""

from typing import NamedTuple

PRESETS = ("tiny", "quick", "full")
"""Seconds, minutes and hours on two cores; "full" wants an accelerator."""


class Listed(NamedTuple):
    """A study that can be run, before it is imported."""

    id: str
    title: str
    module: str  # in this package


_TABLE = (
    ("adversarial-perturbations", "A change nobody sees", "practice.adversarial_perturbations"),
    ("robust-erm", "Training against the worst case", "practice.robust_erm"),
    ("security-curve", "How far until it falls", "practice.security_curve"),
    ("gradient-masking", "Robust, or only hard to attack?", "practice.gradient_masking"),
    (
        "harder-training-capacity",
        "Training against the worst case wants a larger net",
        "practice.capacity",
    ),
    (
        "standard-accuracy-curve",
        "Robust training helps with few images",
        "practice.standard_accuracy_curve",
    ),
    ("tension-theorem", "Accuracy against robustness", "theory.tension_theorem"),
    ("computational-barrier", "There, and out of reach", "theory.computational_barrier"),
    (
        "gaussian-sample-complexity",
        "Robust accuracy takes more samples",
        "theory.gaussian_sample_complexity",
    ),
    ("linear-vs-threshold", "The right kind of rule needs less data", "theory.linear_vs_threshold"),
    ("aberration-view", "Near everything, in high dimension", "theory.aberration_view"),
    ("simple-experiment", "Right from wrong labels", "features.simple_experiment"),
    ("experiment-controls", "What else could it be?", "features.experiment_controls"),
    ("features-model", "Useful features, robust and not", "features.features_model"),
    ("gaussian-theory", "Two Gaussians, with and without an adversary", "theory.gaussian_theory"),
    (
        "gradient-alignment-theory",
        "Robust gradients point across the classes",
        "theory.gradient_alignment_theory",
    ),
    ("robustification", "Robustness from the images alone", "features.robustification"),
    ("not-batchnorm-alone", "It is the images, not one ingredient", "features.not_batchnorm_alone"),
    (
        "transferability-plot",
        "Who learns from a net falls for its examples",
        "features.transferability_plot",
    ),
    (
        "human-vs-model-priors",
        "Alignment is a matter of training",
        "features.human_vs_model_priors",
    ),
    (
        "robust-training-prior",
        "Robust training gives up what is not robust",
        "features.robust_training_prior",
    ),
    ("data-efficiency", "Robustness needs more images", "practice.data_efficiency"),
    (
        "perception-alignment",
        "Gradients that look like the object",
        "practice.perception_alignment",
    ),
    ("adversary-as-critic", "Another critic, another robustness", "practice.adversary_as_critic"),
)
LISTED: dict[str, Listed] = {row[0]: Listed(*row) for row in _TABLE}
"""What can be run, by id, in the order of the talk."""

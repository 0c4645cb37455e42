"""Studies: every claim of the talk as something to run, with its control and its verdict.

study = STUDIES["robust-erm"]
result = run(study, "quick", study.presets["quick"], folder=Path("runs"))
result.verdict, result.numbers
"""

from robustlens.pictures import (
    Arrow,
    Bar,
    Bars,
    Cell,
    Curves,
    Dots,
    Ellipse,
    Gallery,
    Line,
    Panel,
    Picture,
    Plane,
    Series,
    Sheet,
    Surfaces,
)
from robustlens.result import Number, Result, Verdict
from robustlens.studies.claims import CLAIMS, Claim
from robustlens.studies.features import (
    experiment_controls,
    features_model,
    human_vs_model_priors,
    not_batchnorm_alone,
    robust_training_prior,
    robustification,
    simple_experiment,
    transferability_plot,
)
from robustlens.studies.practice import (
    adversarial_perturbations,
    adversary_as_critic,
    capacity,
    data_efficiency,
    gradient_masking,
    perception_alignment,
    robust_erm,
    security_curve,
    standard_accuracy_curve,
)
from robustlens.studies.registry import PRESETS, Bench, Findings, Study, preset, run
from robustlens.studies.theory import (
    aberration_view,
    computational_barrier,
    gaussian_sample_complexity,
    gaussian_theory,
    gradient_alignment_theory,
    linear_vs_threshold,
    tension_theorem,
)

STUDIES: dict[str, Study] = {
    module.STUDY.id: module.STUDY
    for module in (
        adversarial_perturbations,
        robust_erm,
        security_curve,
        gradient_masking,
        capacity,
        standard_accuracy_curve,
        tension_theorem,
        computational_barrier,
        gaussian_sample_complexity,
        linear_vs_threshold,
        aberration_view,
        simple_experiment,
        experiment_controls,
        features_model,
        gaussian_theory,
        gradient_alignment_theory,
        robustification,
        not_batchnorm_alone,
        transferability_plot,
        human_vs_model_priors,
        robust_training_prior,
        data_efficiency,
        perception_alignment,
        adversary_as_critic,
    )
}
"""The studies that can be run, by id, in the order of the talk."""

__all__ = [
    "CLAIMS",
    "PRESETS",
    "STUDIES",
    "Arrow",
    "Bar",
    "Bars",
    "Bench",
    "Cell",
    "Claim",
    "Curves",
    "Dots",
    "Ellipse",
    "Findings",
    "Gallery",
    "Line",
    "Number",
    "Panel",
    "Picture",
    "Plane",
    "Result",
    "Series",
    "Sheet",
    "Study",
    "Surfaces",
    "Verdict",
    "preset",
    "run",
]

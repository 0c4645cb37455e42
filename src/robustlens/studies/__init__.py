"""Studies: every claim of the talk as something to run, with its control and its verdict.

study = STUDIES["robust-erm"]
result = run(study, "quick", study.presets["quick"], folder=Path("runs"))
result.verdict, result.numbers
"""

import importlib

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
from robustlens.registry import PRESETS, Bench, Findings, Study, preset, run
from robustlens.result import Number, Result, Verdict
from robustlens.studies.claims import CLAIMS, Claim

MODULES = (
    "practice.adversarial_perturbations",
    "practice.robust_erm",
    "practice.security_curve",
    "practice.gradient_masking",
    "practice.capacity",
    "practice.standard_accuracy_curve",
    "theory.tension_theorem",
    "theory.computational_barrier",
    "theory.gaussian_sample_complexity",
    "theory.linear_vs_threshold",
    "theory.aberration_view",
    "features.simple_experiment",
    "features.experiment_controls",
    "features.features_model",
    "theory.gaussian_theory",
    "theory.gradient_alignment_theory",
    "features.robustification",
    "features.not_batchnorm_alone",
    "features.transferability_plot",
    "features.human_vs_model_priors",
    "features.robust_training_prior",
    "practice.data_efficiency",
    "practice.perception_alignment",
    "practice.adversary_as_critic",
)
"""A module for each study, in the order of the talk; each registers its `STUDY`."""
STUDIES: dict[str, Study] = {
    study.id: study for study in (importlib.import_module(f"{__name__}.{m}").STUDY for m in MODULES)
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

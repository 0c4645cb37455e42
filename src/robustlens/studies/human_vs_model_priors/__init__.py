"""The study `human-vs-model-priors`: see `study`."""

from robustlens.studies.human_vs_model_priors.study import STUDY

__all__ = ["STUDY"]

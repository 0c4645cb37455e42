"""The study `features-model`: see `study`."""

from robustlens.studies.features_model.study import STUDY

__all__ = ["STUDY"]

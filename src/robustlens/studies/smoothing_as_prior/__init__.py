"""The study `smoothing-as-prior`: see `study`."""

from robustlens.studies.smoothing_as_prior.study import STUDY

__all__ = ["STUDY"]

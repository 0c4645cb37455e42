"""The study `smoothing-sample-saving`: see `study`."""

from robustlens.studies.smoothing_sample_saving.study import STUDY

__all__ = ["STUDY"]

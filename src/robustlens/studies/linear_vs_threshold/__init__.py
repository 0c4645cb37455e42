"""The study `linear-vs-threshold`: see `study`."""

from robustlens.studies.linear_vs_threshold.study import STUDY

__all__ = ["STUDY"]

"""The study `transferability-plot`: see `study`."""

from robustlens.studies.transferability_plot.study import STUDY

__all__ = ["STUDY"]

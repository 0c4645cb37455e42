"""The study `aberration-view`: see `study`."""

from robustlens.studies.aberration_view.study import STUDY

__all__ = ["STUDY"]

"""What a single unit wants to see: see `study`."""

from robustlens.studies.feature_visualization.study import STUDY

__all__ = ["STUDY"]

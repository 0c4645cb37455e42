"""The study `experiment-controls`: see `study`."""

from robustlens.studies.experiment_controls.study import STUDY

__all__ = ["STUDY"]

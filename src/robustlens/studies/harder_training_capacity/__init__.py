"""The study `harder-training-capacity`: see `study`."""

from robustlens.studies.harder_training_capacity.study import STUDY

__all__ = ["STUDY"]

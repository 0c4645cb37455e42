"""The study `robust-training-prior`: see `study`."""

from robustlens.studies.robust_training_prior.study import STUDY

__all__ = ["STUDY"]

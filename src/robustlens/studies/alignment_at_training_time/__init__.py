"""The study `alignment-at-training-time`: see `study`."""

from robustlens.studies.alignment_at_training_time.study import STUDY

__all__ = ["STUDY"]

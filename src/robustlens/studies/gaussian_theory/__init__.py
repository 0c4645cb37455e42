"""The study `gaussian-theory`: see `study`."""

from robustlens.studies.gaussian_theory.study import STUDY

__all__ = ["STUDY"]

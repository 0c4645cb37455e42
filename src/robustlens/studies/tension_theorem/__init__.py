"""The study `tension-theorem`: see `study`."""

from robustlens.studies.tension_theorem.study import STUDY

__all__ = ["STUDY"]

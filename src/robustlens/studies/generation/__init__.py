"""The study `generation`: see `study`."""

from robustlens.studies.generation.study import STUDY

__all__ = ["STUDY"]

"""The study `computational-barrier`: see `study`."""

from robustlens.studies.computational_barrier.study import STUDY

__all__ = ["STUDY"]

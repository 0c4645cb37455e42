"""The study `shift-by-representations`: see `study`."""

from robustlens.studies.shift_by_representations.study import STUDY

__all__ = ["STUDY"]

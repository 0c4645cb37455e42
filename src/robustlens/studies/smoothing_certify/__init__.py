"""The study `smoothing-certify`: see `study`."""

from robustlens.studies.smoothing_certify.study import STUDY

__all__ = ["STUDY"]

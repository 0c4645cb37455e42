"""The lab: a page on which a person explores the data space with a robust classifier.

A face of the tools of `vision`: it adds strokes, steps one can watch, and a way back.
"""

from robustlens.web.app import lab_app
from robustlens.web.desk import Pair

__all__ = ["Pair", "lab_app"]

"""The study `sketch-to-image`: see `study`."""

from robustlens.studies.sketch_to_image.study import STUDY

__all__ = ["STUDY"]

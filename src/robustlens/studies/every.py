"""All studies at once: importing this imports each of them, and so registers it as a task."""

from robustlens.studies.table import STUDIES

ALL = tuple(STUDIES.values())
"""The studies, in the order of the talk."""

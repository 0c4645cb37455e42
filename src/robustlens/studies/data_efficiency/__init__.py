"""The study `data-efficiency`: see `study`."""

from robustlens.studies.data_efficiency.study import STUDY

__all__ = ["STUDY"]

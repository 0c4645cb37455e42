"""Which robustlens this is."""

__version__ = "0.1.0"

"""Adversarial robustness as a lens on what models learn."""

__version__ = "0.1.0"

"""The names of the presets that a task may have, from small to large."""

PRESETS = ("tiny", "quick", "full")
"""Seconds, minutes and hours on two cores; "full" wants an accelerator."""

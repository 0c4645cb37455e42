"""What the commands about models say in the same words."""

from collections.abc import Mapping
from typing import Any


def short(validation: Mapping[str, Any]) -> str:
    """Return the accuracies of the selected epoch in words."""
    clean, attacked = validation.get("clean_accuracy"), validation.get("pgd_accuracy")
    words = [] if clean is None else [f"clean accuracy {clean:.1%}"]
    return ", ".join(words + ([] if attacked is None else [f"PGD accuracy {attacked:.1%}"]))

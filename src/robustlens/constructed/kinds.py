"""The words that say how a set is made."""

from typing import Literal

Hold = Literal["class", "logits"]
"""What of a net must not move: the log-probability of the true class, or all logits."""

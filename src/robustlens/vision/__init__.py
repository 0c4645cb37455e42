"""What models see: gradients at the pixels, and (to come) representations and synthesis."""

from robustlens.vision.gradients import (
    class_means,
    cosine,
    high_frequency_share,
    loss_gradient,
    picture,
    runner_up,
)

__all__ = [
    "class_means",
    "cosine",
    "high_frequency_share",
    "loss_gradient",
    "picture",
    "runner_up",
]

"""What models see: gradients at the pixels, and explanations that are made of them."""

from robustlens.vision.explain import (
    blurred,
    blurred_gradient,
    gradient_times_input,
    integrated_gradients,
    smooth_gradient,
)
from robustlens.vision.gradients import (
    class_means,
    cosine,
    high_frequency_share,
    loss_gradient,
    picture,
    runner_up,
)

__all__ = [
    "blurred",
    "blurred_gradient",
    "class_means",
    "cosine",
    "gradient_times_input",
    "high_frequency_share",
    "integrated_gradients",
    "loss_gradient",
    "picture",
    "runner_up",
    "smooth_gradient",
]

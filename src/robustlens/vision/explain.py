"""Explanations made after training: pictures of the pixels that an objective hangs on.

    objective = misclassify(model, y)
    with frozen(model):
        s = smooth_gradient(objective, x, generator=stream(0, "smooth"))
        a = integrated_gradients(objective, x)           # a.flatten(1).sum(1): f(x) - f(black)

All take an objective, one value per example, and return one number per pixel. The two gradients
say how a value changes near x: each is the exact gradient of another function, the objective
averaged under noise or read through a blur. The two products share out a difference of values
among pixels. None changes the model.
"""

import math

import torch

from robustlens.ascend import value_and_gradient
from robustlens.errors import InputError
from robustlens.streams import Draws, noisy
from robustlens.types import Images, Objective, Points


def smooth_gradient(
    objective: Objective,
    x: Points,
    *,
    sigma: float = 0.15,
    samples: int = 50,
    generator: torch.Generator,
) -> Points:
    """Return the mean gradient at `samples` noisy copies of x: SmoothGrad.

    An estimate of the gradient of E f(x + N(0, sigma^2)), exact where f is linear. Copies are not
    clipped, and the noise belongs to the images, whatever their batch.
    Source: Smilkov et al. 2017, section 2; noise of 0.1 to 0.2 of the range of pixels and about
    50 samples are theirs.

    Args:
        sigma: of the noise, in the units of x; 0 gives the plain gradient.

    Raises:
        InputError: sigma < 0 or samples < 1.
    """
    if not (sigma >= 0 and samples >= 1):
        raise InputError(f"sigma {sigma}, samples {samples}", "sigma >= 0 and samples >= 1")
    draws = Draws.of(x, generator)
    total = torch.zeros_like(x)
    for _ in range(samples):
        total += value_and_gradient(objective, noisy(x, sigma, draws))[1]
    return total / samples


def gradient_times_input(
    objective: Objective, x: Points, *, baseline: Points | None = None
) -> Points:
    """Return (x - baseline) * gradient: the share of each pixel, were the objective linear.

    Without `baseline` it is black, and the picture is multiplied by the image: dark pixels get
    nothing whatever the model does. Source: Shrikumar et al. 2016.
    """
    return _from(baseline, x) * value_and_gradient(objective, x)[1]


def integrated_gradients(
    objective: Objective, x: Points, *, baseline: Points | None = None, steps: int = 50
) -> Points:
    """Return (x - baseline) * the mean gradient on the straight way from the baseline to x.

    The shares of an image add up to f(x) - f(baseline) (completeness), up to the error of the
    midpoint rule with `steps` points: none where the gradient is linear on the way, else it falls
    with 1 / steps^2 where it is smooth. Without `baseline` it is black.
    Source: Sundararajan, Taly, Yan 2017, equation 1 and proposition 1; 20 to 300 steps are theirs.

    Raises:
        InputError: steps < 1.
    """
    if steps < 1:
        raise InputError(f"steps is {steps}", "at least 1, as 50", "change steps")
    way, total = _from(baseline, x), torch.zeros_like(x)
    for k in range(steps):
        total += value_and_gradient(objective, x - (1 - (k + 0.5) / steps) * way)[1]
    return way * total / steps


def blurred_gradient(objective: Objective, x: Images, *, sigma: float = 1.0) -> Images:
    """Return the gradient of x -> f(blurred(x)): f read through a blur of `sigma` pixels.

    By the chain rule it is the gradient at the blurred image, blurred itself.
    """
    return value_and_gradient(lambda sharp: objective(blurred(sharp, sigma)), x)[1]


def blurred(x: Images, sigma: float) -> Images:
    """Return images under a Gaussian blur of `sigma` pixels; what leaves at an edge comes back
    at the opposite one. A wave of f cycles per pixel keeps exp(-2 pi^2 sigma^2 f^2) of itself.

    Raises:
        InputError: sigma < 0.
    """
    if not sigma >= 0:
        raise InputError(f"sigma is {sigma}", "a number of pixels >= 0", "change sigma")
    rows, columns = (torch.fft.fftfreq(n, dtype=x.dtype, device=x.device) for n in x.shape[2:])
    squares = rows[:, None].square() + columns.square()
    kept = torch.exp(-2 * math.pi**2 * sigma**2 * squares)
    soft: Images = torch.fft.ifft2(torch.fft.fft2(x) * kept).real
    return soft


def _from(baseline: Points | None, x: Points) -> Points:
    return x.detach() if baseline is None else x.detach() - baseline

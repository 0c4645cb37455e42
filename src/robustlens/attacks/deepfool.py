"""DeepFool: step after step to the nearest boundary of the linearised model.

x_near = deepfool(model, x, y, L2(0.5), steps=50)
distances = smallest(bind(deepfool, Linf(1.0)), model, x, y, generator)   # attacks.nearest
"""

import torch
from torch import Tensor

from robustlens.ascend import gradient_of
from robustlens.attacks.method import Found, attack, rivals, staying
from robustlens.attacks.nearest import FIRM, Nearest, search
from robustlens.balls import L2, Ball, Linf, norm_of
from robustlens.errors import InputError
from robustlens.norms import Norm, per_example
from robustlens.types import Images, Labels, Logits, Model, Values

BEYOND = 1e-4
"""Added to the logit gap, as in the authors' code, so that a step does not end on the boundary.
A tenth of the clean image's gap where that is far smaller, and at least a rounding of the logits;
twice as much after each point that stands no further from the boundary and is not wrong yet."""
LOOK_EVERY = 4
"""Steps after which finished images may leave."""


@attack
def deepfool(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    steps: int = 50,
    overshoot: float = 0.02,
    classes: int = 10,
    twin: Model | None = None,
    generator: torch.Generator | None = None,
) -> Found:
    """Return images that the model gets wrong near x, by steps to the nearest linear boundary.

    Each step takes the gradients of the likeliest classes and goes to the nearest of the planes
    on which one of their linearised logits equals that of y. An image is finished as soon as its
    sum of steps, times 1 + overshoot and clipped to the box, is classified wrongly; then the line
    back to x is searched on the model (12 forward passes), which the paper does not do.
    Deterministic. Source: Moosavi-Dezfooli et al. 2016, Algorithm 2 (l2) and section 3.3 (l-inf).

    Args:
        model: images in [0, 1] to logits; put in evaluation mode meanwhile if it is a module.
        x, y: images (b, c, h, w) and their true labels (b,).
        ball: `L2` or `Linf`: where the perturbation found is larger than its eps, the clean image
            is returned and counts as a failure. `L2(sqrt(d))` and `Linf(1.0)` never bind.
        steps: linearisations at most; each costs one forward and `classes` backward passes.
        overshoot: how far beyond the planes the images are placed, as a share.
        classes: how many classes count, the likeliest at x, y among them.
        twin: a faster model to search on; what it finds, the model confirms at the end, or up to
            10 % further out.

    Raises:
        InputError: bad images, labels, steps, overshoot or classes, or a ball of another kind.
    """
    norm = norm_of(ball, (Linf, L2))
    for name, value, least in (
        ("steps", steps, 1), ("overshoot", overshoot, 0), ("classes", classes, 2),
    ):  # fmt: skip
        if not value >= least:
            raise InputError(f"{name} is {value}", f"at least {least}", f"change {name}")

    def walk(nearest: Nearest) -> None:
        others = rivals(nearest.seen(nearest.x), nearest.y, classes - 1)
        total, here = torch.zeros_like(nearest.x), nearest
        rows = torch.arange(len(total), device=total.device)
        margin = nearest.firm / FIRM
        beyond = torch.where(margin > BEYOND / 10, BEYOND, margin / 10)
        for step in range(steps + 1):
            point = (here.x + (1 + overshoot) * total).clamp_(0.0, 1.0)
            z, gaps, slopes = _linearised(here, point, others)
            here.keep(z, point, step)
            if step % LOOK_EVERY == 0:
                here.confirm()
            open_ = here.met.length == torch.inf
            beyond = beyond.maximum(torch.finfo(z.dtype).eps * z.amax(dim=1).abs())
            step_on = _step(norm, gaps, slopes, beyond)
            beyond = torch.where(gaps.abs().amin(dim=0) <= beyond, 2 * beyond, beyond)
            total = total + torch.where(per_example(open_, total), step_on, 0.0)
            stay = staying(~open_) if step % LOOK_EVERY == 0 else None
            if stay is not None:
                nearest.take(rows, here)
                rows, total, others = rows[stay], total[stay], others[stay]
                here, beyond = nearest.some(rows), beyond[stay]
            if not len(rows):
                break
        nearest.take(rows, here)

    return search(model, x, y, ball, norm, walk, twin)


def _linearised(here: Nearest, point: Images, others: Tensor) -> tuple[Logits, Tensor, Tensor]:
    """Return the logits, and z_k - z_y with its gradient for each other k: (r, b), (r, b, ...)."""
    with torch.enable_grad():
        moved = point.detach().requires_grad_(True)
        z = here.seen(moved)
        gaps = (z.gather(1, others) - z.gather(1, here.y[:, None])).unbind(dim=1)
        slopes = torch.stack([gradient_of(gap, moved, again=True) for gap in gaps])
    slopes = slopes.nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)
    return z.detach(), torch.stack(gaps).detach(), slopes


def _step(norm: Norm, gaps: Tensor, slopes: Tensor, beyond: Values) -> Images:
    """Return the shortest step to one of the planes, and beyond; 0 where it is no number."""
    least = torch.finfo(gaps.dtype).tiny
    size = torch.stack([norm.dual(slope) for slope in slopes]).clamp_min(least)
    far = gaps.abs() / size
    best = far.argmin(dim=0)
    pick = (best, torch.arange(len(best), device=best.device))
    length = (gaps.abs()[pick] + beyond) / size[pick]
    slope = slopes[pick]
    step = norm.direction(slope) * per_example(length, slope)
    return step.nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)

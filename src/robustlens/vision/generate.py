"""Pictures of a class out of nothing but a blurred guess.

made = generate(model, seeds, seeds.labels("ship", 25), generator=stream(0, "ships"))
"""

import torch

from robustlens.types import Labels, Model
from robustlens.vision.made import Made, Walk, wander
from robustlens.vision.pushing import pushed
from robustlens.vision.seeds import Seeds

RMS, STEPS = 0.22, 60
"""For 32 x 32 colour images: L2(12), 60 steps of 0.5."""


def generate(
    model: Model,
    seeds: Seeds,
    labels: Labels,
    *,
    walk: Walk | None = None,
    generator: torch.Generator,
) -> Made:
    """Return one picture a label: a seed of its class, pushed towards that class.

    Source: Santurkar et al. 2019, section 3 (l2 30, 60 steps of 0.5 for CIFAR-10; l2 40, 60 steps
    of 1 at 224 pixels). Pictures are as good as the net: a standard net gives noise, and a net
    trained at a small radius gives textures. Inception Score ranks such pictures above those of
    large generative models, and is fooled; see `measures` for what is less so.

    Raises:
        InputError: a label that is no class of the seeds or of the model, or seeds of images that
            the model does not take.
    """
    start = seeds.sample(labels, generator)
    return pushed("generate", model, start, labels, walk or wander(start, RMS, STEPS))

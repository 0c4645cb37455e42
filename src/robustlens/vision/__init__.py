"""One classifier as a vision toolbox: pictures by gradient ascent, and what models see.

    seeds = vision.Seeds.fit(data)
    made = vision.generate(model, seeds, seeds.labels("ship", 8), generator=stream(0, "ships"))
    vision.inpaint(model, x, mask); vision.upscale(model, small, 4); vision.invert(model, x, start)

A tool is one call of `ascend` with its own objective, ball and start. There is no prior, no
regularisation and no post-processing: a picture shows what the net knows.
"""

import typing

from robustlens import lazy

if typing.TYPE_CHECKING:
    from robustlens.nets.reading import reader
    from robustlens.vision import measures
    from robustlens.vision.addition import add_feature
    from robustlens.vision.controls import (
        MultiResolution,
        generate_with_prior,
        with_prior,
    )
    from robustlens.vision.explain import (
        blurred,
        blurred_gradient,
        gradient_times_input,
        integrated_gradients,
        smooth_gradient,
    )
    from robustlens.vision.generate import generate
    from robustlens.vision.gradients import (
        class_means,
        cosine,
        high_frequency_share,
        loss_gradient,
        picture,
        runner_up,
    )
    from robustlens.vision.inpaint import inpaint
    from robustlens.vision.interpolate import interpolate
    from robustlens.vision.invert import invert
    from robustlens.vision.made import Made, Walk, wander
    from robustlens.vision.morph import morph
    from robustlens.vision.paint import paint_feature
    from robustlens.vision.seeds import Seeds
    from robustlens.vision.sensitivity import (
        Sensitivity,
        ablated,
        feature_sensitivity,
        unit_shares,
    )
    from robustlens.vision.sketch import from_sketch
    from robustlens.vision.starts import class_of, enlarged, mean_filled, noise
    from robustlens.vision.straight import Ablation, ablation, straight_through
    from robustlens.vision.translate import translate
    from robustlens.vision.units import Exemplars, activations, exemplars
    from robustlens.vision.upscale import upscale
    from robustlens.vision.visualize import visualize_feature

__all__ = [
    "Ablation",
    "Exemplars",
    "Made",
    "MultiResolution",
    "Seeds",
    "Sensitivity",
    "Walk",
    "ablated",
    "ablation",
    "activations",
    "add_feature",
    "blurred",
    "blurred_gradient",
    "class_means",
    "class_of",
    "cosine",
    "enlarged",
    "exemplars",
    "feature_sensitivity",
    "from_sketch",
    "generate",
    "generate_with_prior",
    "gradient_times_input",
    "high_frequency_share",
    "inpaint",
    "integrated_gradients",
    "interpolate",
    "invert",
    "loss_gradient",
    "mean_filled",
    "measures",
    "morph",
    "noise",
    "paint_feature",
    "picture",
    "reader",
    "runner_up",
    "smooth_gradient",
    "straight_through",
    "translate",
    "unit_shares",
    "upscale",
    "visualize_feature",
    "wander",
    "with_prior",
]

lazy.names(__name__, {
    "robustlens.nets.reading": "reader",
    "robustlens.vision.addition": "add_feature",
    "robustlens.vision.controls": "MultiResolution generate_with_prior with_prior",
    "robustlens.vision.explain": (
        "blurred blurred_gradient gradient_times_input integrated_gradients "
        "smooth_gradient"
    ),
    "robustlens.vision.generate": "generate",
    "robustlens.vision.gradients": (
        "class_means cosine high_frequency_share loss_gradient picture runner_up"
    ),
    "robustlens.vision.inpaint": "inpaint",
    "robustlens.vision.interpolate": "interpolate",
    "robustlens.vision.invert": "invert",
    "robustlens.vision.made": "Made Walk wander",
    "robustlens.vision.morph": "morph",
    "robustlens.vision.paint": "paint_feature",
    "robustlens.vision.seeds": "Seeds",
    "robustlens.vision.sensitivity": "Sensitivity ablated feature_sensitivity unit_shares",
    "robustlens.vision.sketch": "from_sketch",
    "robustlens.vision.starts": "class_of enlarged mean_filled noise",
    "robustlens.vision.straight": "Ablation ablation straight_through",
    "robustlens.vision.translate": "translate",
    "robustlens.vision.units": "Exemplars activations exemplars",
    "robustlens.vision.upscale": "upscale",
    "robustlens.vision.visualize": "visualize_feature",
})  # fmt: skip

"""A crude sketch, and what a robust net makes of it when told what it is."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robustlens.data.augment import unit
from robustlens.errors import InputError
from robustlens.pictures import Picture
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.studies.kit.judges import CIFAR, FASHION, ROBUST, STANDARD, Nets, Trio
from robustlens.studies.kit.synthesis import (
    bars,
    better,
    gain,
    gallery,
    in_parts,
    means,
    rates,
    recognised,
    rows,
)
from robustlens.studies.kit.words import first_of_each
from robustlens.studies.sketch_to_image.drawing import Placed, drawn
from robustlens.studies.sketch_to_image.sketches import SKETCHES
from robustlens.types import Images, Labels
from robustlens.vision import from_sketch
from robustlens.vision.made import wander
from robustlens.vision.measures import nearest, ssim
from robustlens.vision.sketch import RMS

SKETCH, NEAREST = "sketch (baseline)", "nearest training image (baseline)"
HALF = 0.5
"""The rule: in how many pictures the judge must see the class that was drawn."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Nets that make pictures of sketches, a net that judges, and how often each is varied."""

    nets: Trio = FASHION
    variations: int = 10  # of each sketch: moved, scaled, brighter
    steps: int = 60
    reference: int = 2000  # training images, alike from every class, for the nearest; 0: all
    shown: int = 10  # rows of the picture
    seed: int = 0

    def __post_init__(self) -> None:
        if self.variations < 1 or self.reference < 0:
            raise InputError(
                f"variations {self.variations}, reference {self.reference}",
                "at least 1 of each sketch, reference >= 0",
            )


def study(config: Config, bench: Bench) -> Findings:
    """Draw sketches, hand them to both nets with their class, ask the judge what it sees."""
    nets, train = config.nets.taken(bench), config.nets.robust.dataset()
    train = train.take(config.reference) if config.reference else train
    x, y = sketches(nets.classes, train.shape, config.variations, config.seed)
    x, y = x.to(bench.device), y.to(bench.device)
    made = versions(config, nets, x, y)
    reference = unit(train.images).to(bench.device)
    close = nearest(x.flatten(1), reference.flatten(1)).place[:, 0]
    made[NEAREST] = reference[close]
    seen = recognised(nets, made, y)
    likeness = {name: ssim(images, x) for name, images in made.items() if name != SKETCH}
    gains = compared(seen)
    numbers = {
        **gains,
        **rates(seen, "the judge sees the class that was drawn"),
        **means(likeness, "SSIM to the sketch"),
    }
    judged = {name: numbers[f"{name}: the judge sees the class that was drawn"] for name in seen}
    return Findings(
        judge(gains, judged[ROBUST]),
        f"Of {len(x)} sketches of {len(set(y.tolist()))} classes the judge sees what was drawn in "
        f"{judged[SKETCH].value:.1%} as they are, in {judged[ROBUST].value:.1%} after the robust "
        f"net, {judged[STANDARD].value:.1%} after the standard one; the nearest training image "
        f"shows it in {judged[NEAREST].value:.1%}.",
        numbers,
        _pictures(config, nets, made, y, judged),
        config.seed,
        {train.name: train.digest},
    )


def judge(gains: dict[str, Number], robust: Number) -> Verdict:
    """Apply the rule: every difference above 0, and half of the robust net's seen."""
    good = robust.value >= HALF and all(better(number) for number in gains.values())
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def compared(seen: dict[str, Tensor]) -> dict[str, Number]:
    """Return the differences that decide, the robust net minus another, sketch by sketch."""
    return {
        f"judge's accuracy, robust net minus {words}": gain(seen[ROBUST], seen[name])
        for name, words in ((STANDARD, "standard net"), (SKETCH, "sketch"))
    }


def sketches(
    classes: tuple[str, ...], shape: tuple[int, int, int], variations: int, seed: int
) -> tuple[Images, Labels]:
    """Return variations of the sketch of each class that has one, with the classes.

    Raises `InputError` where fewer than two classes have one.
    """
    known = [(k, name) for k, name in enumerate(classes) if name in SKETCHES]
    if len(known) < 2:
        raise InputError(
            f"classes {', '.join(classes)}", f"some of {', '.join(SKETCHES)}", "change nets"
        )
    pairs = [(k, name, i) for i in range(variations) for k, name in known]
    x = [drawn(SKETCHES[name], shape, Placed.at_random(seed, name, i)) for _, name, i in pairs]
    return torch.stack(x), torch.tensor([k for k, _, _ in pairs])


def versions(config: Config, nets: Nets, x: Images, y: Labels) -> dict[str, Images]:
    """Return the sketches, and what each net makes of them."""
    walk = wander(x, RMS, config.steps)
    made = {SKETCH: x}
    for name, net in nets.makers.items():
        tool = lambda part, k, net=net: from_sketch(net, part, k, walk=walk)  # noqa: E731
        made[name] = in_parts(f"from sketches: {name}", tool, x, y).images
    return made


def _pictures(
    config: Config, nets: Nets, made: dict[str, Images], y: Labels, judged: dict[str, Number]
) -> tuple[Picture, ...]:
    at = first_of_each(y.cpu(), torch.ones(len(y), dtype=torch.bool), config.shown)
    order = (SKETCH, ROBUST, STANDARD, NEAREST)
    return (
        gallery(
            nets,
            "sketches",
            "The first sketch of each class; what each net makes of it, told what it is; and the "
            "training image nearest to the sketch in pixels. Green where the judge, a net that "
            "made none of them, sees what was drawn. Look whether the layout stays.",
            {name: rows(made[name], at) for name in order},
            y[at],
        ),
        bars(
            "recognised",
            "In how many pictures the judge sees what was drawn.",
            "judge's accuracy",
            {name: judged[name] for name in order},
        ),
    )


STUDY = Study(
    id="sketch-to-image",
    title="From a sketch to an object",
    claim="A robust classifier turns a crude colour sketch into an object of a class.",
    rule="Reproduced if the judge sees the class that was drawn in at least half of what the "
    "robust net makes of the sketches, and, compared sketch by sketch with a 95 % interval above "
    "0, in more of it than of what the standard net makes and than of the sketches themselves. "
    "The sketches are one drawing a class, moved, scaled and made brighter by seed: the intervals "
    "are over these variations, not over drawings by other hands. SSIM to the sketch and the "
    "nearest training image are shown and do not decide.",
    published="Pictures only (Santurkar et al. 2019, section 4.4, Figure 7: sketches at 224 "
    "pixels), so the claim is compared in direction.",
    presets={
        "tiny": Config(variations=1, steps=5, reference=100, shown=3),
        "quick": Config(),
        "full": Config(nets=CIFAR, variations=50, reference=5000),
    },
    function=study,
)
register(STUDY)

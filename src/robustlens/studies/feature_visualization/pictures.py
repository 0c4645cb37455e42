"""Galleries of units: seed, picture, natural images; and the three columns."""

from torch import Tensor

from robustlens.data.augment import unit as to_unit
from robustlens.pictures import Bar, Bars, Cell, Gallery
from robustlens.result import Number
from robustlens.studies.feature_visualization.measures import CLOSEST, IMAGES, NOISE, PRIOR, Found
from robustlens.studies.kit.representations import Twins
from robustlens.studies.kit.words import mean
from robustlens.vision import Made


def _chosen(found: Found, count: int) -> list[int]:
    """Return which of the drawn units are shown: evenly by position, not by looks."""
    n = len(found.units)
    return [k * n // min(count, n) for k in range(min(count, n))]


def _natural(one: Twins, places: Tensor) -> list[Cell]:
    images = to_unit(one.test.images[places.to(one.test.images.device)])
    return [
        Cell(image, f"{one.test.classes[int(one.test.labels[place])]} ({place})")
        for image, place in zip(images, places.tolist(), strict=True)
    ]


def browsed(one: Twins, found: Found, shown: int, natural: int) -> Gallery:
    """Return the page of units: seed, picture, the most and the least activating images."""
    images = found.by[IMAGES].made
    rows = []
    for i in _chosen(found, shown):
        unit = int(found.units[i])
        drawn = images.numbers
        cells = [
            Cell(images.start[i], f"unit {unit}: {float(drawn['before'][i]):.2f}"),
            Cell(images.images[i], f"{float(drawn['after'][i]):.2f}", "good"),
            Cell(found.by[NOISE].made.images[i], _from_noise(found.by[NOISE].made, i), "good"),
        ]
        cells += _natural(one, found.known.most(unit, natural))
        cells += _natural(one, found.known.least(unit, natural))
        rows.append(tuple(cells))
    return Gallery(
        f"units-{one.name}",
        f"{one.name}, robust net: a test image, the same with one unit of the penultimate layer "
        "raised as far as the walk brings it, the same from noise, and the test images that the "
        "unit answers to most and least. A unit that is off everywhere has no "
        "gradient and stays. A picture shows the extreme of a unit and can be forged; "
        "the natural images cannot.",
        ("seed", "unit raised", "unit raised", *["most"] * natural, *["least"] * natural),
        tuple(rows),
    )


def columns(one: Twins, by: dict[str, Found], shown: int) -> Gallery:
    """Return the three columns: robust and standard without a prior, standard with one."""
    robust, standard = by["robust"], by["standard"]
    rows = []
    pairs = zip(_chosen(robust, shown), _chosen(standard, shown), strict=False)
    for i, j in pairs:
        mine, theirs = int(robust.units[i]), int(standard.units[j])
        rows.append(
            (
                *_natural(one, robust.known.most(mine, 1)),
                Cell(robust.by[NOISE].made.images[i], f"unit {mine}", "good"),
                *_natural(one, standard.known.most(theirs, 1)),
                Cell(standard.by[NOISE].made.images[j], f"unit {theirs}", "bad"),
                Cell(standard.by[PRIOR].made.images[j], f"unit {theirs}"),
            )
        )
    return Gallery(
        f"columns-{one.name}",
        f"{one.name}: units from noise. What the robust net gives without any prior comes from "
        "the net; what the standard net gives only with a prior (an image as a sum over "
        "resolutions, shifted and under noise) comes from the prior: a control. Units of the two "
        "nets have nothing to do with each other, so the image that activates each most stands "
        "before it.",
        ("robust: most activating", "robust, no prior", "standard: most activating",
         "standard, no prior", "standard, with a prior (control)"),
        tuple(rows),
    )  # fmt: skip


def bars(one: Twins, by: dict[str, Found]) -> Bars:
    """Return the rank correlations of both nets, beside the controls."""
    rows = []
    for how in (NOISE, PRIOR):
        for name, found in by.items():
            tone = "plain" if how == PRIOR else "good" if name == "robust" else "bad"
            rows.append(_bar(f"{name} net, {how}", mean(found.by[how].rank), tone))
    for name, found in by.items():
        rows.append(_bar(f"{name} net, {NOISE}: any images", mean(found.by[NOISE].others), "plain"))
    return Bars(
        f"ranks-{one.name}",
        f"{one.name}: rank correlation of the layer's activations at a picture with those at the "
        f"{CLOSEST} images that activate its unit most (the last two: with images at random). "
        "Where it is low the picture goes another way through the net than what it stands for; "
        "below 0 it is drawn as 0.",
        "rank correlation",
        tuple(rows),
    )


def _from_noise(made: Made, i: int) -> str:
    """Return a unit's activation in a picture from noise, or that it is off at the start."""
    off = float(made.numbers["before"][i]) == 0
    return "from noise: off" if off else f"from noise: {float(made.numbers['after'][i]):.2f}"


def _bar(name: str, n: Number, tone: str) -> Bar:
    return Bar(name, max(n.value, 0.0), max(n.low, 0.0), max(n.high, 0.0), tone)

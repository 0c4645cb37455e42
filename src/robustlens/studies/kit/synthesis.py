"""What the studies of synthesis share: pictures made in parts, seen by a judge, side by side.

made = in_parts(lambda x, y: translate(net, x, y), x, target)
seen = recognised(nets, {"robust net": made.images, "unchanged": x}, target)
gain(seen["robust net"], seen["unchanged"])          # a paired difference, with its interval
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.pictures import Bar, Bars, Cell, Gallery
from robustlens.progress import bar
from robustlens.rate import Rate
from robustlens.result import Number
from robustlens.studies.kit.judges import STANDARD, Nets
from robustlens.studies.kit.words import mean, says
from robustlens.types import Images, Labels
from robustlens.vision import Made, measures

PART = 50
"""Pictures made at once: memory stays small, and the bar moves."""


class Pictures(NamedTuple):
    """Images that a tool made in parts, and its numbers."""

    images: Images
    numbers: Mapping[str, Tensor]


def in_parts(title: str, tool: Callable[..., Made], *given: Tensor, size: int = PART) -> Pictures:
    """Return what a tool makes of tensors of equal length, `size` at a time, under a bar."""
    n, images, numbers = len(given[0]), list[Tensor](), list[Mapping[str, Tensor]]()
    with bar(title, n) as advance:
        for part in zip(*(torch.split(tensor, size) for tensor in given), strict=True):
            made = tool(*part)
            images.append(made.images)
            numbers.append(made.numbers)
            advance(len(made.images))
    joined = {name: torch.cat([part[name] for part in numbers]) for name in numbers[0]}
    return Pictures(torch.cat(images), joined)


def recognised(nets: Nets, made: Mapping[str, Images], y: Labels) -> dict[str, Tensor]:
    """Return for each set of pictures where the judge sees the class, one of the makers' (b,)."""
    return {name: measures.sees(nets.judge, x, nets.asked(y)) for name, x in made.items()}


def rates(seen: Mapping[str, Tensor], what: str) -> dict[str, Number]:
    """Return the judge's accuracies as numbers, "robust net: <what>", with exact intervals."""
    return {f"{name}: {what}": Number.of(Rate.of(hits)) for name, hits in seen.items()}


def means(values: Mapping[str, Tensor], what: str) -> dict[str, Number]:
    """Return means over images as numbers, with Student's intervals."""
    return {f"{name}: {what}": mean(each) for name, each in values.items()}


def gain(a: Tensor, b: Tensor) -> Number:
    """Return the mean of a - b over pairs, which share their start, with Student's interval."""
    return mean(a.double() - b.double())


def better(number: Number) -> bool:
    """Say whether a difference is above 0 with its whole interval."""
    return number.low > 0


def gallery(
    nets: Nets, name: str, caption: str, columns: Mapping[str, Images], y: Labels
) -> Gallery:
    """Return pictures side by side, one row a class asked for, the judge's word under each."""
    known, told = nets.known, nets.asked(y).tolist()
    cells = [
        [
            Cell(image, guess.text, "good" if guess.label == k else "bad")
            for image, guess, k in zip(x, says(nets.judge, x, known), told, strict=True)
        ]
        for x in columns.values()
    ]
    return Gallery(name, caption, tuple(columns), tuple(zip(*cells, strict=True)))


def bars(name: str, caption: str, label: str, shown: Mapping[str, Number | Rate]) -> Bars:
    """Return numbers as bars by name; the control looks like what is warned of."""
    return Bars(
        name,
        caption,
        label,
        tuple(Bar(who, n.value, n.low, n.high, tone(who)) for who, n in shown.items()),
    )


def tone(who: str) -> str:
    """Return how a maker of pictures looks: a robust net good, its control bad, others plain."""
    return "good" if who.startswith("robust net") else "bad" if who == STANDARD else "plain"


def rows(images: Images, at: Tensor | Sequence[int]) -> Images:
    """Return some of the images."""
    return images[torch.as_tensor(at, device=images.device)]

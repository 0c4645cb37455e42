"""Does a model read pixels as it is given them? Its accuracy under other hypotheses.

    check_pixels(subject, data)            # warns: "right on 12 of 64 ... on 58 with 0 to 255"

Range, normalisation and order of channels are where someone's model is most often misused, which
shows in nothing but the accuracy. So a few labelled images are shown otherwise, too; where a model
is right on so many more that chance is no explanation (sign test), that is said with the numbers.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from robustlens.answers import Answers, decision
from robustlens.data import Dataset, batches
from robustlens.doubts import doubt, heeded, quiet, untouched
from robustlens.errors import InputError
from robustlens.modes import frozen
from robustlens.types import Images

SHOWN = 64
"""Images that are shown, at most."""
CHANCE = 1e-4
"""How seldom an equally good hypothesis may look so much better."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE = (123.0, 117.0, 104.0)

Shown = Callable[[Images], Images]


def hypotheses(channels: int) -> Mapping[str, Shown]:
    """Return other ways to show images in [0, 1] to a model, by what they are called."""

    def row(values: tuple[float, ...], x: Images) -> Tensor:
        return torch.tensor(values, dtype=x.dtype, device=x.device).view(1, -1, 1, 1)

    found: dict[str, Shown] = {
        "pixels from 0 to 255": lambda x: 255 * x,
        "pixels from -1 to 1": lambda x: 2 * x - 1,
        "a normalisation less, by mean 0.5 and deviation 0.5": lambda x: (x + 1) / 2,
        "pixels divided by 255 once more": lambda x: x / 255,
    }
    if channels == 3:
        found |= {
            "ImageNet's mean and deviation": lambda x: (x - row(MEAN, x)) / row(STD, x),
            "a normalisation less, by ImageNet's mean and deviation": (
                lambda x: x * row(STD, x) + row(MEAN, x)
            ),
            "pixels from 0 to 255 less their means": lambda x: 255 * x - row(CAFFE, x),
        }
    return found


def check_pixels(model: nn.Module, data: Dataset) -> None:
    """Warn where a model is right on far more images when they are shown otherwise.

    Nothing of the model is left changed. A model that fails at this is none of our business here.

    Warns:
        Doubtful: with how many of how many it is right as it is, and otherwise.
    """
    if not heeded():
        return
    few = data.take(min(SHOWN, len(data)))
    x, y = next(batches(few, len(few)))
    try:
        with torch.no_grad(), quiet(), frozen(model), untouched(model, x):
            said = _better(model, x, y)
    except (InputError, RuntimeError, ValueError):
        return
    if said:
        doubt(said)


def _better(model: nn.Module, x: Images, y: Tensor) -> str:
    """Return the sentence on the best other hypothesis, "" where none is better than chance."""
    ways: dict[str, Shown] = {"": lambda x: x, **hypotheses(x.shape[1])}
    given = decision(Answers(model)(x)) == y
    if _chance(int((~given).sum()), 0) > CHANCE:  # nothing could be so much better
        return ""
    right = {name: decision(Answers(model)(show(x))) == y for name, show in ways.items()}
    if x.shape[1] == 3:
        best = max(right, key=lambda name: int(right[name].sum()))
        for name in {"", best}:
            flipped = f"{name}, channels as BGR" if name else "channels as BGR"
            flipped_right = decision(Answers(model)(ways[name](x).flip(1))) == y
            if flipped_right.sum() > right[name].sum():
                right[flipped] = flipped_right
    best = max(right, key=lambda name: int(right[name].sum()))
    other = right[best]
    if _chance(int((other & ~given).sum()), int((given & ~other).sum())) > CHANCE:
        return ""
    n, a, b = len(y), int(given.sum()), int(other.sum())
    return (
        f"of {n} images the model is right on {a} ({a / n:.0%}) as they are given to it, in [0, 1] "
        f"and RGB, and on {b} ({b / n:.0%}) with {best}: is that what it was made for? Normalise "
        "inside the model (nets.normalised), or say it in preprocessor_config.json"
    )


def _chance(gained: int, lost: int) -> float:
    """Return how likely so many gains among all changes are where gain and loss are alike."""
    n = gained + lost
    return float(sum(math.comb(n, k) for k in range(gained, n + 1)) / 2**n)

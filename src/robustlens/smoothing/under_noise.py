"""How right a model is under noise, before anything is certified.

under_noise(model, data, Gaussian(0.25)).noisy     # Rate, on one draw for each image
"""

from typing import NamedTuple

import torch

from robustlens.answers import Answers, decision
from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.doubts import LOOKED_AT as SECOND_LOOK
from robustlens.doubts import doubt, doubts
from robustlens.evaluation import Rate, on_device_of
from robustlens.modes import frozen
from robustlens.smoothing.noise import Noise
from robustlens.smoothing.votes import tally
from robustlens.types import Model

LOOKED_AT = 100
"""Images of the look that `certify` takes."""


class UnderNoise(NamedTuple):
    """Accuracy on images as they are, and on one noisy copy of each."""

    clean: Rate
    noisy: Rate

    @property
    def trained(self) -> bool:
        """Whether the model may have been trained with such noise.

        It may not where the interval of its accuracy under noise lies below half its accuracy.
        """
        return self.noisy.high >= self.clean.value / 2


def under_noise(
    model: Model, data: Dataset, noise: Noise, *, seed: int = 0, batch_size: int = 250
) -> UnderNoise:
    """Return a model's accuracy without noise and under one draw of it.

    Raises:
        InputError: as `answers.Answers`.
    """
    data = on_device_of(model, data)
    ask = Answers(model, data.labels)
    clean = noisy = 0
    with frozen(model), torch.no_grad():
        for start in range(0, len(data), batch_size):
            rows = slice(start, start + batch_size)
            x, y = unit(data.images[rows]), data.labels[rows]
            clean += int((decision(ask(x)) == y).sum())
            images = range(start, start + len(x))
            counts = tally(
                ask, x, noise, images=images, seed=seed, purpose="look", n=1, batch_size=batch_size
            )
            noisy += int(counts.gather(1, y[:, None]).sum())
    return UnderNoise(Rate.share(clean, len(data)), Rate.share(noisy, len(data)))


def look_under_noise(model: Model, data: Dataset, noise: Noise, *, seed: int) -> None:
    """Warn once (`errors.Doubtful`) of the doubts about a model, and of one untrained for noise."""
    few = data.take(min(LOOKED_AT, len(data)))
    found = under_noise(model, few, noise, seed=seed)
    sentences = list(doubts(model, unit(few.images[:SECOND_LOOK])))
    if not found.trained:
        sentences.append(
            f"the model is right on {found.clean.value:.0%} of {found.clean.n} images and on "
            f"{found.noisy.value:.0%} of them under {noise}: it seems not to be trained with such "
            "noise, and few images will be certified. Train it so (`robustlens train --loss "
            f"noise --sigma {noise.sigma:g}`), put a denoiser before it (smoothing.denoised), or "
            "look whether sigma is meant in units of [0, 1] pixels"
        )
    doubt(*sentences, level=4)

"""The whole suite: every check on one model, in under a minute for small nets.

checks = check_model(model, load("cifar10", "test"), L2(0.5))
[check.name for check in checks if check.warned]
"""

from collections.abc import Iterator, Sequence

import torch

from robustlens.answers import scores
from robustlens.attacks import Bound
from robustlens.attacks.method import flat_expected
from robustlens.balls import Ball
from robustlens.data import Dataset, batches
from robustlens.doubts import quiet
from robustlens.evaluation import on_device_of
from robustlens.modes import frozen
from robustlens.nets import logits
from robustlens.progress import bar
from robustlens.sanity.answers import (
    alone,
    logit_scale,
    random_output,
    softmax_output,
    training_mode,
)
from robustlens.sanity.check import Check, Subject, norm_ball, skipped
from robustlens.sanity.contests import contests
from robustlens.sanity.inputs import normalisation
from robustlens.sanity.landscape import roughness
from robustlens.sanity.slopes import slopes
from robustlens.types import Images, Labels, Model

CHECKS = 18
"""Checks without surrogates and rivals: the length of the progress bar."""


def check_model(
    model: Model,
    data: Dataset,
    ball: Ball,
    *,
    images: int = 64,
    seed: int = 0,
    rivals: Sequence[Bound] = (),
    surrogates: Sequence[Model] = (),
) -> tuple[Check, ...]:
    """Return every check of a model: signs of gradient masking and of wrong use.

    The first of the checks see the model in the mode it is handed over in; the others hold it in
    evaluation mode. Nothing of the model is left changed. The advice of Athalye, Carlini & Wagner
    2018 (section 3.1) and Carlini et al. 2019 (section 3), made into measurements.

    Args:
        model: images in [0, 1] to logits.
        data: images with labels; the first `images` are used, alike from every class.
        ball: Linf, L2 or L1, the threat model that robustness is claimed for.
        images: how many, at most; contests need at least 10 that the model gets right.
        seed: of all random draws.
        rivals: attacks with their ball, `bind(square, ball)` say, that need no gradient of the
            model and should therefore not be stronger than PGD.
        surrogates: other models of the same data, whose adversarial examples are tried.

    Raises:
        InputError: another ball, images < 1, or a model whose output is no logits.
    """
    within = norm_ball(ball)
    data = on_device_of(model, data)
    data = data.take(min(images, len(data)))
    (x, y), *_ = batches(data, len(data))
    with frozen(model), torch.no_grad():
        logits(model, x)
    found = []
    total = CHECKS + len(rivals) + len(surrogates)
    with (
        quiet(),
        flat_expected(),
        bar("sanity checks", total) as advance,
    ):  # its checks say it in full
        for check in _checks(model, x, y, within, seed, rivals, surrogates):
            found.append(check)
            advance(1, check.name)
    return tuple(found)


def _checks(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    seed: int,
    rivals: Sequence[Bound],
    surrogates: Sequence[Model],
) -> Iterator[Check]:
    """Yield the checks, the quick ones first."""
    yield random_output(model, x)
    yield training_mode(model, x)
    with frozen(model):
        yield alone(model, x)
        with torch.no_grad():
            z = scores(model(x.clone()), x.double())  # doubles as they are, not shifted
        yield softmax_output(z)
        yield logit_scale(z, y)
        yield normalisation(model, x, y)
        subject = Subject.of(model, x, y, norm_ball(ball), seed)
        if not len(subject.x):
            yield skipped("gradients and attacks", "The model gets none of the images right.")
            return
        yield from slopes(subject)
        yield roughness(subject)
        yield from contests(subject, rivals, surrogates)

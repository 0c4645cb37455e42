"""Attacks by way of other models: found on surrogates, counted on the model.

    x_adv = transfer(model, x, y, Linf(8 / 255), surrogates=[ours, theirs], generator=g)
    transfer(model, x, y, L2(0.5), surrogates=[ours], attack=pgd, steps=40, generator=g)

The model itself is only asked what it decides, on x and on the result: two queries an image.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import torch
from torch import Tensor

from robustlens.answers import Answers
from robustlens.attacks.gradient import mi_fgsm
from robustlens.attacks.method import Found, attack, confirmed, wrong
from robustlens.balls import Ball
from robustlens.errors import InputError
from robustlens.modes import frozen
from robustlens.types import Images, Labels, Logits, Model


@attack
def transfer(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    surrogates: Sequence[Model],
    attack: Callable[..., Tensor] = mi_fgsm,
    steps: int = 10,
    generator: torch.Generator,
) -> Found:
    """Return images made against the mean of the surrogates that fool the model as well.

    Args:
        model: who is to be fooled; its gradients are not used.
        x, y, ball: images, true labels, threat model, as for any attack.
        surrogates: one or more models of the same classes; several transfer better than one.
        attack: what attacks their mean: a gradient attack with settings `steps` and `failed`.
            It looks for the worst point and does not stop where the surrogates are fooled.
        steps: its gradient steps.
        generator: the source of its random starts.

    `Found.step` is 0 for images that the model gets wrong as they are, else `steps`.
    Source: Liu et al. 2017 (ensembles), Dong et al. 2018, section 3.3 (mean of logits, momentum).

    Raises:
        InputError: no surrogates, surrogates of different classes, or as the attack.
    """
    dtype = model.dtype if isinstance(model, Answers) else None  # what the images really are
    together = ensemble([Answers(surrogate, dtype=dtype) for surrogate in surrogates])
    with ExitStack() as held:
        for surrogate in surrogates:
            held.enter_context(frozen(surrogate))
        moved = attack(together, x, y, ball, steps=steps, failed="worst", generator=generator)
    with torch.no_grad():
        already = wrong(model(x), y)
    moved = torch.where(already.view(-1, 1, 1, 1), x.detach(), moved)
    return confirmed(model, x, y, moved, torch.where(already, 0, steps))


def ensemble(models: Sequence[Model]) -> Model:
    """Return the model whose logits are the mean of theirs.

    The mean of log-probabilities gives the same predictions and the same cross-entropy: the two
    differ by one number an image.

    Raises:
        InputError: no models; or, when it is called, models of different classes.
    """
    if not models:
        raise InputError("no surrogates", "at least one model", "change surrogates")

    def together(x: Images) -> Logits:
        outputs = [model(x) for model in models]
        sizes = {z.shape[1] for z in outputs}
        if len(sizes) > 1:
            raise InputError(
                f"surrogates of {', '.join(map(str, sorted(sizes)))} classes",
                "the same classes for all of them",
                "change surrogates",
            )
        return torch.stack(outputs).mean(dim=0)

    return together

"""AutoAttack: the ensemble that robust accuracy is measured with.

x_adv = autoattack(model, x, y, Linf(8 / 255), version="standard", generator=g)
autoattack.found(model, x, y, Linf(8 / 255), generator=g).by      # which part broke what
"""

import warnings
from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

from robustlens.answers import Answers, decision
from robustlens.attacks.bound import Bound, bind
from robustlens.attacks.fab import fab
from robustlens.attacks.gradient import apgd, apgd_targeted
from robustlens.attacks.method import Found, attack
from robustlens.attacks.second_look import second_look
from robustlens.attacks.square import square
from robustlens.attacks.worst import Worst
from robustlens.balls import L1, Ball
from robustlens.errors import Doubtful, UnknownName
from robustlens.modes import Twin, copyable, fast, frozen, half_precision
from robustlens.objectives import MakeObjective, dlr, expected, margin, misclassify
from robustlens.types import Images, Labels, Model

Version = Literal["standard", "adaptive", "plus", "rand"]


@second_look
@attack
def autoattack(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    version: Version = "standard",
    twin: Model | Literal["auto"] | None = "auto",
    batch_size: int = 256,
    generator: torch.Generator,
) -> Found:
    """Return images that fool the model, by the AutoAttack ensemble; `found` says which broke what.

    "standard": Auto-PGD on cross-entropy (100 steps), on the targeted DLR loss (9 targets, 100
    steps each), FAB targeted (9 targets, 100 steps each), Square (5000 queries). "adaptive", ours:
    the same, but Square gives an image up after 1000 queries if it is behind the gradient there.
    "plus": also Auto-PGD on DLR and five restarts (of FAB targeted too, where the original is
    untargeted). "rand", for models that answer at random: Auto-PGD on
    cross-entropy and on DLR, each gradient the mean of 20. With K classes there are
    min(9, K - 1) targets; where DLR is not defined (K < 4) the margin takes its place. For l1
    Auto-PGD on cross-entropy gets 5 restarts, and 5 targets are aimed at.
    Source: Croce & Hein 2020, section 5; 2021 ("Mind the box") for l1.

    Args:
        twin: where to search. "auto" searches on `fast(model)` if its decisions agree with those
            of the model; every success is confirmed on the model, and what resists is attacked
            again on the model itself (targeted, the likeliest class, 50 steps). None: all of it
            happens on the model.

    Warns:
        Doubtful: the model answers otherwise at a second look, returns probabilities, or was
            handed over in training mode (see `doubts`).

    Raises:
        UnknownName: the version.
        InputError: bad images, labels, or a ball that is no norm ball.
    """
    if version not in VERSIONS:
        raise UnknownName("version", str(version), VERSIONS)
    classes = _classes(model, x)
    parts = VERSIONS[version](ball, classes)
    search = twin_of(model, x) if twin == "auto" and version != "rand" else twin
    if not callable(search):
        return Worst(parts, batch_size).found(model, x, y, generator)
    again = bind(apgd_targeted, ball, targets=1, steps=50)
    parts = (*Worst(parts).on_twin(search).attacks, again)
    return Worst(parts, batch_size).found(model, x, y, generator)


def _standard(ball: Ball, classes: int) -> tuple[Bound, ...]:
    l1 = isinstance(ball, L1)
    return (
        bind(apgd, ball, restarts=5 if l1 else 1),
        bind(apgd_targeted, ball, targets=5 if l1 else 9),
        bind(fab, ball),
        bind(square, ball),
    )


def _adaptive(ball: Ball, classes: int) -> tuple[Bound, ...]:
    *first, _ = _standard(ball, classes)
    return (*first, bind(square, ball, patience=1000))


def _plus(ball: Ball, classes: int) -> tuple[Bound, ...]:
    return (
        bind(apgd, ball, restarts=5),
        bind(apgd, ball, restarts=5, objective=_ratio(classes)),
        bind(fab, ball, restarts=5),
        bind(square, ball),
        bind(apgd_targeted, ball),
        bind(fab, ball),
    )


def _rand(ball: Ball, classes: int) -> tuple[Bound, ...]:
    return (
        bind(apgd, ball, objective=expected(misclassify, 20)),
        bind(apgd, ball, objective=expected(_ratio(classes), 20)),
    )


VERSIONS: dict[str, Callable[[Ball, int], tuple[Bound, ...]]] = {
    "standard": _standard,
    "adaptive": _adaptive,
    "plus": _plus,
    "rand": _rand,
}


def twin_of(model: Model, x: Images, agreement: float = 0.98) -> Twin | None:
    """Return `fast(model)`, or None where it cannot be trusted to search for the model.

    That is: the model is no module, or one that cannot be copied and rounded to bfloat16, on
    whatever machine; x are not float32; or on the first images the twin's decisions agree with
    the model's on less than a share `agreement`. A warning says which, where one may wonder.
    """
    dtype = model.dtype if isinstance(model, Answers) else None
    model = model.model if isinstance(model, Answers) else model
    if not isinstance(model, nn.Module) or (dtype or x.dtype) != torch.float32 or not len(x):
        return None
    some = x[:128]
    with frozen(model), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = decision(Answers(model)(some))
    try:
        copyable(model)
        twin = fast(model, torch.bfloat16)
        with torch.no_grad():
            same = (decision(Answers(twin)(some)) == said).double().mean()
        twin = twin if half_precision(x.device) == torch.bfloat16 else fast(model)
    except Exception as error:  # a person's own code may raise anything on a copy of itself
        first, *_ = str(error).strip().splitlines() or [type(error).__name__]
        warnings.warn(f"no fast twin, attacks run on the model itself: {first}", Doubtful, 2)
        return None
    return twin if float(same) >= agreement else None


def _ratio(classes: int) -> MakeObjective:
    return dlr if classes >= 4 else margin


def _classes(model: Model, x: Images) -> int:
    with torch.no_grad():
        return int(Answers(model)(x[:1]).shape[1]) if len(x) else 0

"""A second look at a few images: does a model answer as a measurement takes for granted?

    doubts(model, x)            # sentences, each with what to do; empty for an ordinary net
    with watched(model, x):     # warn of them once (`errors.Doubtful`); measurements inside do not
        ...

Asked are at most `LOOKED_AT` images, four times at most. Nothing of the model is left changed, nor
the random numbers that come after.
"""

import random
import warnings
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import torch
from torch import Tensor, nn

from robustlens.answers import Answers, is_answer
from robustlens.errors import Doubtful
from robustlens.modes import frozen
from robustlens.processes import main_process
from robustlens.types import Images, Logits, Model

LOOKED_AT = 8
"""Images of a look."""
RANDOM = 1e-4
"""Two passes over one batch differ by more than this share of the logits' spread: not rounding,
which is about 1e-6 in float32 where a device adds in an order of its own."""
MODE = 1e-2
"""The same for passes in another mode or another batch, whose kernels may round differently: above
half precision (2 ** -8), far below what batch norm or dropout does (a tenth and more)."""
ROUNDINGS = 8
"""So many roundings of the largest logit, in the dtype of the logits, are no difference."""
_watched: ContextVar[bool] = ContextVar("watched", default=False)

AT_RANDOM = (
    "the model gives the same images other answers when it is asked again, so each row is of one "
    "draw: measure with AutoAttack of version rand (--version rand), and see `robustlens sanity`"
)
TOGETHER = (
    "the model's answer to an image depends on the other images of its batch (batch statistics?), "
    "so an image broken in one batch may hold in another: let batch norm use its running "
    "statistics, and see `robustlens sanity`"
)
PROBABILITIES = (
    "the model returns probabilities (rows that are >= 0 and sum to 1, as of a softmax), of which "
    "a loss takes the softmax again, so that gradients vanish: return logits"
)
TRAINING = (
    "the model was handed over in training mode, where it answers otherwise; it is measured in "
    "evaluation mode: call model.eval() first"
)
Ask = Callable[[Model, Images], Logits]


def doubts(
    model: Model, x: Images, *, expected: Container[str] = (), ask: Ask | None = None
) -> tuple[str, ...]:
    """Return what makes the answers of a model doubtful, in sentences; those `expected` left out.

    A model that cannot answer so few images, or none of them with a row that decides something, is
    none of our business here: the measurement itself says what is wrong.
    """
    try:
        found = _look(model, x.detach()[:LOOKED_AT], ask or _asked)
    except Exception:  # it is someone's code: it may raise anything, and will again, in the open
        return ()
    return tuple(sentence for sentence in found if sentence not in expected)


def _look(model: Model, x: Images, ask: Ask) -> list[str]:
    trains = isinstance(model, nn.Module) and any(part.training for part in model.modules())
    with torch.no_grad(), untouched(model, x):
        given = ask(model, x.clone()) if trains else None
        with frozen(model):
            z, again = ask(model, x.clone()), ask(model, x.clone())
            if not (z.dim() == 2 and len(z) == len(x) and is_answer(z).any()):
                return []
            at_random = differ(z, again, RANDOM)
            together = not at_random and len(x) > 1 and _depends(model, x, z, ask)
    found = {
        TRAINING: given is not None and not at_random and differ(z, given, MODE),
        AT_RANDOM: at_random,
        TOGETHER: together,
        PROBABILITIES: probabilities(z[is_answer(z)]),
    }
    return [sentence for sentence, bad in found.items() if bad]


def _depends(model: Model, x: Images, z: Logits, ask: Ask) -> bool:
    """Say whether the last image gets another answer alone; or half of them, where alone fails."""
    try:
        return differ(z[-1:], ask(model, x[-1:].clone()), MODE, among=z)
    except (RuntimeError, ValueError):  # batch norm in one dimension, say, refuses one row
        half = len(x) // 2
        return differ(z[half:], ask(model, x[half:].clone()), MODE, among=z)


def _asked(model: Model, x: Images) -> Logits:
    return Answers(model)(x)


def probabilities(z: Logits) -> bool:
    """Say whether every row lies in [0, 1] and sums to 1, up to rounding; never of one class."""
    low, high = (float(v) for v in z.aminmax())
    total = float((z.double().sum(dim=1) - 1).abs().max())
    rounding = max(1e-6, torch.finfo(z.dtype).eps)
    return z.shape[1] > 1 and low >= 0 and high <= 1 + rounding and total < max(1e-3, 4 * rounding)


def gap(a: Tensor, b: Tensor, among: Tensor | None = None) -> float:
    """Return the largest difference in units of the logits' spread."""
    return _apart(a, b) / spread(a if among is None else among)


def spread(z: Logits) -> float:
    """Return the standard deviation of all logits that are finite, never 0."""
    z = z[z.isfinite()].double()
    return max(float(z.std()) if z.numel() > 1 else 1.0, 1e-12)


def slack(z: Logits, share: float) -> float:
    """Return what logits may differ by: a share of their spread, and a few roundings."""
    rounding = torch.finfo(z.dtype).eps if z.is_floating_point() else 0.0
    largest = float(z[z.isfinite()].double().abs().max()) if z.isfinite().any() else 0.0
    return share * spread(z) + ROUNDINGS * rounding * largest


def differ(a: Tensor, b: Tensor, share: float, among: Tensor | None = None) -> bool:
    """Say whether two answers differ by more than rounding and a share of the spread."""
    return not _apart(a, b) <= slack(a if among is None else among, share)


def _apart(a: Tensor, b: Tensor) -> float:
    """Return the largest difference; inf where only one is a number, 0 where neither is."""
    same = (a == b) | (a.isnan() & b.isnan())
    apart = torch.where(same, 0.0, (a.double() - b.double()).abs())
    return float(apart.nan_to_num(nan=torch.inf).max())


@contextmanager
def watched(
    model: Model, x: Images, *, expected: Container[str] = (), ask: Ask | None = None
) -> Iterator[None]:
    """Warn of the doubts about a model; of what is measured inside, nobody warns again."""
    if heeded():
        doubt(*doubts(model, x, expected=expected, ask=ask), level=5)
    with quiet():
        yield


def heeded() -> bool:
    """Say whether somebody wants to know: nobody does inside `watched` or `quiet`."""
    return not _watched.get()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep `watched` from looking: who is inside has looked, or does not want to know."""
    token = _watched.set(True)
    try:
        yield
    finally:
        _watched.reset(token)


def doubt(*sentences: str, level: int = 3) -> None:
    """Warn once of all the sentences, in the first process; of none, or inside `quiet`, do not."""
    if sentences and heeded() and main_process():
        warnings.warn("; ".join(sentences), Doubtful, stacklevel=level)


@contextmanager
def untouched(model: Model, x: Images) -> Iterator[None]:
    """Put buffers (running statistics) and all random numbers back after the body."""
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    buffers = [(b, b.clone()) for part in modules for b in part.buffers(recurse=False)]
    own = [v for part in modules for v in vars(part).values() if isinstance(v, torch.Generator)]
    states = [(generator, generator.get_state()) for generator in own]
    python, array = random.getstate(), np.random.get_state()  # noqa: NPY002
    devices = [x.device] if x.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, value in buffers:
                    buffer.copy_(value)
            for generator, state in states:
                generator.set_state(state)
            random.setstate(python)
            np.random.set_state(array)  # noqa: NPY002

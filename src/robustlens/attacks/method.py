"""What every attack is: a function from images to images, and beside it what it found out.

    x_adv = pgd(model, x, y, ball, steps=40, generator=g)           # images
    found = pgd.found(model, x, y, ball, steps=40, generator=g)     # Found: also who broke, when

`attack` makes both from one function that returns `Found`.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import signature
from typing import Any, NamedTuple, ParamSpec, Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from robustlens.answers import Answers, decision, is_answer, writes_late
from robustlens.errors import Doubtful, InputError
from robustlens.modes import frozen
from robustlens.norms import per_example, wide
from robustlens.types import Images, Labels, Logits, Model

P = ParamSpec("P")


class Found(NamedTuple):
    """What an attack found, one entry an image."""

    images: Images  # of the ball around x; x itself where the attack failed, unless asked otherwise
    done: Tensor  # bool (b,): the attack succeeded, by the decision of the model itself
    step: Tensor  # int64 (b,): after how many gradient steps or queries; -1 where it failed
    by: tuple[str, ...] = ()  # of an ensemble: the attack that broke each image, "" where none did
    not_finite: Tensor | None = None  # int64 (b,): points met that were no number
    flat: Tensor | None = None  # bool (b,): some walk met a gradient of 0 at all of its points

    @property
    def left(self) -> Tensor:
        """The places of the images that nothing has broken yet, int64."""
        return torch.nonzero(~self.done).flatten()

    def merge(self, rows: Tensor, new: "Found", steps: int = 0) -> "Found":
        """Return this with what was found later for some of the rows, `steps` steps later."""
        new = new._replace(step=torch.where(new.done, new.step + steps, -1))
        by = list(self.by)
        for row, name in zip(rows.tolist() if new.by else (), new.by, strict=True):
            by[row] = name
        count, flat = self.not_finite, self.flat
        if new.not_finite is not None:
            count = torch.zeros_like(self.step) if count is None else count
            count = count.index_add(0, rows, new.not_finite)
        if new.flat is not None:
            flat = torch.zeros_like(self.done) if flat is None else flat
            flat = flat.index_copy(0, rows, flat[rows] | new.flat)
        return Found(
            self.images.index_copy(0, rows, new.images),
            self.done.index_copy(0, rows, new.done),
            self.step.index_copy(0, rows, new.step),
            tuple(by),
            count,
            flat,
        )


@runtime_checkable
class Method(Protocol[P]):
    """An attack: called, it returns images; `found` says more."""

    __name__: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Images:
        """Return attacked images, shaped like x."""
        ...

    def found(self, *args: P.args, **kwargs: P.kwargs) -> Found:
        """Return attacked images, which of them succeed, and after how many steps."""
        ...


def attack(body: Callable[P, Found]) -> Method[P]:
    """Make an attack of a function (model, x, y, ball, *, ...) that returns `Found`.

    Around the function, x and y are checked and the model is frozen: in evaluation mode, with its
    parameters out of every graph, and everything as it was afterwards. The model, and a twin, are
    asked by way of `Answers`. Images in half precision are searched in float32, while the model is
    shown, and judged by, what they are in their own. Points that were not finite, and walks without
    a slope, are told of by one warning each.
    """
    bind = signature(body).bind

    def found(*args: P.args, **kwargs: P.kwargs) -> Found:
        given = bind(*args, **kwargs)
        first = list(given.arguments)[:3]
        twin = given.arguments.get("twin")

        def attacked(*asked: Any) -> Found:
            given.arguments.update(zip(first, asked, strict=True))
            if callable(twin):
                given.arguments["twin"] = Answers(twin, dtype=asked[0].dtype)
            return body(*given.args, **given.kwargs)

        return guarded(attacked, *(given.arguments[name] for name in first))

    @wraps(body)
    def images(*args: P.args, **kwargs: P.kwargs) -> Images:
        return found(*args, **kwargs).images

    images.__annotations__ = {**body.__annotations__, "return": Tensor}
    extended: Any = images
    extended.found = wraps(body)(found)
    return cast(Method[P], images)


def guarded(
    attacked: Callable[[Model, Images, Labels], Found], model: Model, x: Images, y: Labels
) -> Found:
    """Return what `attacked` finds: x and y checked, the model frozen, asked through `Answers`."""
    check_images(x, y)
    if isinstance(model, Answers):  # part of an attack that did all this
        return attacked(model, x, y)
    with torch.inference_mode(False), frozen(model):
        x, y = (part.clone() if part.is_inference() else part for part in (x, y))
        dtype, before = x.dtype, x.detach().clone()
        asked = Answers(model, y, None if wide(x) is x else dtype)
        found = attacked(asked, wide(x), y)
        if not torch.equal(x, before):
            x.data.copy_(before)
            raise writes_late()
    _tell(found)
    return found._replace(images=found.images.to(dtype))


_flat_expected: ContextVar[bool] = ContextVar("flat_expected", default=False)


@contextmanager
def flat_expected() -> Iterator[None]:
    """Let attacks not warn of walks without a slope: who is inside looks for them, or shows one."""
    token = _flat_expected.set(True)
    try:
        yield
    finally:
        _flat_expected.reset(token)


def _tell(found: Found) -> None:
    """Warn of points that were not finite, and of walks that saw no slope and found nothing."""
    count, flat = found.not_finite, found.flat
    if count is not None and count.any():
        warnings.warn(
            f"{int((count > 0).sum())} of {len(count)} images met points at which the model's "
            f"answer or gradient is not finite ({int(count.sum())} in all): none counts as a "
            "success, and such entries of a gradient count as 0",
            Doubtful,
            stacklevel=4,
        )
    if flat is not None and not _flat_expected.get() and (flat & ~found.done).any():
        warnings.warn(
            f"{int((flat & ~found.done).sum())} of {len(flat)} images held where the gradient was "
            "exactly 0 at every point of a walk, which looked at nothing then (cross-entropy of "
            "logits that are far apart is flat): use a loss that no scale changes, "
            "objective=dlr or margin, or an attack that needs no gradient, square",
            Doubtful,
            stacklevel=4,
        )


def nothing_found(x: Images) -> Found:
    """Return the clean images, all of them unbroken: where an attack begins."""
    return as_it_is(x, torch.zeros(len(x), dtype=torch.bool, device=x.device))


def as_it_is(x: Images, done: Tensor, not_finite: Tensor | None = None) -> Found:
    """Return the clean images, of which some, `done` (b,), are wrong already: broken at step 0."""
    step = torch.zeros_like(done, dtype=torch.int64)
    return Found(x.detach(), done, torch.where(done, step, -1), not_finite=not_finite)


def now_and_then(step: int) -> bool:
    """Say whether it is time, after `step` steps, to look who is finished: often at first."""
    return step <= 4 or step % 4 == 0


def staying(finished: Tensor) -> Tensor | None:
    """Return the places of those that go on, int64, where an eighth or more of a batch is finished.

    None where it is less: to cut a batch costs more than to take a few along.
    """
    stay = torch.nonzero(~finished).flatten()
    gone = len(finished) - len(stay)
    return stay if gone and gone >= len(finished) / 8 else None


def confirmed(model: Model, x: Images, y: Labels, candidates: Images, step: Tensor) -> Found:
    """Return the candidates that the model gets wrong, and the clean images elsewhere."""
    with torch.no_grad():
        z = model(candidates)
    return judged(z, x, y, candidates, step)


def judged(z: Logits, x: Images, y: Labels, candidates: Images, step: Tensor) -> Found:
    """Return `confirmed` for what the model said of the candidates."""
    done = wrong(z, y)
    images = torch.where(per_example(done, x), candidates, x.detach())
    return Found(images, done, torch.where(done, step, -1), not_finite=(~is_answer(z)).long())


def rivals(z: Logits, y: Labels, count: int) -> Tensor:
    """Return the `count` likeliest wrong classes, the likeliest first, (b, count) or fewer.

    Classes that the model rules out with -inf come last, before nothing but y.
    """
    others = z.clamp_min(torch.finfo(z.dtype).min).scatter(1, y[:, None], -torch.inf)
    order = others.argsort(dim=1, descending=True, stable=True)
    return order[:, : min(count, z.shape[1] - 1)]


def check_images(x: Images, y: Labels) -> None:
    """Raise `InputError` unless x are floating-point images in [0, 1] with one int64 label each.

    One look at the smallest and largest pixel: one wait for the device a call, not one a step.
    """
    if not x.is_floating_point() or x.dim() != 4:
        raise InputError(
            f"x of {x.dtype} and shape {tuple(x.shape)}",
            "floating-point images (b, c, h, w) in [0, 1]",
            "divide uint8 images by 255",
        )
    if y.shape != x.shape[:1] or y.dtype != torch.int64:
        raise InputError(
            f"labels of {y.dtype} and shape {tuple(y.shape)}", f"int64 of shape ({len(x)},)"
        )
    if len(y) and int(y.min()) < 0:
        raise InputError(
            f"label {int(y.min())}", "class indices from 0", "leave out images without a class"
        )
    if len(x):
        low, high = (float(v) for v in x.aminmax())
        if not (low >= -1e-5 and high <= 1 + 1e-5):
            raise InputError(
                f"pixels from {low:g} to {high:g}",
                "finite pixels in [0, 1]",
                "divide by 255, or move the normalisation into the model (nets.normalised)",
            )


def wrong(z: Logits, y: Labels) -> Tensor:
    """Say where the decision is not y: the success of an untargeted attack.

    A row that is no answer (see `answers.is_answer`) is no success.
    """
    said = decision(z)
    return (said != y) & (said >= 0)


def right(z: Logits, y: Labels) -> Tensor:
    """Say where the decision is y: the success of an attack with target y."""
    return decision(z) == y

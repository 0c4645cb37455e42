"""What every attack is: a function from images to images, and beside it what it found out.

    x_adv = pgd(model, x, y, ball, steps=40, generator=g)           # images
    found = pgd.found(model, x, y, ball, steps=40, generator=g)     # Found: also who broke, when

`attack` makes both from one function that returns `Found`.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from robustlens.balls import per_example
from robustlens.errors import InputError
from robustlens.modes import frozen
from robustlens.types import Images, Labels, Logits, Model

P = ParamSpec("P")


class Found(NamedTuple):
    """What an attack found, one entry an image."""

    images: Images  # of the ball around x; x itself where the attack failed, unless asked otherwise
    done: Tensor  # bool (b,): the attack succeeded, by the decision of the model itself
    step: Tensor  # int64 (b,): after how many gradient steps or queries; -1 where it failed
    by: tuple[str, ...] = ()  # of an ensemble: the attack that broke each image, "" where none did

    def merge(self, rows: Tensor, new: "Found", steps: int = 0) -> "Found":
        """Return this with what was found later for some of the rows, `steps` steps later."""
        new = new._replace(step=torch.where(new.done, new.step + steps, -1))
        by = list(self.by)
        for row, name in zip(rows.tolist() if new.by else (), new.by, strict=True):
            by[row] = name
        return Found(
            self.images.index_copy(0, rows, new.images),
            self.done.index_copy(0, rows, new.done),
            self.step.index_copy(0, rows, new.step),
            tuple(by),
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
    parameters out of every graph, and everything as it was afterwards.
    """

    def found(*args: P.args, **kwargs: P.kwargs) -> Found:
        model, x, y = cast(tuple[Model, Images, Labels], args[:3])
        check_images(x, y)
        with frozen(model):
            return body(*args, **kwargs)

    @wraps(body)
    def images(*args: P.args, **kwargs: P.kwargs) -> Images:
        return found(*args, **kwargs).images

    images.__annotations__ = {**body.__annotations__, "return": Tensor}
    extended: Any = images
    extended.found = wraps(body)(found)
    return cast(Method[P], images)


def nothing_found(x: Images) -> Found:
    """Return the clean images, all of them unbroken: where an attack begins."""
    done = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    return Found(x.detach(), done, torch.full_like(done, -1, dtype=torch.int64))


def confirmed(model: Model, x: Images, y: Labels, candidates: Images, step: Tensor) -> Found:
    """Return the candidates that the model gets wrong, and the clean images elsewhere."""
    with torch.no_grad():
        done = wrong(model(candidates), y)
    images = torch.where(per_example(done, x), candidates, x.detach())
    return Found(images, done, torch.where(done, step, -1))


def rivals(z: Logits, y: Labels, count: int) -> Tensor:
    """Return the `count` likeliest wrong classes, the likeliest first, (b, count) or fewer."""
    others = z.scatter(1, y[:, None], -torch.inf)
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
    if len(x):
        low, high = (float(v) for v in x.aminmax())
        if not (low >= -1e-5 and high <= 1 + 1e-5):
            raise InputError(
                f"pixels from {low:g} to {high:g}",
                "finite pixels in [0, 1]",
                "divide by 255, or move the normalisation into the model (nets.normalised)",
            )


def wrong(z: Logits, y: Labels) -> Tensor:
    """Say where the decision is not y: the success of an untargeted attack."""
    return z.argmax(dim=1) != y


def right(z: Logits, y: Labels) -> Tensor:
    """Say where the decision is y: the success of an attack with target y."""
    return z.argmax(dim=1) == y

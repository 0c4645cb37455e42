"""Where walks begin: noise, an enlarged image, one whose hole is filled with the mean.

noise(8, (3, 32, 32), generator=stream(0, "noise"))     # images near grey
mean_filled(x, mask)                                    # mask: True where pixels are unknown
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from robustlens.errors import InputError, UnknownName
from robustlens.streams import Draws
from robustlens.types import Images

Large = Float[Tensor, "b c height width"]
"""Images of another size than those beside them."""


def places(n: int) -> Tensor:
    """Return (n, 1) numbers by which draws are told apart: the k-th is the same for every n."""
    return torch.arange(1, n + 1, dtype=torch.float32)[:, None]


def noise(
    n: int,
    shape: tuple[int, int, int],
    *,
    mean: float = 0.5,
    std: float = 0.05,
    generator: torch.Generator,
) -> Images:
    """Return n images (n, c, h, w) of N(mean, std^2), clipped to [0, 1].

    The k-th is the same whatever n is. Default: Engstrom et al. 2019, appendix (1/20).
    """
    drawn = Draws.of(places(n), generator).normal(*shape)
    return drawn.mul_(std).add_(mean).clamp_(0.0, 1.0)


def checked_mask(mask: Tensor, x: Images) -> Tensor:
    """Return a mask as (1 or b, 1, h, w): True where pixels may change.

    Takes (h, w), (b, h, w) and (b, 1, h, w), with b that of the images or 1.

    Raises:
        InputError: it is not boolean, has another size than the images, or covers no pixel of
            some image.
    """
    if mask.dtype != torch.bool:
        raise InputError(
            f"a mask of {mask.dtype}",
            "a boolean tensor, True where pixels may change",
            "pass mask > 0.5",
        )
    shaped = mask.unsqueeze(1) if mask.dim() == 3 else mask
    shaped = shaped[None, None] if shaped.dim() == 2 else shaped
    b, _, h, w = x.shape
    if shaped.dim() != 4 or len(shaped) not in (1, b) or shaped.shape[1:] != (1, h, w):
        raise InputError(
            f"a mask of shape {tuple(mask.shape)} for images of shape {tuple(x.shape)}",
            f"({h}, {w}), or ({b}, 1, {h}, {w}) for one mask an image",
            "resize the mask to the images",
        )
    empty = ~shaped.flatten(1).any(dim=1)
    if empty.any():
        raise InputError(
            f"a mask that covers nothing, of image {int(empty.nonzero()[0])}",
            "at least one pixel that is True",
            "mark what may change; is the mask inverted?",
        )
    return shaped.to(x.device)


def mean_filled(x: Images, mask: Tensor) -> Images:
    """Return images whose pixels under the mask are the mean of the others, channel by channel.

    Raises:
        InputError: as `checked_mask`, or the mask covers every pixel of some image.
    """
    mask = checked_mask(mask, x)
    known = ~mask
    full = ~known.flatten(1).any(dim=1)
    if full.any():
        raise InputError(
            f"a mask that covers everything, of image {int(full.nonzero()[0])}",
            "some pixels that are known",
            "make a whole picture with generate or translate",
        )
    mean = (x * known).sum(dim=(2, 3), keepdim=True) / known.sum(dim=(2, 3), keepdim=True)
    return torch.where(mask, mean, x)


def enlarged(x: Images, factor: float, mode: str = "nearest") -> Large:
    """Return images `factor` times as high and as wide, rounded to whole pixels, in [0, 1].

    `mode` is "nearest" (every pixel a block) or "bicubic" (clipped).

    Raises:
        InputError: factor is no finite number >= 1, or so small that nothing grows.
        UnknownName: another mode.
    """
    if mode not in ("nearest", "bicubic"):
        raise UnknownName("mode", mode, ("nearest", "bicubic"))
    size = tuple(round(side * factor) for side in x.shape[2:]) if 1 <= factor < 1e6 else ()
    if not size or size == tuple(x.shape[2:]):
        raise InputError(
            f"factor {factor} for images of {x.shape[2]} x {x.shape[3]} pixels",
            "a number above 1 such as 2 or 1.5, by which they grow",
            "change factor",
        )
    if mode == "nearest":
        return interpolate(x, size=size, mode="nearest-exact")
    return interpolate(x, size=size, mode="bicubic", align_corners=False).clamp_(0.0, 1.0)


def class_of(name: str | int, classes: tuple[str, ...]) -> int:
    """Return the index of a class, by its name, also in other capitals, or by its index.

    Raises:
        UnknownName: no class has that name; the names that there are are listed.
        InputError: an index out of range.
    """
    if isinstance(name, str):
        plain = [known.casefold() for known in classes]
        if name in classes:
            return classes.index(name)
        if plain.count(name.casefold()) == 1:
            return plain.index(name.casefold())
        if not name.isdecimal():
            raise UnknownName("class", name, classes)
        name = int(name)
    if isinstance(name, bool) or not 0 <= name < len(classes):
        raise InputError(
            f"class {name}", f"0 to {len(classes) - 1}, or a name: {', '.join(classes)}"
        )
    return int(name)

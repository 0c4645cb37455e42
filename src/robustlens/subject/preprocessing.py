"""What a net expects of its pixels, read from what comes with it, and moved inside the model.

how = of_huggingface(json.loads(path.read_text()))
how.framing              # size and crop, for the pictures
model = how.inside(net)  # for images in [0, 1]: scale, mean and deviation inside
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from robustlens.data.framing import Framing
from robustlens.errors import InputError
from robustlens.nets import Normalise
from robustlens.types import Images

FILE = "preprocessor_config.json"
"""Where a Hugging Face checkpoint says it; read beside an ONNX file too."""
FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
"""Pillow's numbers of its filters."""
CONVNEXT = 384
"""Below this size ConvNeXt's pictures are resized to size / crop_pct and cut, else stretched."""


STRETCHED = ("DeiT", "Beit", "Data2Vec")
"""Whose pictures are stretched to a size that is one number, and cut afterwards."""


class Flipped(nn.Module):
    """Images with their channels in reverse order: RGB as BGR."""

    def forward(self, x: Images) -> Images:
        """Return the images with their channels reversed."""
        return x.flip(1)


@dataclass(frozen=True)
class Preprocessing:
    """What is done with a picture before a net sees it: (255 x * scale + offset - mean) / std."""

    framing: Framing | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    scale: float = 1 / 255  # of pixels from 0 to 255
    offset: float = 0.0
    channels: Literal["rgb", "bgr"] = "rgb"

    @property
    def plain(self) -> bool:
        """Whether the net reads images in [0, 1] as they are."""
        return self == Preprocessing(self.framing)

    def inside(self, net: nn.Module) -> nn.Module:
        """Return a model for images in [0, 1] that does this before the net."""
        mean, std = self.mean or (0.0,), self.std or (1.0,)
        width = max(len(mean), len(std))
        mean, std = (tuple(v) * (width if len(v) == 1 else 1) for v in (mean, std))
        factor = 255 * self.scale
        means = [(m - self.offset) / factor for m in mean]
        layers: list[nn.Module] = [Flipped()] if self.channels == "bgr" else []
        if any(means) or any(s != factor for s in std):
            layers.append(Normalise(means, [s / factor for s in std]))
        return nn.Sequential(*layers, net) if layers else net

    def __str__(self) -> str:
        """Return what is done, in words."""
        words = []
        if self.framing is not None:
            words.append(str(self.framing))
        if abs(self.scale - 1 / 255) > 1e-9:
            words.append(f"pixels from 0 to {255 * self.scale:g}")
        if self.offset:
            words.append(f"{self.offset:+g}")
        if self.mean or self.std:
            mean, std = (", ".join(f"{v:.4g}" for v in part) for part in (self.mean, self.std))
            words.append(f"mean ({mean}) and deviation ({std}) inside the model")
        if self.channels == "bgr":
            words.append("channels as BGR")
        return "; ".join(words) or "images in [0, 1] as they are"


def of_huggingface(config: Mapping[str, Any], channels: Literal[1, 3] | None = 3) -> Preprocessing:
    """Return what a `preprocessor_config.json` says.

    `"channels": "bgr"` is read too, which only our readers know. Raises `InputError` for a size
    or numbers that cannot be read.
    """
    try:
        scale = float(config.get("rescale_factor", 1 / 255)) if _on(config, "rescale") else 1.0
        mean, std = (
            tuple(map(float, _listed(config.get(key, ())))) if _on(config, "normalize") else ()
            for key in ("image_mean", "image_std")
        )
        if _kind(config).startswith("EfficientNet") and config.get("include_top", True):
            std = tuple(value**2 for value in std)  # that processor divides by it once more
        order = str(config.get("channels", "rgb")).lower()
        if order not in ("rgb", "bgr"):
            raise InputError(f"channels {order!r} in {FILE}", "rgb or bgr")
        return Preprocessing(
            _framing(config, channels),
            mean,
            std,
            scale,
            -1.0 if config.get("rescale_offset") else 0.0,
            "bgr" if order == "bgr" else "rgb",
        )
    except (TypeError, ValueError, KeyError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"a {FILE} that cannot be read ({error!r})", "sizes and numbers as transformers writes"
        ) from error


def of_timm(config: Any) -> Preprocessing:
    """Return what a `pretrained_cfg` says: a mapping, or an object with such attributes."""

    def said(key: str, default: Any) -> Any:
        found = config.get(key) if isinstance(config, Mapping) else getattr(config, key, None)
        return default if found is None else found

    count, height, width = said("input_size", (3, 224, 224))
    share, filter_ = float(said("crop_pct", 1.0)), str(said("interpolation", "bicubic"))
    side = int(min(height, width) / share)
    squash = said("crop_mode", "center") == "squash"
    before = (int(height / share), int(width / share)) if squash else side
    framing = Framing(
        int(height), int(width), before, filter_ if filter_ in FILTERS.values() else "bicubic",
        1 if count == 1 else 3,
    )  # fmt: skip
    mean, std = (tuple(map(float, said(key, default))) for key, default in _IMAGENET.items())
    return Preprocessing(framing, mean, std)


PLAIN = Preprocessing()
"""Images in [0, 1] as they are, of any size."""
_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def _on(config: Mapping[str, Any], what: str) -> bool:
    return bool(config.get(f"do_{what}", True))


def _listed(value: Any) -> Sequence[Any]:
    return (value,) if isinstance(value, int | float) else value


def _framing(config: Mapping[str, Any], channels: Literal[1, 3] | None) -> Framing | None:
    size = _side(config.get("size")) if _on(config, "resize") else None
    cut = bool(config.get("do_center_crop", False))
    crop = _side(config.get("crop_size")) if cut else None
    number = int(config.get("resample", 2))
    by = FILTERS.get(number, "bilinear")
    if size is None:
        sides = _pair(crop)
        return None if sides is None else Framing(*sides, None, by, channels)
    if isinstance(size, int) and _kind(config).startswith("Levit"):
        size = int(256 / 224 * size)
    elif isinstance(size, int) and cut and config.get("crop_pct") is not None:
        size = int(size / float(config["crop_pct"]))
    elif isinstance(size, int) and config.get("crop_pct") is not None:
        share = float(config["crop_pct"])
        before = int(size / share) if size < CONVNEXT else (size, size)
        return Framing(size, size, before, by, channels)
    end = _pair(crop or size)
    if end is None:
        return None
    if isinstance(config.get("size"), int) and (not cut or _kind(config).startswith(STRETCHED)):
        size = _pair(size)  # a number alone, in old files: both sides
    return Framing(*end, size, by, channels)


def _kind(config: Mapping[str, Any]) -> str:
    """Return the name of the class that reads the file in transformers."""
    return str(config.get("image_processor_type") or config.get("feature_extractor_type") or "")


def _side(size: Any) -> int | tuple[int, int] | None:
    """Return a shorter side, or (height, width)."""
    if isinstance(size, Mapping):
        if size.get("height") is not None:
            return int(size["height"]), int(size["width"])
        return int(size["shortest_edge"])
    if isinstance(size, Sequence) and not isinstance(size, str):
        return int(size[0]), int(size[-1])
    return None if size is None else int(size)


def _pair(side: int | tuple[int, int] | None) -> tuple[int, int] | None:
    return (side, side) if isinstance(side, int) else side

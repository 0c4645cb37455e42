"""A Hugging Face image-classification checkpoint in a folder, as a model for images in [0, 1].

subject = checkpoint(Path("vit-tiny"))         # config.json, model.safetensors, preprocessor_config

Size, crop, mean and deviation are those of `preprocessor_config.json`; normalisation is moved
inside the model, so that an attack's radius is in pixels. Nothing is downloaded, no pickle is read
and no code of the folder is run.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from robustlens.data.augment import unit
from robustlens.data.framing import framed
from robustlens.data.packed import planes
from robustlens.doubts import doubt
from robustlens.errors import InputError
from robustlens.streams import stream
from robustlens.subject.extras import needed
from robustlens.subject.preprocessing import FILE, Preprocessing, of_huggingface
from robustlens.subject.subject import Subject
from robustlens.types import Images, Logits

CLOSE = 0.05
"""By how much normalised pixels may differ on average: other code for the same filter."""


class ItsLogits(nn.Module):
    """The logits of a transformers model for image classification."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Images) -> Logits:
        """Return its logits (b, k) for normalised images."""
        found: Tensor = self.model(pixel_values=x, return_dict=True).logits
        return found


def checkpoint(folder: Path) -> Subject:
    """Return the model of a folder, in evaluation mode.

    Raises:
        InputError: no such folder, it is no image classifier or lacks weights, the weights are a
            pickle, or the extra [hub] is not installed.
    """
    spec = f"hf:{folder}"
    config = _read(folder / "config.json", spec)
    transformers = needed("transformers", "hub", spec)
    with _silent(transformers):
        try:
            net, loaded = transformers.AutoModelForImageClassification.from_pretrained(
                str(folder), local_files_only=True, use_safetensors=True, output_loading_info=True
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise InputError(
                f"{spec}: {(str(error).strip().splitlines() or [repr(error)])[0]}",
                "a checkpoint for image classification with its weights in model.safetensors",
                "write it with save_pretrained(folder)",
            ) from error
    _complete(loaded, spec)
    count = int(getattr(net.config, "num_channels", 3))
    if not (folder / FILE).is_file():
        raise InputError(
            f"{folder} has no {FILE}",
            "the file that says size, mean and deviation of the images",
            "save the image processor there too: AutoImageProcessor...save_pretrained(folder)",
        )
    own = _processor(transformers, folder)
    read = _read(folder / FILE, spec)
    how = of_huggingface(read if own is None else json.loads(own.to_json_string()) | read,
                         1 if count == 1 else 3)  # fmt: skip
    if own is not None:
        _compare(own, how, spec)
    notes = [f"pictures as {FILE} says: {how}"]
    if getattr(net.config, "problem_type", None) == "multi_label_classification":
        notes.append("the checkpoint is of several labels an image; its largest logit decides")
    model = how.inside(ItsLogits(net)).eval()
    kind = type(net).__name__
    origin = f"the {kind} of the folder {folder}"
    return Subject(model, spec, origin, _classes(config), notes=tuple(notes), preprocessing=how)


def _processor(transformers: Any, folder: Path) -> Any:
    """Return what transformers itself reads pictures with, None where it cannot be had."""
    with _silent(transformers):
        try:
            return transformers.AutoImageProcessor.from_pretrained(
                str(folder), local_files_only=True
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError):
            return None


def _compare(own: Any, how: Preprocessing, spec: str) -> None:
    """Warn where a picture does not become the pixels that transformers makes of it."""
    levels = torch.rand(9, 13, 3, generator=stream(0, "picture")).mul(255).byte().numpy()
    picture = Image.fromarray(levels).resize((130, 90), Image.Resampling.BICUBIC)
    try:
        wanted = own(picture, return_tensors="pt")["pixel_values"][0]
    except Exception:  # for pictures of colour alone, say: nothing to compare with
        return
    shown = picture if how.framing is None else framed(picture, how.framing)
    x = unit(torch.from_numpy(planes(shown).copy()))
    found = how.inside(nn.Identity())(x[None])[0]
    apart = (found - wanted).abs().mean() if found.shape == wanted.shape else torch.inf
    if apart > CLOSE:
        doubt(
            f"pictures are not read for {spec} as transformers reads them ({how}; it makes of one "
            f"{tuple(wanted.shape)}, {float(apart):.2g} apart in normalised units): its clean "
            "accuracy may be lower than its authors'"
        )


def _classes(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names in `id2label`; none where they only number the classes."""
    said = config.get("id2label") or {}
    names = tuple(str(said[key]) for key in sorted(said, key=int))
    if all(re.fullmatch(r"LABEL_\d+", name) for name in names):
        return ()
    twice = {name for name, count in Counter(names).items() if count > 1}
    return tuple(f"{name} ({k})" if name in twice else name for k, name in enumerate(names))


def _complete(loaded: Mapping[str, Any], spec: str) -> None:
    """Raise `InputError` where weights were made up because the file has none."""
    made_up = [*loaded.get("missing_keys", ()), *loaded.get("mismatched_keys", ())]
    if made_up:
        raise InputError(
            f"{spec} has no weights for {', '.join(map(str, made_up[:3]))}"
            f"{' and others' * (len(made_up) > 3)}, which would be drawn at random",
            "a checkpoint that was trained to classify images",
            "name the fine-tuned one",
        )


def _read(path: Path, spec: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{spec}: cannot read {path} ({error})",
            "hf:FOLDER with config.json, model.safetensors and preprocessor_config.json",
            "nothing is downloaded: save the checkpoint there first",
        ) from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is no JSON object", "what transformers writes")
    return found


@contextmanager
def _silent(transformers: Any) -> Iterator[None]:
    """Keep transformers from drawing a bar and from logging what we refuse ourselves."""
    logging = transformers.utils.logging
    level, shown = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()

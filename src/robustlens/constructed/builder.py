"""Building a data set batch by batch: progress, resumption, a card that says what it is.

    data = build(source, make, folder, name="D_rand", recipe={...}, models=[net], seed=0)
    data = load(str(folder))              # anywhere a data set is accepted
    test = load(str(folder), "test")      # the untouched test images of the source

A finished batch is on disk before the next begins. A build that was killed goes on from there and
ends with the same bytes; on the card are the recipe, the digests of source and model, how often
the model sees the new label, and how far images moved.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from robustlens.data import Dataset, open_saved, save
from robustlens.data.augment import unit
from robustlens.data.saved import CARD, read_card
from robustlens.data.walk import walk
from robustlens.decoding import encode
from robustlens.errors import InputError
from robustlens.evaluation.identity import differences, look, probes
from robustlens.files import AnyPath, as_path, read_json, write_json
from robustlens.modes import frozen
from robustlens.nets import logits
from robustlens.nets.checkpoints import digest_of, read_tensors, write_tensors
from robustlens.rate import Rate
from robustlens.types import Images, Labels

DROPPED = -1
"""The label of an image that is left out."""


class Made(NamedTuple):
    """What became of a batch: float images in [0, 1], and labels, `DROPPED` where left out."""

    images: Images
    labels: Labels


Make = Callable[[Images, Labels, int], Made]
"""From images, their labels and the place of the first in the source to a new batch.

It must depend on nothing else, so that a batch comes out alike in every run."""


def build(
    source: Dataset,
    make: Make,
    folder: AnyPath,
    *,
    name: str,
    recipe: Mapping[str, Any],
    models: Sequence[nn.Module],
    seed: int,
    batch_size: int = 250,
) -> Dataset:
    """Return the data set that `make` makes of `source`, built into `folder` or found there.

    Args:
        source: images to start from; it is not changed.
        make: see `Make`.
        folder: gets `train/` with the data set and its card when all is done.
        name: of the new data set.
        recipe: JSON values that say how it is made; another recipe in the folder is refused.
        models: the nets that `make` asks, held in evaluation mode; the first judges the new images,
            and the digests of all go on the card.
        seed: of the random choices in `make`, for the card.
        batch_size: how many images are made at once; part of the identity of the build.

    Raises:
        InputError: the folder holds another build, cannot be written, or no image is left.
    """
    asked = probes(source)
    identity = {
        "recipe": dict(recipe) | {"seed": seed, "batch_size": batch_size},
        "source": {"name": source.name, "digest": source.digest, "n": len(source)},
        "models": [digest_of(model) for model in models],
        "answers": [look(model, asked) for model in models],
    }
    folder = as_path(folder)
    place, parts = folder / "train", folder / "parts"
    if (place / CARD).exists():
        _same(place, read_card(place), identity)
        return open_saved(place)
    _begin(parts, identity)
    starts = range(0, len(source), batch_size)
    todo = [start for start in starts if not _part(parts, start).exists()]
    done = sum(min(batch_size, len(source) - start) for start in set(starts) - set(todo))
    with frozen(nn.ModuleList(models)):
        for start, x, y in walk(source, batch_size, f"building {name}", todo=todo, done=done):
            write_tensors(_part(parts, start), _measured(models[0], x, make(x, y, start)), {})
    data, facts = _joined(parts, source, name, batch_size)
    save(data, place, card=identity | facts)
    shutil.rmtree(parts)
    return open_saved(place)


def stored(images: Images) -> Tensor:
    """Return the bytes that a data set keeps of float images in [0, 1]: the nearest of 256."""
    return (images * 255).round().clamp(0, 255).to(torch.uint8)


def _measured(model: nn.Module, x: Images, made: Made) -> dict[str, Tensor]:
    """Return the new batch as it will be stored, and what is true of it after the rounding."""
    images = stored(made.images)
    after = unit(images)
    delta = (after - x).flatten(1)
    with torch.no_grad():
        hit = logits(model, after).argmax(dim=1) == made.labels
    return {
        "images": images.cpu(),
        "labels": made.labels.cpu(),
        "hit": hit.cpu(),
        "l2": delta.norm(dim=1).cpu(),
        "linf": delta.abs().amax(dim=1).cpu(),
    }


def _joined(
    parts: Path, source: Dataset, name: str, batch_size: int
) -> tuple[Dataset, dict[str, Any]]:
    """Return the batches on disk as one data set, and the facts for its card."""
    pieces = [read_tensors(_part(parts, i))[0] for i in range(0, len(source), batch_size)]
    whole = {key: torch.cat([piece[key] for piece in pieces]) for key in pieces[0]}
    kept = whole["labels"] != DROPPED
    if not kept.any():
        raise InputError(
            f"{name} keeps none of {len(source)} images",
            "a recipe that leaves some",
            "use more images or another model",
        )
    whole = {key: column[kept] for key, column in whole.items()}
    was = source.labels.cpu()[kept]
    data = Dataset(whole["images"], whole["labels"], source.classes, name)
    hits, n = int(whole["hit"].sum()), len(data)
    facts = {
        "hit rate": encode(Rate.share(hits, n)),
        "labels that are those of the source": encode(
            Rate.share(int((whole["labels"] == was).sum()), n)
        ),
        "distance": {
            norm: {"mean": float(whole[norm].mean()), "largest": float(whole[norm].max())}
            for norm in ("l2", "linf")
        },
    }
    return data, facts


def _part(parts: Path, start: int) -> Path:
    return parts / f"{start:08d}.safetensors"


def _begin(parts: Path, identity: Mapping[str, Any]) -> None:
    """Make the folder of an unfinished build, or check that it is of this very build."""
    header = parts / "build.json"
    if header.exists():
        _same(parts, read_json(header), identity)
    else:
        shutil.rmtree(parts, ignore_errors=True)
        write_json(header, identity)


def _same(where: Path, before: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    other = differences(before, json.loads(json.dumps(identity)))
    if other:
        raise InputError(
            f"{where} holds a build with another {' and another '.join(other)}"
            + " (it may be of an older version)" * ("answers" not in before),
            "this very build, or an empty folder",
            "choose another folder, or remove that one",
        )

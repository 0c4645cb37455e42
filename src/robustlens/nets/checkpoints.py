"""Weights on disk: safetensors, with what they are and where they come from in the file.

    save(Path("cat.safetensors"), model, architecture=a, card={"recipe": ...})
    model, card = load(Path("cat.safetensors"))
    model, card = load(Path("theirs.safetensors"), into=their_model)

Never a pickle, in neither direction. Weights above 15 MiB are written in shards beside an index.
"""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from robustlens.decoding import encode
from robustlens.describe import described, state_digest
from robustlens.errors import InputError
from robustlens.files import AnyPath, as_path, digest, digest_json, replacing, to_json, write_json
from robustlens.nets.architecture import Architecture
from robustlens.nets.cards import Card, card_in, check_file, index_of, listed
from robustlens.nets.fitting import fitted
from robustlens.types import Model
from robustlens.version import __version__

SHARD_BYTES = 15 * 2**20
"""Of weights in one file: with its card it stays under 16 MiB."""


class _Checkpoint(NamedTuple):
    model: nn.Module
    card: Card


class Checkpoint(_Checkpoint):
    """A model in evaluation mode, and its card (empty for a file that others made)."""

    def __new__(cls, model: nn.Module, card: Mapping[str, Any]) -> "Checkpoint":
        """Return the pair; `card` may be any mapping."""
        return super().__new__(cls, model, Card.of(card))


def save(
    path: AnyPath,
    model: nn.Module,
    *,
    architecture: Architecture,
    card: Mapping[str, Any] | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Write the weights of `model` atomically, with a card in the metadata.

    The card holds the architecture and the versions of Python, torch and this package, plus the
    entries of `card` (recipe, data digest, metrics). Floating-point weights are stored as `dtype`
    (default: as they are). Above 15 MiB, `name.safetensors` becomes
    `name-00001-of-0000N.safetensors` and so on, with `name.safetensors.index.json` written last.
    """
    path = as_path(path)
    full = {
        **(card or {}),
        "architecture": encode(architecture),
        "versions": {
            "python": platform.python_version(),
            "robustlens": __version__,
            "torch": torch.__version__,
        },
    }
    tensors = {name: _stored(t, dtype) for name, t in model.state_dict().items()}
    shards = _shards(tensors)
    if len(shards) == 1:
        write_tensors(path, tensors, full)
        index_of(path).unlink(missing_ok=True)
        return
    full["weights"] = digest(*(memoryview(_bytes(t)) for t in tensors.values()))  # see `read`
    where = {}
    for number, shard in enumerate(shards, 1):
        name = f"{path.stem}-{number:05d}-of-{len(shards):05d}{path.suffix}"
        write_tensors(path.with_name(name), shard, full)
        where.update(dict.fromkeys(shard, name))
    write_json(index_of(path), {"metadata": full, "weight_map": where})
    path.unlink(missing_ok=True)  # an older, smaller checkpoint, which `load` would prefer


def digest_of(model: Model) -> str:
    """Return 16 hexadecimal digits that depend on the weights and buffers, not on the device.

    Buffers that no checkpoint keeps count (a normalisation's mean and deviation). A model that is
    no module is told by its source and what it closes over (see `describe`).
    """
    if not isinstance(model, nn.Module):
        return digest_json(described(model))
    return state_digest(model)


def load(path: AnyPath, *, into: nn.Module | None = None) -> Checkpoint:
    """Return the model of a checkpoint, built from its card or filled `into` a model given.

    Raises:
        InputError: no such file, a pickle, a truncated or foreign file, a missing shard, weights
            that do not fit the architecture, or no card and no `into`.
    """
    path = as_path(path)
    tensors, card = read(path)
    if into is None:
        into = _built(path, card)
    into.load_state_dict(fitted(path, tensors, into))
    return Checkpoint(into.eval(), card)


def _built(path: Path, card: Card) -> nn.Module:
    """Build our own net, with channels last in memory: the order that convolutions like."""
    try:
        shape = card.architecture
    except InputError as error:
        why = str(error).removeprefix(f"{path}: ").rstrip(".")
        raise InputError(
            f"{path} describes its net as {card['architecture']!r} ({why})",
            "the fields of nets.Architecture",
            "load it with the version that wrote it, or pass the model to fill",
        ) from error
    if shape is None:
        raise InputError(
            f"{path} has no card that says which net it belongs to",
            "a checkpoint of robustlens, or the model itself",
            "pass the model to fill",
        )
    net = shape.build()
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def exists(path: AnyPath) -> bool:
    """Say whether `path` was saved, whole or in shards."""
    path = as_path(path)
    return path.is_file() or index_of(path).is_file()


def write_tensors(path: AnyPath, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write tensors and a JSON card to one safetensors file, atomically; raises as `to_json`."""
    content = to_bytes(_apart(tensors), {"robustlens": to_json(card)})
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def read(path: AnyPath) -> tuple[dict[str, Tensor], Card]:
    """Return the tensors of a file, or of all shards of an index, and the card."""
    path = as_path(path)
    index = index_of(path)
    if path.is_file() or not index.is_file():
        return read_tensors(path)
    shards = listed(index)
    for shard in shards:
        if not shard.is_file():
            raise InputError(
                f"no file {shard}, one of the {len(shards)} shards that {index.name} lists",
                "all of them in one folder",
                "copy the missing one there",
            )
    parts = [read_tensors(shard) for shard in shards]
    if any(card != parts[0][1] for _, card in parts):
        raise InputError(
            f"the shards that {index} lists come from different saves",
            "the shards of one save",
            "copy or train it again",
        )
    return {key: t for tensors, _ in parts for key, t in tensors.items()}, parts[0][1]


def read_tensors(given: AnyPath) -> tuple[dict[str, Tensor], Card]:
    """Return the tensors and the card (empty if there is none) of one safetensors file."""
    path = as_path(given)
    check_file(path)
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(f"{path} is damaged ({error})", "a whole safetensors file") from error
    return tensors, card_in(metadata, path)


def _stored(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    wanted = dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype
    return tensor.detach().to("cpu", wanted).contiguous()


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors, copied where two share memory (tied weights): files cannot say so."""
    seen = set[int]()
    found = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        found[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return found


def _bytes(tensor: Tensor) -> Any:
    return tensor.reshape(-1).view(torch.uint8).numpy()


def _shards(tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """Cut into groups of at most `SHARD_BYTES`, in order; a larger tensor stands alone."""
    groups: list[dict[str, Tensor]] = [{}]
    total = 0
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        if groups[-1] and total + size > SHARD_BYTES:
            groups.append({})
            total = 0
        groups[-1][name] = tensor
        total += size
    return groups

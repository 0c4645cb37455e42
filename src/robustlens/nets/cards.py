"""What a checkpoint says of itself, read without its weights and without torch.

card_of(Path("cat.safetensors"))["validation"]
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robustlens.errors import InputError
from robustlens.files import AnyPath, as_path


def card_of(given: AnyPath) -> dict[str, Any]:
    """Return the card of a checkpoint, whole or in shards; empty if it has none.

    Raises:
        InputError: no such file, a pickle, a truncated or foreign file, or a damaged card.
    """
    path = as_path(given)
    if not path.is_file() and index_of(path).is_file():
        path = listed(index_of(path))[0]
    check_file(path)
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            metadata = json.loads(file.read(length)).get("__metadata__", {})
    except (ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({error})", "a whole safetensors file") from error
    return card_in(metadata, path)


def card_in(metadata: Mapping[str, str], path: Path) -> dict[str, Any]:
    """Return the card that the metadata of a file hold; raise `InputError` if it is damaged."""
    try:
        card = json.loads(metadata.get("robustlens", "{}"))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is damaged ({error})", "a whole safetensors file") from error
    if not isinstance(card, dict):
        raise InputError(
            f"{path} has a card that is {card!r:.40}",
            "a JSON object in the metadata under robustlens",
            "write the file again without it",
        )
    return card


def check_file(path: Path) -> None:
    """Raise `InputError` unless a file begins like a whole safetensors file (no pickle does)."""
    if not path.is_file():
        raise InputError(f"no file {path}", "a .safetensors checkpoint", "check the path")
    with path.open("rb") as file:
        head, brace = file.read(8), file.read(1)
    whole = brace == b"{" and head[4:] == bytes(4)  # a header's length may look like a pickle
    if not whole and (head[:1] == b"\x80" or head[:2] == b"PK"):
        raise InputError(
            f"{path} is a pickle, which can run any code when it is opened",
            "a .safetensors file",
            "convert it where you trust it: d = torch.load(path, weights_only=True), then "
            'safetensors.torch.save_file(d, "weights.safetensors"); where the weights are an entry '
            'of d, such as d["state_dict"] or d["model"], save that',
        )
    size, length = path.stat().st_size, struct.unpack("<Q", head)[0] if len(head) == 8 else 0
    if len(head) < 8 or 8 + length > size:
        raise InputError(
            f"{path} is truncated ({size} bytes) or no safetensors file",
            "the whole file",
            "copy or train it again",
        )


def listed(index: Path) -> list[Path]:
    """Return the shards of an index, all of them beside it."""
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return [index.with_name(name) for name in sorted(names)]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{index} is damaged ({error!r})",
            "a JSON file whose weight_map names the shard of each tensor",
            "copy or train it again",
        ) from error


def index_of(path: Path) -> Path:
    """Return the index that a checkpoint in shards has."""
    return path.with_name(path.name + ".index.json")

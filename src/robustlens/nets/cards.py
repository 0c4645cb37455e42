"""What a checkpoint says of itself, read without its weights and without torch.

card = card_of(Path("cat.safetensors"))
card.architecture.build()      # typed, or a refusal that names the file and the field
card["recipe"]                 # any entry, as it stands in the file
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from robustlens.decoding import JSON, WHOLE, Manner, decode
from robustlens.errors import InputError
from robustlens.files import AnyPath, as_path

if TYPE_CHECKING:
    from robustlens.nets.architecture import Architecture
    from robustlens.provenance import Provenance


class Selected(NamedTuple):
    """What a card says of the epoch that validation images selected, as far as it says it."""

    epoch: int = 0  # from 1
    clean_accuracy: float | None = None  # on validation images, if any
    pgd_accuracy: float | None = None  # under the validation attack, where there is one

    @property
    def short(self) -> str:
        """Its accuracies in words, "" where there were no validation images."""
        rates = (("clean", self.clean_accuracy), ("PGD", self.pgd_accuracy))
        return ", ".join(f"{name} accuracy {rate:.1%}" for name, rate in rates if rate is not None)


@dataclass(frozen=True, eq=False)
class Card(Mapping[str, Any]):
    """The JSON object that a checkpoint says of itself; empty for a file that others made.

    As a mapping it is what stands in the file, entry by entry. An entry gets its type when it is
    asked for, not before: whoever needs the weights alone can load a file with a card of theirs.
    """

    entries: Mapping[str, Any] = field(default_factory=dict)
    file: str = "the card"  # for what is raised

    def __getitem__(self, name: str) -> Any:
        return self.entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Card":
        """Return a card as it is, or that of a mapping."""
        return given if isinstance(given, Card) else cls(given)

    def entry(self, name: str, kind: Any, manner: Manner = JSON) -> Any:
        """Return an entry as a `kind`, None where there is none; raises as `decoding.decode`."""
        if name not in self.entries:
            return None
        return decode(kind, self.entries[name], f"{self.file}: {name}", manner)

    @property
    def architecture(self) -> "Architecture | None":
        """The net that the weights belong to. Needs torch; raises `InputError` for another."""
        from robustlens.nets.architecture import Architecture

        found: Architecture | None = self.entry("architecture", Architecture, WHOLE)
        return found

    @property
    def purpose(self) -> str:
        """What the model is for, in a sentence; "" where it does not say."""
        return self.entry("purpose", str) or ""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes in the order of the logits; none where it names none."""
        return self.entry("classes", tuple[str, ...]) or ()

    @property
    def data(self) -> str:
        """The digest of the images it was trained on, or ""."""
        return self.entry("data", str) or ""

    @property
    def validation(self) -> Selected | None:
        """The epoch that validation images selected."""
        found: Selected | None = self.entry("validation", Selected)
        return found

    @property
    def origin(self) -> "Provenance | None":
        """How it was trained. Needs torch."""
        from robustlens.provenance import Provenance

        name = "training" if "training" in self.entries else "provenance"
        said = self.entries.get(name)
        if name == "training" and isinstance(said, dict):  # where a recipe stands beside it
            said = {"config": self.entries.get("recipe", {}), **said}
        if said is None:
            return None
        found: Provenance = decode(Provenance, said, f"{self.file}: {name}")
        return found

    def but(self, **changed: Any) -> "Card":
        """Return the card with other entries."""
        return Card({**self.entries, **changed}, self.file)


def card_of(given: AnyPath) -> Card:
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


def card_in(metadata: Mapping[str, str], path: Path) -> Card:
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
    return Card(card, str(path))


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

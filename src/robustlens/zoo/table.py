"""The table of shipped models: one card each, a JSON file in the folder `shipped`.

    TABLE = entries()
    TABLE["cifar10-l2-0.5"].tested.numbers

The card is the entry: adding a model is writing its card (see `ship`). What is small lies beside
its card and comes with the package, the rest in the repository's folder `weights`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from robustlens.decoding import decode_fields
from robustlens.errors import InputError, UnknownName
from robustlens.fetch import Digest
from robustlens.files import AnyPath, as_path, read_json
from robustlens.nets.cards import Card
from robustlens.zoo.measure import Tested

SHIPPED = Path(__file__).parent / "shipped"
"""Cards of all models, and the weights that come with the package."""
WEIGHTS = Path(__file__).resolve().parents[3] / "weights"
"""The folder of a checkout for what is too large for the package."""


class File(NamedTuple):
    """One file of a model: its name, the SHA-256 of its content, its size in bytes."""

    name: str
    sha256: str
    bytes: int

    @property
    def digest(self) -> Digest:
        """The SHA-256, as `fetch` wants it."""
        return Digest("sha256", self.sha256)


@dataclass(frozen=True)
class Entry:
    """A shipped model: its name, its card, and the files that hold its weights."""

    name: str
    card: Card
    files: tuple[File, ...]

    @property
    def tested(self) -> Tested:
        """What its card says of test images; raises `InputError` where it says nothing, or less."""
        found = Tested.read(self.card)
        if found is None:
            raise InputError(f"{self.card.file} has no evaluation", "a card as shipped")
        return found

    @property
    def weights(self) -> str:
        """The name of the file to load (its shards, if any, lie beside it)."""
        return f"{self.name}.safetensors"


def entries(folder: AnyPath | None = None) -> dict[str, Entry]:
    """Return the shipped models by name, from the cards in `folder` (default: the package's)."""
    place = as_path(folder or SHIPPED)
    return {path.stem: read_entry(path) for path in sorted(place.glob("*.json"))
            if not path.name.endswith(".index.json")}  # fmt: skip


def read_entry(path: Path) -> Entry:
    """Return the entry that a card describes; raise `InputError` for a card that is damaged."""
    try:
        said = read_json(path)
        files = decode_fields({"files": tuple[File, ...]}, said, "it")["files"]
    except InputError as error:
        raise InputError(
            f"the card {path} is damaged ({error.received})", "a card as shipped", "install again"
        ) from error
    return Entry(path.stem, Card(said, str(path)), files)


def entry(name: str) -> Entry:
    """Return a shipped model by name; raise `UnknownName` for one that is not shipped."""
    table = entries()
    if name not in table:
        raise UnknownName("model", name, table)
    return table[name]

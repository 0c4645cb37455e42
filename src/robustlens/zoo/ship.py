"""Shipping a trained model: rounded, cut into files, measured, and its card written.

    ship(Path("runs/models/X/weights.safetensors"), "fashion-l2-1.5", SHIPPED, data="fashion")

What is measured is what is shipped: the rounded weights, read back from the file.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from robustlens.data import SOURCES, Dataset
from robustlens.data import load as load_data
from robustlens.decoding import encode
from robustlens.errors import InputError
from robustlens.files import AnyPath, as_path, write_json
from robustlens.losses import NOISY
from robustlens.nets import Architecture, load, save
from robustlens.nets.cards import Card
from robustlens.nets.checkpoints import digest_of
from robustlens.provenance import provenance
from robustlens.zoo import table
from robustlens.zoo.measure import Measured, Trial, measure, trials
from robustlens.zoo.table import Entry, File, read_entry

KEPT = ("recipe", "classes", "data", "validation", "provenance")
"""What a checkpoint of `recipes.fit` says of itself, and a shipped one must say too."""
ATTACKED = 1000


@dataclass(frozen=True)
class Made:
    """What of a recipe, which lies above this package, the measuring of its model needs."""

    data: str
    size: int
    loss: str
    norm: str
    eps: str
    sigma: float

    @classmethod
    def of(cls, card: Card) -> "Made":
        """Return it from a card that has a recipe; raises as `Card.entry`."""
        found: Made | None = card.entry("recipe", cls)
        assert found is not None, "ship has looked"
        return found


def ship(
    source: AnyPath,
    name: str,
    folder: AnyPath,
    *,
    data: str = "",
    purpose: str = "",
    pgd: int = ATTACKED,
    autoattack: int = ATTACKED,
    certified: int = 500,
    device: torch.device | None = None,
    records: AnyPath = Path("runs/cards"),
    say: Callable[[str], None] = print,
) -> Entry:
    """Write a model's weights in float16 to `folder` and its card to the table; return the entry.

    A `source` that lies there already under that name is left as it is, and gets a new card.
    The card holds clean accuracy on all test images, and accuracy under PGD-20 and AutoAttack on
    that many of them, alike from every class, in the ball of the recipe; after training with
    noise, also accuracy under that noise, and certified accuracy on `certified` images.

    Args:
        data: whose test images measure it; default: those of the recipe's data.
        purpose: what the model is for, in a sentence; default: what an earlier card says.
        records: a folder for the attacks' records: the same call goes on after a kill.

    Raises:
        InputError: the checkpoint says not enough of itself, or as `load` and `data.load`.
    """
    source, folder, records = as_path(source), as_path(folder), as_path(records)
    path = folder / f"{name}.safetensors"
    model, said = load(source)
    missing = [key for key in KEPT if key not in said]
    if missing:
        raise InputError(f"{source} does not say its {', '.join(missing)}", "a model of `fit`")
    if source.resolve() != path.resolve():
        for old in folder.glob(f"{name}-?????-of-?????.safetensors"):
            old.unlink()
        save(path, model, architecture=said.architecture or Architecture(), dtype=torch.float16,
             card={key: said[key] for key in KEPT})  # fmt: skip
    files = [_file(path) for path in sorted(folder.glob(f"{name}*")) if _belongs(path, name)]
    made = Made.of(said)
    images = load_data(data or made.data, "test", size=made.size or None)
    sigma = made.sigma if made.loss in NOISY else 0.0
    todo = trials(
        made.norm, made.eps, total=len(images), pgd=pgd, ensemble=autoattack, sigma=sigma,
        certified=certified,
    )  # fmt: skip
    evaluation = {"size": made.size, **_evaluation(path, images, todo, device, records, say)}
    purpose = purpose or _purpose(name)
    told = {"purpose": purpose} if purpose else {}
    first = {"name": name, **told, **_described(said)}
    card = {**first, "files": encode(files), "evaluation": evaluation}
    write_json(table.SHIPPED / f"{name}.json", card)
    return read_entry(table.SHIPPED / f"{name}.json")


def _purpose(name: str) -> str:
    """Return what the card that is there says the model is for, if there is one."""
    known = table.entries().get(name)
    return known.card.purpose if known else ""


def _belongs(path: Path, name: str) -> bool:
    """Say whether a file is the model's own: whole, a shard, or the index of its shards."""
    rest = path.name.removeprefix(name)
    return rest in (".safetensors", ".safetensors.index.json") or path.match(
        f"{name}-?????-of-?????.safetensors"
    )


def _file(path: Path) -> File:
    content = path.read_bytes()
    return File(path.name, hashlib.sha256(content).hexdigest(), len(content))


def _described(said: Card) -> dict[str, Any]:
    """Return what the card says of net, recipe and training, from the checkpoint's own card."""
    origin = {k: v for k, v in said["provenance"].items() if k != "config"}
    source = SOURCES.get(Made.of(said).data)
    licence = source.licence if source else "see its owner"
    return {
        "licence": f"weights: MIT, as the package; images trained on: {licence}",
        "architecture": said["architecture"],
        "classes": said["classes"],
        "recipe": said["recipe"],
        "training": origin,
        "validation": said["validation"],
    }


def _evaluation(
    path: Path,
    data: Dataset,
    todo: Sequence[Trial],
    device: torch.device | None,
    records: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:
    model = load(path).model.to(device or torch.device("cpu"))
    records.mkdir(parents=True, exist_ok=True)
    rows: list[Measured] = []
    for trial in todo:
        save = records / f"{path.stem}-{digest_of(model)[:8]}-{trial.attack}-{trial.n}.jsonl"
        rows.append(measure(trial, model, data, save))
        say(f"{path.stem}: {rows[-1]}, {rows[-1].seconds:.0f} s")
    origin = provenance("", {}, seed=0, seconds=sum(row.seconds for row in rows), device=device)
    keys = ("seconds", "device", "threads", "date", "commit", "versions")
    return {
        "data": data.name,
        "split": "test",
        "digest": data.digest,
        "numbers": [row.as_dict() for row in rows],
        **{key: encode(getattr(origin, key)) for key in keys},
    }

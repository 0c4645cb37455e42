"""`robustlens data build relabelled | robustified | random-labels | random-changes | mistakes`."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from robustlens import constructed
from robustlens.cli.command import Answer, device
from robustlens.cli.flags.sets import KINDS, BuildSet
from robustlens.cli.images import described, heading
from robustlens.data import Dataset
from robustlens.data.saved import CARD, read_card
from robustlens.decoding import decode
from robustlens.errors import InputError
from robustlens.evaluation import Rate
from robustlens.provenance import command_line
from robustlens.subject import Subject, bring, prepare

__all__ = ["KINDS", "built"]


def built(command: BuildSet) -> Answer:
    """Build the set, or find it built; say what it is and what to do with it."""
    if command.batch_size < 1:
        raise InputError(f"batch size {command.batch_size}", "at least 1", "change --batch-size")
    subject = _subject(command, command.weights, command.model)
    ready = prepare([subject], command.data, split="train", size=command.size, limit=command.limit)
    net, source = subject.checkpoint, ready.data
    found = (command.out / "train" / CARD).exists()
    build = getattr(constructed, command.maker)
    build(source, net, command.out, **_settings(command))
    return _answer(command.out, read_card(command.out / "train"), source, found)


def _settings(command: BuildSet) -> dict[str, Any]:
    """Return the arguments of the function by name, checkpoints loaded."""
    shared = {field.name for field in fields(BuildSet)} - {"batch_size"}
    own = {f.name: getattr(command, f.name) for f in fields(command) if f.name not in shared}
    nets = {k: [_subject(command, path).checkpoint for path in own[k]]
            for k in ("also", "against") if k in own}  # fmt: skip
    return own | nets


def _subject(command: BuildSet, weights: Path | None, model: str | None = None) -> Subject:
    """Return a model on the device, in evaluation mode."""
    found = bring(model, weights=weights, device=device(command.device))
    found.model.eval()
    return found


def _answer(folder: Path, card: Mapping[str, Any], source: Dataset, found: bool) -> Answer:
    kept = "labels that are those of the source"
    hit, own = (decode(Rate, card[key], key) for key in ("hit rate", kept))
    # Where labels were changed, images cut from the set say nothing about the real task.
    last = ("--validation", "0") if own.value < 1 else ()
    then = command_line("robustlens", "train", "--data", str(folder), *last)
    far = card["distance"]["l2"]
    text = (
        f"{folder} {'was built before' if found else 'is built'}: {card['name']}, "
        f"{card['n']} images, digest {card['digest']}\n"
        f"  made of: {heading(source)}\n"
        f"  the model sees the new label: {hit}\n"
        f"  {kept}: {own}\n"
        f"  l2 distance from the source: mean {far['mean']:.3g}, largest {far['largest']:.3g}\n"
        f"next: {then}"
    )
    payload = {"folder": str(folder), "found": found, "next": then, "images": described(source)}
    return Answer({**payload, **card}, text)

"""`robustlens models list | show | get | verify`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from robustlens.cli.command import Answer, Build, Command, columns, device
from robustlens.cli.models import short, told
from robustlens.nets.checkpoints import read
from robustlens.zoo import Entry, Measured, Outcome, Verdict, entries, entry, get, verify
from robustlens.zoo.places import find, folders
from robustlens.zoo.verify import REPEATED


@dataclass(frozen=True, kw_only=True)
class ModelsHelp(Command):
    """Models: robustlens models list | show | get | verify (robustlens models --help).

    Example: robustlens models list
    """

    def run(self) -> Answer:
        """List the models: those shipped, and those in the usual folder."""
        return ModelsList().run()


@dataclass(frozen=True, kw_only=True)
class ModelsList(Command):
    """List the models that are shipped, with their accuracies, and those trained into a folder.

    A shipped model is loaded by its name: robustlens evaluate --weights NAME

    Example: robustlens models list --folder runs/models
    """

    folder: Path = Path("runs/models")  # where robustlens train puts its models

    def run(self) -> Answer:
        """List them."""
        shipped = list(entries().values())
        trained = [
            {"path": str(path), "validation": read(path)[1].get("validation", {})}
            for path in sorted(self.folder.glob("*/weights.safetensors"))
        ]
        heads = ["shipped", "ball", "clean", "PGD-20", "AutoAttack", "weights"]
        lines = columns(heads, [_line(item) for item in shipped])
        lines += [f"\ntrained into {self.folder}"]
        lines += [f"{row['path']}  {short(row['validation'])}" for row in trained] or [
            f"no models in {self.folder}; robustlens train makes one"
        ]
        payload = {"shipped": [_row(item) for item in shipped], "models": trained}
        return Answer(payload, "\n".join(lines))


@dataclass(frozen=True, kw_only=True)
class ModelsShow(Command):
    """Show the card of a model: net, data, training, accuracies, SHA-256 of its files.

    With --json, all of it.

    Example: robustlens models show cifar10-l2-0.5

    A trained one: robustlens models show runs/models/NAME/weights.safetensors
    """

    model: Annotated[Path, tyro.conf.Positional]  # a name from "models list", or a checkpoint

    def run(self) -> Answer:
        """Show it."""
        shipped = entries().get(str(self.model))
        card = dict(shipped.card) if shipped is not None else read(self.model)[1]
        return Answer(card, "\n".join([str(self.model), *(f"  {line}" for line in told(card))]))


@dataclass(frozen=True, kw_only=True)
class ModelsGet(Command):
    """Put the weights of a shipped model on this machine, or continue a download that broke off.

    Models in the package and in a checkout's weights/ are there already. Others come from the
    folder whose address is --url or the environment variable ROBUSTLENS_MODELS_URL. Every file is
    compared with the SHA-256 of its card.

    Example: robustlens models get cifar10-l2-0.5
    """

    name: Annotated[str, tyro.conf.Positional]  # a name from "models list"
    url: str | None = None  # the address of a folder that has the files

    def run(self) -> Answer:
        """Fetch it."""
        path = get(entry(self.name), self.url)
        return Answer({"name": self.name, "path": str(path)}, f"{self.name} is at {path}")


@dataclass(frozen=True, kw_only=True)
class ModelsVerify(Command):
    """Measure shipped models again: SHA-256, clean and PGD accuracy, beside what the cards say.

    A number agrees when it lies within the card's interval (with --limit: when the two intervals
    meet). A model whose weights or images are not on this machine is skipped, with the reason.
    Exit code 1 when a model differs from its card or a file is not what was shipped.

    Example: robustlens models verify
    """

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()  # default: all
    attacks: tuple[str, ...] = REPEATED  # which numbers: none (clean), noise, pgd, autoattack
    limit: int = 0  # at most this many images for each number; 0: as many as the card
    device: str = "auto"  # auto, cpu or cuda

    def run(self) -> Answer:
        """Verify them, one after the other."""
        chosen = [entry(name) for name in self.names] or list(entries().values())
        where = device(self.device)
        verdicts = [
            verify(item, attacks=self.attacks, limit=self.limit, device=where) for item in chosen
        ]
        rows = [line for verdict in verdicts for line in _lines(verdict)]
        text = columns(["model", "outcome", "accuracy", "card", "now"], rows)
        counts = {o.value: sum(v.outcome is o for v in verdicts) for o in Outcome}
        foot = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
        text += ["", *(f"{v.name}: {v.reason}" for v in verdicts if v.reason), foot]
        payload = {"models": [_row_of(verdict) for verdict in verdicts], **counts}
        return Answer(payload, "\n".join(text), int(any(v.failed for v in verdicts)))


MODELS: Mapping[str, Build] = {
    "list": ModelsList,
    "show": ModelsShow,
    "get": ModelsGet,
    "verify": ModelsVerify,
}


def _line(item: Entry) -> list[str]:
    """Return a shipped model as the cells of a row."""
    clean, pgd, ensemble, *_ = (Measured.read(row) for row in item.card["evaluation"]["numbers"])
    rates = [f"{m.rate} n {m.rate.n}" for m in (clean, pgd, ensemble)]
    return [item.name, f"{pgd.trial.norm} {pgd.trial.eps}", *rates, _place(item)]


def _place(item: Entry) -> str:
    names = dict(zip(folders(), ("in the package", "weights/", "downloaded"), strict=True))
    folder = find(item)
    return "not here" if folder is None else names[folder]


def _row(item: Entry) -> dict[str, Any]:
    folder = find(item)
    numbers = item.card["evaluation"]["numbers"]
    return {"name": item.name, "folder": folder and str(folder), "numbers": numbers}


def _lines(verdict: Verdict) -> Sequence[list[str]]:
    """Return the rows of a model: one for each number, or one without any."""
    pairs = [[m.trial.short, f"{m.rate} n {m.rate.n}", f"{now} n {now.n}"]
             for m, now in verdict.numbers] or [["", "", ""]]  # fmt: skip
    heads = [[verdict.name, verdict.outcome.value], *[["", ""]] * (len(pairs) - 1)]
    return [head + pair for head, pair in zip(heads, pairs, strict=True)]


def _row_of(verdict: Verdict) -> dict[str, Any]:
    return {
        "name": verdict.name,
        "outcome": verdict.outcome.value,
        "reason": verdict.reason,
        "numbers": [
            {"name": m.name, "card": m.rate._asdict(), "now": now._asdict()}
            for m, now in verdict.numbers
        ],
    }

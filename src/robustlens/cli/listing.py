"""`robustlens list`, `robustlens data list`, `robustlens models list`: what there is, at once.

Nothing here needs torch: tables of the package and the names of files are all it reads.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustlens.cli.command import Answer, Command, columns
from robustlens.data import places
from robustlens.data.table import SOURCES, Source
from robustlens.nets.cards import card_of
from robustlens.presets import PRESETS
from robustlens.studies.claims import CLAIMS
from robustlens.studies.listed import LISTED
from robustlens.zoo.places import find, folders
from robustlens.zoo.table import Entry, entries


@dataclass(frozen=True, kw_only=True)
class List(Command):
    """List the claims of the talk, and which of them can be run.

    Example: robustlens list
    """

    def run(self) -> Answer:
        """List them."""
        rows = [{**claim._asdict(), "runnable": claim.id in LISTED} for claim in CLAIMS.values()]
        width = max(map(len, CLAIMS))
        lines = [
            f"{'*' if claim.id in LISTED else ' '} {claim.id:<{width}}  {claim.sentence}"
            for claim in CLAIMS.values()
        ]
        foot = f"\n* can be run: robustlens run ID --preset {'|'.join(PRESETS)}"
        return Answer({"claims": rows}, "\n".join(lines) + "\n" + foot)


@dataclass(frozen=True, kw_only=True)
class DataHelp(Command):
    """Data sets: robustlens data list | get | show | build (robustlens data --help).

    Example: robustlens data show fashion
    """

    def run(self) -> Answer:
        """List the sources."""
        return DataList().run()


@dataclass(frozen=True, kw_only=True)
class DataList(Command):
    """List the data sets that have a name, and say which are on this machine.

    Wherever a name is accepted, so is a path: a folder of class folders with images, an .npz with
    x and y, a folder written by this package, or CIFAR-10's own files.

    Example: robustlens data list
    """

    def run(self) -> Answer:
        """List the sources, and say which are here."""
        rows = [
            {
                "name": source.name,
                "description": source.description,
                "licence": source.licence,
                "place": source.place(),
                "files": source.files,
                "remedy": source.remedy,
            }
            for source in SOURCES.values()
        ]
        looked = [str(folder) for folder in places.folders()]
        lines = [line for source in SOURCES.values() for line in _lines(source)]
        foot = (
            f"Looked in {' and '.join(looked)}; the environment variable {places.VARIABLE} names "
            "another folder.\nYour own images need no place: give the path of a folder "
            "FOLDER/CLASS/*.png, or of an .npz with x and y,\nwherever a name is accepted."
        )
        return Answer({"data": rows, "folders": looked}, "\n".join([*lines, "", foot]))


def _lines(source: Source) -> list[str]:
    """Return what a source is, and where it is or what is to be done."""
    groups = ", or ".join(" and ".join(g) for g in source.files if not Path(g[0]).is_absolute())
    remedy = f", or {source.remedy}" if source.remedy else ""
    place = source.place()
    wanted = f"not here: put {groups} into {places.folders()[0]}{remedy}"
    state = f"here, in {place}" if place else wanted
    width = max(map(len, SOURCES))
    return [
        f"{source.name:<{width}}  {source.description} ({source.licence})",
        f"{'':<{width}}  {state}",
    ]


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
        paths = sorted(self.folder.glob("*/weights.safetensors"))
        trained = {str(path): card_of(path) for path in paths}
        heads = ["shipped", "ball", "clean", "PGD-20", "AutoAttack", "weights"]
        lines = columns(heads, [_line(item) for item in shipped])
        lines += [f"\ntrained into {self.folder}"]
        best = {path: card.validation for path, card in trained.items()}
        lines += [f"{path}  {found.short if found else ''}" for path, found in best.items()] or [
            f"no models in {self.folder}; robustlens train makes one"
        ]
        models = [
            {"path": path, "validation": card.get("validation", {})}
            for path, card in trained.items()
        ]
        payload = {"shipped": [_row(item) for item in shipped], "models": models}
        return Answer(payload, "\n".join(lines))


def _line(item: Entry) -> list[str]:
    """Return a shipped model as the cells of a row."""
    clean, pgd, ensemble, *_ = item.tested.numbers
    rates = [f"{m.rate} n {m.rate.n}" for m in (clean, pgd, ensemble)]
    return [item.name, f"{pgd.trial.norm} {pgd.trial.eps}", *rates, _place(item)]


def _place(item: Entry) -> str:
    names = dict(zip(folders(), ("in the package", "weights/", "downloaded"), strict=True))
    folder = find(item)
    return "not here" if folder is None else names[folder]


def _row(item: Entry) -> dict[str, Any]:
    folder = find(item)
    numbers = [row.as_dict() for row in item.tested.numbers]
    return {"name": item.name, "folder": folder and str(folder), "numbers": numbers}

"""`robustlens data list | get | show | build`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from robustlens.cli.build import build
from robustlens.cli.command import Answer, Build, Command
from robustlens.cli.images import described, reading
from robustlens.data import SOURCES, Source, contact_sheet, get, load
from robustlens.data.dataset import numbered
from robustlens.data.holdout import words
from robustlens.data.listing import readable
from robustlens.data.places import VARIABLE, folders
from robustlens.data.sources import splits
from robustlens.errors import InputError
from robustlens.files import replacing


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
        looked = [str(folder) for folder in folders()]
        lines = [line for source in SOURCES.values() for line in _lines(source)]
        foot = (
            f"Looked in {' and '.join(looked)}; the environment variable {VARIABLE} names another "
            "folder.\nYour own images need no place: give the path of a folder FOLDER/CLASS/*.png, "
            "or of an .npz with x and y,\nwherever a name is accepted."
        )
        return Answer({"data": rows, "folders": looked}, "\n".join([*lines, "", foot]))


def _lines(source: Source) -> list[str]:
    """Return what a source is, and where it is or what is to be done."""
    groups = ", or ".join(" and ".join(g) for g in source.files if not Path(g[0]).is_absolute())
    remedy = f", or {source.remedy}" if source.remedy else ""
    place = source.place()
    state = f"here, in {place}" if place else f"not here: put {groups} into {folders()[0]}{remedy}"
    width = max(map(len, SOURCES))
    return [
        f"{source.name:<{width}}  {source.description} ({source.licence})",
        f"{'':<{width}}  {state}",
    ]


@dataclass(frozen=True, kw_only=True)
class DataGet(Command):
    """Download a data set, or continue a download that broke off.

    Example: robustlens data get cifar10
    """

    name: Annotated[str, tyro.conf.Positional]  # cifar10
    folder: Path | None = None  # where to put it; default: the user's cache folder

    def run(self) -> Answer:
        """Download it."""
        path = get(self.name, self.folder)
        return Answer({"name": self.name, "path": str(path)}, f"{self.name} is at {path}")


@dataclass(frozen=True, kw_only=True)
class DataShow(Command):
    """Write a labelled contact sheet of a data set, as a PNG.

    Example: robustlens data show fashion --out fashion.png
    """

    name: Annotated[str, tyro.conf.Positional]  # a name from "data list", or a path
    split: str | None = None  # train, test or all; default: train, or all of data without splits
    size: int | None = None  # crop and resize to this side, for images of different sizes
    columns: int = 10  # images of each class
    out: Path | None = None  # default: NAME.png here

    def run(self) -> Answer:
        """Draw it."""
        if self.columns < 1:
            raise InputError(f"columns is {self.columns}", "at least 1", "change --columns")
        split = self.split or ("train" if splits(self.name) else "all")
        data = load(self.name, split, size=self.size)
        path = self.out or Path(f"{readable(Path(self.name).stem) or data.name}.png")
        sheet = contact_sheet(data, columns=self.columns)
        with replacing(path) as temporary:
            sheet.save(temporary, format="PNG")
        channels, height, width = data.shape
        payload = {
            "name": data.name,
            "split": split,
            "images": len(data),
            "held out": described(data)["held out"],
            "shape": data.shape,
            "reading": reading(data),
            "classes": data.classes,
            "digest": data.digest,
            "sheet": str(path),
        }
        text = (
            f"{words(data)} of {height} x {width}, "
            f"{channels} channel{'s' if channels > 1 else ''}, {len(data.classes)} classes, "
            f"digest {data.digest}\nclasses: {numbered(data.classes)}\nsheet: {path}"
        )
        text += f"\npixels: {data.reading.resized}" * bool(data.reading.resized)
        return Answer(payload, text)


DATA: Mapping[str, Build] = {
    "list": DataList,
    "get": DataGet,
    "show": DataShow,
    "build": build,
}

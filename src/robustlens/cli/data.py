"""`robustlens data list | get | show | build`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from robustlens.cli.build import build
from robustlens.cli.command import Answer, Build, Command
from robustlens.data import SOURCES, contact_sheet, get, load
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
    """List the data sets that have a name.

    Wherever a name is accepted, so is a path: a folder of class folders with images, an .npz with
    x and y, a folder written by this package, or CIFAR-10's own files.

    Example: robustlens data list
    """

    def run(self) -> Answer:
        """List the sources."""
        rows = [(s.name, s.description, s.licence) for s in SOURCES.values()]
        width = max(len(row[0]) for row in rows)
        text = "\n".join(f"{name:<{width}}  {what} ({licence})" for name, what, licence in rows)
        keys = ("name", "description", "licence")
        return Answer({"data": [dict(zip(keys, row, strict=True)) for row in rows]}, text)


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
    split: str = "train"  # train or test
    size: int | None = None  # crop and resize to this side, for images of different sizes
    columns: int = 10  # images of each class
    out: Path | None = None  # default: NAME.png here

    def run(self) -> Answer:
        """Draw it."""
        if self.columns < 1:
            raise InputError(f"columns is {self.columns}", "at least 1", "change --columns")
        data = load(self.name, self.split, size=self.size)
        path = self.out or Path(f"{Path(self.name).stem}.png")
        sheet = contact_sheet(data, columns=self.columns)
        with replacing(path) as temporary:
            sheet.save(temporary, format="PNG")
        channels, height, width = data.shape
        payload = {
            "name": data.name,
            "split": self.split,
            "images": len(data),
            "shape": data.shape,
            "classes": data.classes,
            "digest": data.digest,
            "sheet": str(path),
        }
        text = (
            f"{data.name} {self.split}: {len(data)} images of {height} x {width}, "
            f"{channels} channel{'s' if channels > 1 else ''}, {len(data.classes)} classes, "
            f"digest {data.digest}\nsheet: {path}"
        )
        return Answer(payload, text)


DATA: Mapping[str, Build] = {
    "list": DataList,
    "get": DataGet,
    "show": DataShow,
    "build": build,
}

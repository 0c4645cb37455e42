"""What can be typed after `robustlens data get | show`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from robustlens.cli.command import Command


@dataclass(frozen=True, kw_only=True)
class DataGet(Command):
    """Download a data set, or continue a download that broke off.

    Example: robustlens data get cifar10
    """

    name: Annotated[str, tyro.conf.Positional]  # cifar10
    folder: Path | None = None  # where to put it; default: the user's cache folder

    home: ClassVar[str] = "robustlens.cli.data"


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

    home: ClassVar[str] = "robustlens.cli.data"

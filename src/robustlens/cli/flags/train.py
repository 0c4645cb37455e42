"""What can be typed after `robustlens train | recipes`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from robustlens.cli.command import Command

START = 'begin with this recipe: a name from "robustlens recipes", or a file that ends in .toml'


@dataclass(frozen=True, kw_only=True)
class Train(Command):
    """Train a model by a recipe; the same command continues a training that was stopped.

    The epoch that does best on validation images, cut from the training set, is kept. A fixed fifth
    of every class is held out of data without splits: "evaluate --split test" measures on it. Flags
    beside --recipe change what it says: robustlens train --recipe fashion-standard --epochs 2

    Example: robustlens train --data fashion --loss adversarial --norm l2 --eps 1.5 --epochs 12
    """

    together: ClassVar[bool] = True
    start: Annotated[str, tyro.conf.arg(name="recipe", metavar="NAME", help=START)] = ""
    out: Path = Path("runs/models")  # the model gets a folder of its own in here
    device: str = "auto"  # auto, cpu or cuda
    dry_run: bool = False  # take two steps, say how long the whole would take, write nothing

    home: ClassVar[str] = "robustlens.cli.train"


@dataclass(frozen=True, kw_only=True)
class Recipes(Command):
    """List the recipes that have a name: data, net, loss, and the machine each fits.

    Example: robustlens recipes
    """

    home: ClassVar[str] = "robustlens.cli.train"

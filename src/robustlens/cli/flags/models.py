"""What can be typed after `robustlens models show | get | verify`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from robustlens.cli.command import Command
from robustlens.zoo.measure import REPEATED


@dataclass(frozen=True, kw_only=True)
class ModelsShow(Command):
    """Show the card of a model: net, data, training, accuracies, SHA-256 of its files.

    With --json, all of it.

    Example: robustlens models show cifar10-l2-0.5

    A trained one: robustlens models show runs/models/NAME/weights.safetensors
    """

    model: Annotated[Path, tyro.conf.Positional]  # a name from "models list", or a checkpoint

    home: ClassVar[str] = "robustlens.cli.zoo"


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

    home: ClassVar[str] = "robustlens.cli.zoo"


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

    home: ClassVar[str] = "robustlens.cli.zoo"

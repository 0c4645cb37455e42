"""What can be typed after `robustlens lab`."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from robustlens.cli.command import Command


@dataclass(frozen=True, kw_only=True)
class Lab(Command):
    """Open a page on which a person paints with classes: strokes, pushes, tools, two nets at once.

    It runs on this machine alone, needs no network, and ends with Ctrl-C. It wants the extra:
    pip install robustlens[web]

    Example: robustlens lab
    """

    model: tuple[str, ...] = ()  # shipped robust nets; default: those on this machine
    port: int = 0  # of 127.0.0.1; 0: any that is free
    open: bool = True  # open the page in a browser
    out: Path = Path("runs")  # where the page of the talk lies, if there is one
    device: str = "auto"  # auto, cpu or cuda

    home: ClassVar[str] = "robustlens.cli.lab"

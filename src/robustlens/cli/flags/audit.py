"""What can be typed after `robustlens audit`."""

import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from robustlens.cli.command import Answer, Command

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGAN: ContextVar[float] = ContextVar("began")
"""When the command began, before what does it was imported."""


@dataclass(frozen=True, kw_only=True)
class Audit(Command):
    """Read what a model has learned, within a time: one page, one JSON, one row per image.

    First two passes are timed, and the plan is said with its price: how many images, which
    attacks, how wide the interval will be, when it ends. The cheapest strong attack goes first. At
    the end of the time what is not decided counts as undecided: robust accuracy lies between two
    numbers. The same command goes on from there. Where something speaks for masked gradients the
    verdict is withheld.

    Measured are: clean accuracy, robust accuracy under an ensemble in every ball that is asked for,
    the curve over the radius, signs of masking, corruptions, rotations and colours, certified
    radii, gradient alignment, usefulness of units, transfer, confusions, and the images closest to
    the border.

    Example: robustlens audit --model fashion-l2-1.5 --data fashion --norm l2 --eps 1.5 --minutes 2

    Your own: robustlens audit --model nets/mine.py:build --data ./photos --norm linf l2 --eps 4/255
    0.5 --out report

    --model and --data take what "robustlens evaluate" takes: also hf:FOLDER and model.onnx; class
    folders, pictures lying flat (the model's own answers stand in for labels), CSV or JSON.
    """

    doubts: ClassVar[bool] = True
    data: str  # a name from "robustlens data list", or a path
    model: str | None = None  # module:function, file.py:function, hf:FOLDER, .onnx, or a name
    weights: Path | None = None  # a .safetensors file, or a name from "robustlens models list"
    compare: tuple[str, ...] = field(default=())  # other models, side by side; they share the time
    out: Path = Path("report")  # a folder for index.html, audit.json and images.jsonl
    norm: tuple[str, ...] = ("l2",)  # linf, l2 or l1: one, or one for each radius
    eps: tuple[str, ...] = ("0.5",)  # radii in [0, 1] units, as 0.5 or 8/255; the first is judged
    minutes: float = 10.0  # of everything, loading and the page included
    size: int | None = None  # crop and resize images of different sizes to this side
    split: str | None = None  # train, test or all; default: test, or all of data without splits
    limit: int = 0  # attack at most this many images, alike from every class; 0: by the time
    sigma: float = 0.25  # of the noise under which radii are certified
    severity: int = 3  # of the corruptions, 1 to 5
    seed: int = 0
    anew: bool = False  # begin again, with the steps of the same audit put aside
    device: str = "auto"  # auto, cpu or cuda

    home: ClassVar[str] = "robustlens.cli.audit"

    def run(self) -> Answer:
        """Do it; what importing takes counts."""
        BEGAN.set(time.perf_counter())
        return super().run()

    @property
    def specs(self) -> "Sequence[str | None]":
        """The models: the one that is audited, then those beside it."""
        return (self.model, *self.compare)

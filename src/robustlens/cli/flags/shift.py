"""What can be typed after `robustlens shift`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from robustlens.cli.command import Command


@dataclass(frozen=True, kw_only=True)
class Shift(Command):
    """Measure how far one folder of images lies from another, in what a net sees; without labels.

    Three numbers: how often a linear classifier, asked about images it has not seen, tells which
    folder they are of (50 %: it cannot); the kernel distance, with the p-value of a permutation
    test; the share of images of B that are farther from A than 95 % of A's own are from each
    other. With --out, a picture of the images of B that moved most, each beside its nearest in A.

    A distance is no loss of accuracy. In the study shift-by-representations distances order shifts
    best for the very net that they are measured in: take the model whose accuracy you care for.
    Distances of different models are in different units.

    Example: robustlens shift ./may ./june --weights imagenette64-l2-1.5 --size 64 --out shift
    """

    doubts: ClassVar[bool] = True
    a: Annotated[str, tyro.conf.Positional]  # a folder of images, or a name from "data list"
    b: Annotated[str, tyro.conf.Positional]  # what is compared with it
    weights: Path | None = None  # a .safetensors file, or a name from "robustlens models list"
    model: str | None = None  # module:function, file.py:function, hf:FOLDER, .onnx, or a name
    layer: str | None = None  # the module to read, by its name; default: what the head receives
    size: int | None = None  # crop and resize images to this side
    split: str | None = None  # train, test or all; default: test, or all of data without splits
    limit: int = 1000  # at most this many images of each, drawn at random
    permutations: int = 999  # of the permutation test
    moved: int = 8  # images that moved most, in the answer and in the picture
    out: Path | None = None  # a new folder for the picture and result.json
    seed: int = 0
    device: str = "auto"  # auto, cpu or cuda

    home: ClassVar[str] = "robustlens.cli.shift"

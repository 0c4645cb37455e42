"""What can be typed after `robustlens certify`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from robustlens.cli.command import Command

SAVE = "one JSON line per image; default: in runs/certificates"


@dataclass(frozen=True, kw_only=True)
class Certify(Command):
    """Certify what a model answers under Gaussian noise: a class and a radius for each image.

    With probability 1 - alpha for each image, the smoothed model, which answers what the model
    answers most often under noise, keeps its class at every l2 distance below the radius. It wants
    a model trained with such noise. Rows are saved as they are done; after a kill, the same command
    goes on. Rows are never deleted: those of another run in the same place are put aside (as
    rows.old), or refused with --resume. Images are those that "evaluate" takes.

    Example: robustlens certify --weights cifar10-noise-0.25 --data cifar10 --sigma 0.25 --limit 500

    In a given time: robustlens certify --weights cifar10-noise-0.25 --data cifar10 --sigma 0.25
    --limit 100 --minutes 10

    Your own: robustlens certify --model my_pkg:build --weights w.safetensors --data ./images
    --sigma 64/255 --sequential
    """

    together: ClassVar[bool] = True
    doubts: ClassVar[bool] = True
    data: str  # a name from "robustlens data list", or a path
    weights: Path | None = None  # a .safetensors file, or a name from "robustlens models list"
    model: str | None = None  # module:function that returns your model for [0, 1] images; or a name
    size: int | None = None  # crop and resize images of different sizes to this side
    split: str | None = None  # train, test or all; default: test, or all of data without splits
    limit: int | None = None  # this many images, alike from every class; 0: all; default: 500
    sigma: float = 0.25  # of the noise, in [0, 1] units, as 0.25 or 64/255
    sampler: str = "gaussian"  # gaussian; rounded: drawn exactly, no rounding of floats can fool it
    sequential: bool = False  # stop asking when the radii are settled: far fewer votes
    n: int | None = None  # votes that certify an image, at most; default: 100000
    n0: int | None = None  # votes that choose its class; default: 100, sequential 16
    minutes: float | None = None  # choose n such that it takes this long, and say what follows
    alpha: float = 0.001  # the chance of a false certificate, for each image
    radii: tuple[float, ...] = ()  # of the table; with --sequential those to settle
    seed: int = 0
    batch_size: int = 256  # noisy copies in one forward pass
    save: Annotated[Path | None, tyro.conf.arg(help=SAVE, aliases=["--records"])] = None
    resume: bool = False  # only go on: refuse a file with the rows of another run
    anew: bool = False  # begin again, with the rows of the same run put aside
    tsv: Path | None = None  # also write the table that the code of Cohen et al. (2019) writes
    device: str = "auto"  # auto, cpu or cuda

    home: ClassVar[str] = "robustlens.cli.certify"

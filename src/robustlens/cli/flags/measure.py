"""What can be typed after `robustlens evaluate | sanity | transfer`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from robustlens.cli.command import Command


@dataclass(frozen=True, kw_only=True)
class Evaluate(Command):
    """Measure accuracy as images are and under an attack, with one record per image.

    Accuracy under any attack is an upper bound of robust accuracy: a stronger one may leave less.
    "autoattack" is the one to trust. Records are saved batch by batch; after a kill, the same
    command goes on. Records are never deleted: those of another run in the same place are put
    aside (.old, .old.1 and so on), or refused with --resume.

    All images of a folder or an .npz are measured, unless it has splits (then the test images), or
    the model was trained on them here (then the fifth of every class that training held out).

    Example: robustlens evaluate --weights w.safetensors --data fashion --norm l2 --eps 1.5

    Your own: robustlens evaluate --model my_pkg:build --weights w.safetensors --data ./images
    --norm linf --eps 8/255 --attack autoattack --limit 1000

    --model takes the name of a shipped model, a function of yours that returns a model for images
    in [0, 1] (my_pkg:build, nets/mine.py:build), a Hugging Face checkpoint for image classification
    (hf:FOLDER), or an ONNX file. --data takes class folders, pictures lying flat (the model's own
    answers stand in for labels), or a CSV or JSON that lists files and labels.
    """

    together: ClassVar[bool] = True
    doubts: ClassVar[bool] = True
    data: str  # a name from "robustlens data list", or a path
    weights: Path | None = None  # a .safetensors file, or a name from "robustlens models list"
    model: str | None = None  # module:function, file.py:function, hf:FOLDER, .onnx, or a name
    size: int | None = None  # crop and resize images of different sizes to this side
    split: str | None = None  # train, test or all; default: test, or all of data without splits
    limit: int = 0  # this many images, alike from every class; 0: all
    norm: str = "l2"  # linf, l2 or l1
    eps: str = "0.5"  # radius in [0, 1] units, as 0.5 or 8/255
    attack: str = "pgd"  # autoattack, pgd, apgd, fab, square, ddn, fmn and others
    version: str | None = None  # of autoattack: standard, adaptive, plus or rand
    steps: int | None = None  # of the attack; its own default if not given
    restarts: int | None = None  # of the attack; its own default if not given
    queries: int | None = None  # of a black-box attack; its own default if not given
    seed: int = 0
    batch_size: int | None = None  # images saved together; default: a quarter, 16 to 250
    records: Path | None = None  # one JSON line per image; default: in runs/evaluations
    resume: bool = False  # only go on: refuse a file with the records of another run
    anew: bool = False  # begin again, with the records of the same run put aside
    board: Path | None = None  # also write the result in the shape of a RobustBench entry
    device: str = "auto"  # auto, cpu or cuda

    home: ClassVar[str] = "robustlens.cli.evaluate"


@dataclass(frozen=True, kw_only=True)
class Sanity(Command):
    """Look for gradient masking and for wrong use: each check says what it means and what to do.

    The model is seen in the mode in which it is handed over: build it as you would use it.

    Example: robustlens sanity --weights w.safetensors --data fashion --norm l2 --eps 1.5

    Your own: robustlens sanity --model my_pkg:build --data ./images --norm linf --eps 8/255
    """

    data: str  # a name from "robustlens data list", or a path
    weights: Path | None = None  # a .safetensors file, or a name from "robustlens models list"
    model: str | None = None  # module:function, file.py:function, hf:FOLDER, .onnx, or a name
    size: int | None = None  # crop and resize images of different sizes to this side
    split: str | None = None  # train, test or all; default: test, or all of data without splits
    limit: int = 64  # this many images, alike from every class
    norm: str = "l2"  # linf, l2 or l1: what robustness is claimed for
    eps: str = "0.5"  # its radius in [0, 1] units, as 0.5 or 8/255
    seed: int = 0
    device: str = "auto"  # auto, cpu or cuda

    home: ClassVar[str] = "robustlens.cli.sanity"


@dataclass(frozen=True, kw_only=True)
class Transfer(Command):
    """Show every model the adversarial examples of every other, and count who falls.

    Rows: made on; columns: shown to. A success is an image that a model gets right as it is, and
    wrong after the change; each share has its interval. The answer is a Markdown table.

    Example: robustlens transfer --data fashion --norm l2 --eps 1.5 --weights a.safetensors
    b.safetensors c.safetensors --names small resnet robust
    """

    doubts: ClassVar[bool] = True
    data: str  # a name from "robustlens data list", or a path
    weights: tuple[Path, ...]  # two models or more: .safetensors, names, or as --model elsewhere
    names: tuple[str, ...] = field(default=())  # what to call them; default: their files or folders
    size: int | None = None  # crop and resize images of different sizes to this side
    split: str | None = None  # train, test or all; default: test, or all of data without splits
    limit: int = 0  # this many images, alike from every class; 0: all
    norm: str = "l2"  # linf, l2 or l1
    eps: str = "0.5"  # radius in [0, 1] units, as 0.5 or 8/255
    attack: str = "pgd"  # pgd, apgd, mi_fgsm and others
    steps: int = 20  # of the attack
    seed: int = 0
    batch_size: int = 250
    device: str = "auto"  # auto, cpu or cuda

    home: ClassVar[str] = "robustlens.cli.transfer"

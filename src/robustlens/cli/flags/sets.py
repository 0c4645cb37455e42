"""What can be typed after `robustlens data build`."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Union

from tyro.conf import subcommand

from robustlens.cli.command import Answer, Command
from robustlens.constructed.kinds import Hold


@dataclass(frozen=True, kw_only=True)
class BuildSet(Command):
    """From images and a model to a new training set: what the kinds of sets share."""

    data: str  # images to start from: a name from "robustlens data list", or a path
    out: Path  # the folder that becomes the set; the same command goes on with one that was stopped
    weights: Path | None = None  # a .safetensors file, or a name from "robustlens models list"
    model: str | None = None  # module:function, file.py:function, hf:FOLDER, .onnx, or a name
    size: int | None = None  # crop and resize images of different sizes to this side
    limit: int = 0  # this many training images, alike from every class; 0: all
    batch_size: int = 250  # images made at once; part of what the set is
    device: str = "auto"  # auto, cpu or cuda

    home: ClassVar[str] = "robustlens.cli.build"
    maker: ClassVar[str]  # the function of `constructed` whose arguments are the further flags

    def run(self) -> Answer:
        """Build the set, or find it built; say what it is and what to do with it."""
        answer: Answer = import_module(self.home).built(self)
        return answer


@dataclass(frozen=True, kw_only=True)
class Relabelled(BuildSet):
    """Push every image a little towards a class, and label it with that class (D_rand, D_det).

    To a person most labels look wrong; a net trained on the set is right on real images. Targets:
    random (any class), wrong (any but its own), next (the class after its own), other (of two).

    Example: robustlens data build relabelled --data fashion --weights w.safetensors --eps 1.5
    --steps 30 --step-size 0.3 --out runs/d-rand
    """

    targets: str = "random"  # random, wrong, next or other
    norm: str = "l2"  # linf, l2 or l1
    eps: str = "0.5"  # radius in [0, 1] units, as 0.5 or 8/255
    steps: int = 100  # of the ascent
    step_size: float = 0.1  # length of a step
    also: tuple[Path, ...] = ()  # checkpoints of further models that are pushed too
    against: tuple[Path, ...] = ()  # checkpoints of models that must not be moved
    penalty: float = 1.0  # how much those count
    hold: Hold = "class"  # what of those must not move: class (that of the image) or logits
    seed: int = 0  # of the random targets

    maker: ClassVar[str] = "relabelled"


@dataclass(frozen=True, kw_only=True)
class Robustified(BuildSet):
    """Rebuild every image from another one, until the model cannot tell them apart (D_R, D_NR).

    With a robust model the set holds the robust features of its images (D_R): a net trained on it
    in the usual way is more robust. With a standard model it is the control (D_NR).

    Example: robustlens data build robustified --data fashion --limit 3000
    --weights robust.safetensors --steps 50 --step-size 0.5 --out runs/d-robust
    """

    start: str = "images"  # images (each begins at another one) or noise
    steps: int = 1000  # towards the image's representation; from noise 10,000 in the paper
    step_size: float = 0.1  # l2 length of a step
    layer: str | None = None  # whose output is matched, by name; default: what the last layer reads
    seed: int = 0  # of the starts

    maker: ClassVar[str] = "robustified"


@dataclass(frozen=True, kw_only=True)
class RandomLabels(BuildSet):
    """Keep images as they are, with the labels that `relabelled` would give: a control.

    A net trained on the set learns what relabelling alone teaches. The model only judges.

    Example: robustlens data build random-labels --data fashion --weights w.safetensors
    --out runs/labels
    """

    targets: str = "random"  # random, wrong, next or other
    seed: int = 0  # of the random labels

    maker: ClassVar[str] = "random_labels"


@dataclass(frozen=True, kw_only=True)
class RandomChanges(BuildSet):
    """Change images at random by as much as `relabelled`, with the labels it gives: a control.

    The changes have a length and no meaning. The model only judges.

    Example: robustlens data build random-changes --data fashion --weights w.safetensors --eps 1.5
    --out runs/changed
    """

    targets: str = "random"  # random, wrong, next or other
    norm: str = "l2"  # linf, l2 or l1
    eps: str = "0.5"  # length of the change in [0, 1] units, as 0.5 or 8/255
    seed: int = 0  # of the random labels and changes

    maker: ClassVar[str] = "random_changes"


@dataclass(frozen=True, kw_only=True)
class Mistakes(BuildSet):
    """Keep the images that a model gets wrong, as they are, labelled with what it said: a control.

    Example: robustlens data build mistakes --data fashion --weights w.safetensors
    --out runs/mistakes
    """

    maker: ClassVar[str] = "mistakes"


KINDS: Mapping[str, type[BuildSet]] = {
    "relabelled": Relabelled,
    "robustified": Robustified,
    "random-labels": RandomLabels,
    "random-changes": RandomChanges,
    "mistakes": Mistakes,
}
"""The sets by the names a command line uses."""


if TYPE_CHECKING:
    Kind = BuildSet
else:
    named = tuple(Annotated[kind, subcommand(n, prefix_name=False)] for n, kind in KINDS.items())
    Kind = Union[named]  # noqa: UP007 - a union of a tuple


def build(kind: Kind) -> Command:
    """Build a training set that shows what a model's features are worth, or a control of one.

    A set that was stopped goes on where it was; a finished one is found again. The test images
    of the folder are the untouched ones of the data it was built from.

    Example: robustlens data build relabelled --data fashion --weights w.safetensors --out runs/d
    """
    return kind

"""`robustlens data build relabelled | robustified | random-labels | random-changes | mistakes`."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Union

from tyro.conf import subcommand

from robustlens import constructed
from robustlens.cli.bring import brought
from robustlens.cli.command import Answer, Command, device
from robustlens.cli.images import compare_classes, described, heading, limited
from robustlens.constructed.pushing import Hold
from robustlens.data import Dataset, load
from robustlens.data.saved import CARD, read_card
from robustlens.errors import InputError
from robustlens.evaluation import Rate, on_device_of
from robustlens.nets import Checkpoint
from robustlens.provenance import command_line


@dataclass(frozen=True, kw_only=True)
class BuildSet(Command):
    """From images and a model to a new training set: what the kinds of sets share."""

    data: str  # images to start from: a name from "robustlens data list", or a path
    out: Path  # the folder that becomes the set; the same command goes on with one that was stopped
    weights: Path | None = None  # a .safetensors file, or a name from "robustlens models list"
    model: str | None = None  # module:function that returns your model for [0, 1] images; or a name
    size: int | None = None  # crop and resize images of different sizes to this side
    limit: int = 0  # this many training images, alike from every class; 0: all
    batch_size: int = 250  # images made at once; part of what the set is
    device: str = "auto"  # auto, cpu or cuda

    @abstractmethod
    def builder(self) -> Callable[..., Dataset]:
        """Return the function that builds such sets; fields of the subclass are its arguments."""

    def settings(self) -> dict[str, Any]:
        """Return its arguments by name."""
        shared = {field.name for field in fields(BuildSet)} - {"batch_size"}
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in shared}

    def run(self) -> Answer:
        """Build the set, or find it built; say what it is and what to do with it."""
        if self.batch_size < 1:
            raise InputError(f"batch size {self.batch_size}", "at least 1", "change --batch-size")
        net = self.net(self.weights, self.model)
        source = load(self.data, size=self.size)
        compare_classes(net.card.get("classes", ()), source)
        source = on_device_of(net.model, limited(source, self.limit))
        found = (self.out / "train" / CARD).exists()
        self.builder()(source, net, self.out, **self.settings())
        return _answer(self.out, read_card(self.out / "train"), source, found)

    def net(self, weights: Path | None, model: str | None = None) -> Checkpoint:
        """Return a model on the device, with its card (empty if it has none)."""
        found = brought(weights, model, device(self.device))
        return found._replace(model=found.model.eval())


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

    def builder(self) -> Callable[..., Dataset]:
        """Return `relabelled`."""
        return constructed.relabelled

    def settings(self) -> dict[str, Any]:
        """Return its arguments by name, checkpoints loaded."""
        further = {
            "also": [self.net(path) for path in self.also],
            "against": [self.net(path) for path in self.against],
        }
        return super().settings() | further


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

    def builder(self) -> Callable[..., Dataset]:
        """Return `robustified`."""
        return constructed.robustified


@dataclass(frozen=True, kw_only=True)
class RandomLabels(BuildSet):
    """Keep images as they are, with the labels that `relabelled` would give: a control.

    A net trained on the set learns what relabelling alone teaches. The model only judges.

    Example: robustlens data build random-labels --data fashion --weights w.safetensors
    --out runs/labels
    """

    targets: str = "random"  # random, wrong, next or other
    seed: int = 0  # of the random labels

    def builder(self) -> Callable[..., Dataset]:
        """Return `random_labels`."""
        return constructed.random_labels


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

    def builder(self) -> Callable[..., Dataset]:
        """Return `random_changes`."""
        return constructed.random_changes


@dataclass(frozen=True, kw_only=True)
class Mistakes(BuildSet):
    """Keep the images that a model gets wrong, as they are, labelled with what it said: a control.

    Example: robustlens data build mistakes --data fashion --weights w.safetensors
    --out runs/mistakes
    """

    def builder(self) -> Callable[..., Dataset]:
        """Return `mistakes`."""
        return constructed.mistakes


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


def _answer(folder: Path, card: Mapping[str, Any], source: Dataset, found: bool) -> Answer:
    kept = "labels that are those of the source"
    hit, own = (Rate(**card[key]) for key in ("hit rate", kept))
    # Where labels were changed, images cut from the set say nothing about the real task.
    last = ("--validation", "0") if own.value < 1 else ()
    then = command_line("robustlens", "train", "--data", str(folder), *last)
    far = card["distance"]["l2"]
    text = (
        f"{folder} {'was built before' if found else 'is built'}: {card['name']}, "
        f"{card['n']} images, digest {card['digest']}\n"
        f"  made of: {heading(source)}\n"
        f"  the model sees the new label: {hit}\n"
        f"  {kept}: {own}\n"
        f"  l2 distance from the source: mean {far['mean']:.3g}, largest {far['largest']:.3g}\n"
        f"next: {then}"
    )
    payload = {"folder": str(folder), "found": found, "next": then, "images": described(source)}
    return Answer({**payload, **card}, text)

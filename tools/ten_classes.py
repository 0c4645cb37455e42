"""The ten-class tables of Ilyas et al. 2019 on CIFAR-10, with nets of two-core size.

    ROBUSTLENS_DATA=... python tools/ten_classes.py --out runs/ten-classes

Each line makes one set, trains a new net on it alone (its last epoch) and asks it about the 10,000
untouched test images. A finished line is kept in the folder, so that a run goes on where it was
stopped; `--only` names lines.
"""

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from robustlens.attacks import autoattack, bind, pgd
from robustlens.balls import L2
from robustlens.constructed import random_changes, random_labels, relabelled, robustified
from robustlens.data import Augmentation, Dataset, load
from robustlens.data.saved import read_card
from robustlens.errors import InputError
from robustlens.evaluation import Rate, accuracy, attacked_accuracy
from robustlens.files import read_json, write_json
from robustlens.nets import Checkpoint
from robustlens.nets import load as load_net
from robustlens.provenance import clock
from robustlens.recipes import Recipe, fit
from robustlens.studies.kit.made import over_classes, right
from robustlens.training import TrainConfig

ROBUST = Path("weights/cifar10-l2-0.5.safetensors")
Build = Callable[[Dataset, Checkpoint, Path], Dataset]


@dataclass(frozen=True, kw_only=True)
class Size:
    """What is smaller than in the paper."""

    width: int = 32  # of the ResNet-8 that learns (12 MMAC an image); the paper: ResNet-50
    epochs: int = 60  # about 200 in the paper
    source: int = 0  # images of the standard net, of width 48; 0: all 50,000
    lessons: int = 15  # epochs of the standard net
    relabelled: int = 20_000  # images of D_rand, D_det and their controls; 50,000
    steps: int = 25  # of 0.1, towards a class; 100
    robustified: int = 5_000  # images of D_R and D_NR; 50,000
    passes: int = 60  # epochs on so few
    matching: int = 50  # steps of 0.5, from another image; 1,000 of 0.1
    attacked: int = 500  # test images that are attacked, as many of each class; 10,000


class Line(NamedTuple):
    """A set, what is measured, and what was published."""

    make: Build | None  # None: images as they are, with their labels
    images: str  # the field of `Size` that says how many
    published: str = ""
    robust: bool = False  # made with the robust net
    attacked: bool = False
    meaningless: bool = False  # its labels say nothing: an interval over classes
    crops: bool = True  # new nets see random crops and flips
    of: str = ""  # the line whose set this one takes; its own if empty


def lines(size: Size) -> dict[str, Line]:
    """Return the lines of the table, the dearest controls last."""
    push = partial(relabelled, eps="0.5", steps=size.steps, step_size=0.1)
    match = partial(robustified, steps=size.matching, step_size=0.5)
    blind = partial(Line, images="relabelled", meaningless=True)
    return {
        "standard": Line(None, "source", "95.25; 4.49 at l2 0.25", attacked=True),
        "D_rand": Line(partial(push, targets="random"), "relabelled", "63.3"),
        "D_R": Line(match, "robustified", "85.40; 48.20 at l2 0.25", True, True),
        "D_NR": Line(match, "robustified", "87.68; 0.82 at l2 0.25", attacked=True),
        "original images, as many as D_R": Line(None, "robustified", attacked=True),
        "D_det": Line(partial(push, targets="next"), "relabelled", "43.7"),
        "D_det, no crops": Line(
            partial(push, targets="next"), "relabelled", "43.7", crops=False, of="D_det"
        ),
        "changed at random, next class": blind(partial(random_changes, targets="next")),
        "changed at random, next class, no crops": blind(
            partial(random_changes, targets="next"), crops=False, of="changed at random, next class"
        ),
        "random labels": blind(random_labels),
        "changed at random, random labels": blind(random_changes),
    }


def recipe(size: Size, line: Line, data: str, images: int) -> Recipe:
    """Return how a net learns: all new nets alike, but for the epochs; the standard net is wider.

    It alone keeps images to choose an epoch by: those of the sets do not say what is right. New
    nets learn by Adam: with SGD none had begun to learn from D_rand by its loss on that set.
    """
    crops = Augmentation(padding=4, flip=True) if line.crops else Augmentation()
    net = Recipe(net="resnet", depth=8, stem_stride=2, eps="0.5", data=data, images=images)
    if line.images == "source":
        lessons = TrainConfig(epochs=size.lessons, lr=0.2, validation=0.02, augment=crops)
        return replace(net, width=48, training=lessons)
    epochs = size.passes if line.images == "robustified" else size.epochs
    training = TrainConfig(
        epochs=epochs, optimiser="adam", lr=0.001, weight_decay=0.0, validation=0, augment=crops
    )
    return replace(net, width=size.width, training=training)


def trained(line: Line, name: str, size: Size, out: Path) -> tuple[Checkpoint, dict[str, Any]]:
    """Return the net that learned from the set of a line, and what the set's card says."""
    n = getattr(size, line.images)
    if line.make is None:
        return fit(recipe(size, line, "cifar10", n), out / "models"), {}
    standard, _ = trained(lines(size)["standard"], "standard", size, out)
    folder = out / "made" / (line.of or name).replace(",", "").replace(" ", "-")
    net = load_net(ROBUST) if line.robust else standard
    line.make(load("cifar10").take(n), net, folder)
    card = read_card(folder / "train")
    facts = {"hit rate": card["hit rate"]["value"], "l2": card["distance"]["l2"]["mean"]}
    return fit(recipe(size, line, str(folder), 0), out / "models"), facts


def measure(name: str, size: Size, out: Path) -> dict[str, Any]:
    """Return one line of the table, from the folder or computed; seconds of all turns it took."""
    path = out / "lines" / f"{name.replace(',', '').replace(' ', '-')}.json"
    if path.exists():
        return dict(read_json(path))
    with clock(path.with_suffix(".seconds")) as seconds:
        row = computed(name, size, out, path.stem)
    write_json(path, row | {"seconds": seconds()})
    return dict(read_json(path))


def computed(name: str, size: Size, out: Path, stem: str) -> dict[str, Any]:
    """Return what a line says, apart from its seconds."""
    line = lines(size)[name]
    model, facts = trained(line, name, size, out)
    test, row = load("cifar10", "test"), {"line": name} | facts
    hits = right(model.model, test)
    over = over_classes(hits, test.labels, len(test.classes))
    row["clean"] = asdict(over) if line.meaningless else Rate.of(hits)._asdict()
    row["next"] = accuracy(model.model, following(test)).rate._asdict()
    if line.attacked:
        few = test.take(size.attacked)
        for attack in (bind(pgd, L2(0.25), steps=20), bind(autoattack, L2(0.25))):
            kept = out / "records" / f"{stem}-{attack.name}.jsonl"
            found = attacked_accuracy(model.model, few, attack, seed=0, save=kept)
            row[attack.name] = found.rate._asdict()
    return row


def following(data: Dataset) -> Dataset:
    """Return the images with the class after their own: what D_det teaches besides the push."""
    return replace(data, labels=(data.labels + 1) % len(data.classes), name=f"{data.name} next")


def verdict(line: Line, size: Size) -> str:
    """Say why a number must not be compared with the published one, if there is one."""
    if not line.published:
        return "control"
    less = {
        "source": f"net, {size.lessons} epochs",
        "relabelled": f"nets, {size.relabelled:,} of 50,000 images, {size.steps} of 100 steps",
        "robustified": f"nets, {size.robustified:,} of 50,000 images, "
        f"{size.matching} longer steps for 1,000",
    }
    return f"not comparable: {less[line.images]}"


def shown(row: dict[str, Any], size: Size) -> str:
    """Return a line as a Markdown row."""

    def rate(key: str) -> str:
        found = row.get(key)
        return f"{found['value']:.1%} [{found['low']:.1%}, {found['high']:.1%}]" if found else ""

    made = f"{row['hit rate']:.1%} | {row['l2']:.2f}" if "l2" in row else " | "
    line = lines(size)[row["line"]]
    cells = [row["line"], rate("clean"), rate("pgd"), rate("autoattack"), rate("next"), made]
    cells += [line.published, verdict(line, size), format(row["seconds"], ".0f")]
    return f"| {' | '.join(cells)} |"


HEAD = """| trained on | accuracy | PGD-20, l2 0.25 | AutoAttack, l2 0.25 | says "next" | hit rate \
| mean l2 | published | verdict | seconds |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/ten-classes"))
    parser.add_argument("--only", nargs="*", default=list(lines(Size())))
    for name, value in asdict(Size()).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    options = vars(parser.parse_args())
    out, only = options.pop("out"), options.pop("only")
    size = Size(**options)
    settings = out / "size.json"
    if not settings.exists():
        write_json(settings, asdict(size))
    if read_json(settings) != asdict(size):
        raise InputError(f"{out} holds lines of another size", "the same", "change --out")
    print(HEAD)
    for name in only:
        print(shown(measure(name, size, out), size), flush=True)


if __name__ == "__main__":
    main()

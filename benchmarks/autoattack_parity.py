"""AutoAttack of ours and of the package pyautoattack, on the same images of three trained nets.

    python benchmarks/autoattack_parity.py                       # about an hour on two cores
    python benchmarks/autoattack_parity.py --images 50 --only "CIFAR-10 robust l2"
    python benchmarks/autoattack_parity.py --out runs/parity     # go on where a run was stopped

Version "standard" of both, with the published budgets, and our version "adaptive", on test images,
alike from every class. Per net and norm it prints the robust accuracy of both, the images that only
one of them broke, the seconds of each, end to end, and the ratio. An image counts as broken if the
float32 net gets the returned image wrong and that image is inside the ball and the box; all are
judged here, the same way. The nets: the l2 robust ResNet-8 of weights/, and two that are trained
if need be by the recipes below (minutes): the same net without attack, and the quick robust net of
Fashion-MNIST.
Every finished line is kept in the folder --out and not computed again.
"""

import argparse
import json
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from peers import describe, module
from torch import Tensor, nn

from robustlens.attacks import autoattack
from robustlens.balls import L2, Linf
from robustlens.data import Augmentation, Dataset, load
from robustlens.files import write_json
from robustlens.nets import load as load_net
from robustlens.provenance import clock, hardware
from robustlens.recipes import Recipe, fit
from robustlens.streams import stream
from robustlens.studies.presets import QUICK_ROBUST
from robustlens.training import TrainConfig

WEIGHTS = Path(__file__).parents[1] / "weights" / "cifar10-l2-0.5.safetensors"
MODELS = Path("runs/models")
CIFAR_STANDARD = Recipe(
    data="cifar10",
    net="resnet",
    depth=8,
    width=48,
    stem_stride=2,
    eps="0.5",
    training=TrainConfig(
        epochs=15, lr=0.2, validation=0.02, augment=Augmentation(padding=4, flip=True)
    ),
)
Balls = tuple[L2 | Linf, ...]
Attack = Callable[[nn.Module, Tensor, Tensor, L2 | Linf], Tensor]


@dataclass
class Side:
    """What one of the two did."""

    broken: list[int]
    seconds: float


def nets() -> Iterator[tuple[str, Callable[[], nn.Module], str, Balls]]:
    """Name, net, data and balls of each comparison."""
    cpu = torch.device("cpu")
    cifar: Balls = (L2(0.5), Linf(4 / 255))
    yield "Fashion robust", lambda: fit(QUICK_ROBUST, MODELS, cpu)[0], "fashion", (
        L2(1.5), Linf(16 / 255))  # fmt: skip
    yield "CIFAR-10 robust", lambda: load_net(WEIGHTS).model, "cifar10", cifar
    yield "CIFAR-10 standard", lambda: fit(CIFAR_STANDARD, MODELS, cpu)[0], "cifar10", cifar


def ours(model: nn.Module, x: Tensor, y: Tensor, ball: L2 | Linf) -> Tensor:
    return autoattack(model, x, y, ball, generator=stream(0, "parity"))


def adaptive(model: nn.Module, x: Tensor, y: Tensor, ball: L2 | Linf) -> Tensor:
    return autoattack(model, x, y, ball, version="adaptive", generator=stream(0, "parity"))


def theirs(model: nn.Module, x: Tensor, y: Tensor, ball: L2 | Linf) -> Tensor:
    peer = module("pyautoattack", "pyautoattack")
    norm = "L2" if isinstance(ball, L2) else "Linf"
    attack = peer.AutoAttack(
        model, norm=norm, eps=ball.eps, version="standard", device=x.device, seed=0
    )
    moved = attack.run_standard_evaluation(x, y, batch_size=250)
    images: Tensor = moved[0] if isinstance(moved, tuple) else moved
    return images.detach()


def side(attack: Attack, model: nn.Module, x: Tensor, y: Tensor, ball: L2 | Linf) -> Side:
    """Run one of the two and judge its images: the same way for both."""
    with clock() as seconds:
        moved = attack(model, x, y, ball)
    took = seconds()
    with torch.no_grad():
        wrong = model(moved).argmax(dim=1) != y
    inside = ball.distance(moved, x) <= ball.eps * (1 + 1e-4)
    image = (moved.flatten(1).amin(dim=1) >= 0) & (moved.flatten(1).amax(dim=1) <= 1)
    return Side(torch.nonzero(wrong & inside & image).flatten().tolist(), took)


def compare(
    title: str, net: nn.Module, data: Dataset, ball: L2 | Linf, count: int, out: Path
) -> dict[str, Side]:
    """Return both sides, from the file of an earlier run where there is one."""
    path = out / f"{title} {ball} {count}.json".replace("/", "_").replace(" ", "-")
    sides = json.loads(path.read_text()) if path.exists() else {}
    part = data.take(count)
    x, y = part.images.float() / 255, part.labels
    for name, attack in (("ours", ours), ("adaptive", adaptive), ("theirs", theirs)):
        if name not in sides:
            sides[name] = asdict(side(attack, net, x, y, ball))
            write_json(path, sides)
    return {name: Side(**sides[name]) for name in ("ours", "adaptive", "theirs")}


def rows(title: str, count: int, sides: dict[str, Side]) -> Iterator[str]:
    """Return a line for each of our versions."""
    them = sides["theirs"]
    other = set(them.broken)
    for name, words in (("ours", "standard"), ("adaptive", "adaptive")):
        us, mine = sides[name], set(sides[name].broken)
        yield (
            f"{title:30} {words:9}{1 - len(mine) / count:7.1%} {1 - len(other) / count:7.1%}"
            f" {len(mine - other):10} {len(other - mine):12}"
            f" {us.seconds:8.0f} {them.seconds:8.0f} {them.seconds / us.seconds:7.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--only", help='the lines that begin so, as "CIFAR-10 robust l2"')
    parser.add_argument("--out", type=Path, default=Path("runs/parity"))
    options = parser.parse_args()
    cpu = torch.device("cpu")
    print(f"{hardware(cpu)}; torch {torch.__version__}, Python {platform.python_version()};",
          f"{torch.get_num_threads()} threads; {describe('pyautoattack')};",
          f"{options.images} images")  # fmt: skip
    print(f"{'':39} {'robust accuracy':>15} {'broken only by':>23} {'seconds':>17} {'ratio':>7}")
    print(f"{'':39} {'ours':>7} {'theirs':>7} {'us':>10} {'them':>12} {'ours':>8} {'theirs':>8}")
    weaker = dict.fromkeys(("ours", "adaptive"), 0)
    total = 0
    for name, build, source, balls in nets():
        for ball in balls:
            title = f"{name} {ball}"
            if options.only and not title.startswith(options.only):
                continue
            net, data = build(), load(source, "test")
            sides = compare(name, net, data, ball, options.images, options.out)
            print(*rows(title, options.images, sides), sep="\n", flush=True)
            total += options.images
            for version in weaker:
                weaker[version] += len(sides["theirs"].broken) - len(sides[version].broken)
    for version, count in weaker.items() if total else ():
        print(f"in total {version} leaves {100 * count / total:+.2f} points more robust accuracy")


if __name__ == "__main__":
    main()

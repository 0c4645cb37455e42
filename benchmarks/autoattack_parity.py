"""AutoAttack of ours and of the package pyautoattack, on the same images of four trained nets.

    python benchmarks/autoattack_parity.py                       # about an hour on two cores
    python benchmarks/autoattack_parity.py --images 50 --only "CIFAR-10 robust l2"
    python benchmarks/autoattack_parity.py --out runs/parity     # go on where a run was stopped

Version "standard" of both, with the published budgets, and our version "adaptive", on test images,
alike from every class. Per net and norm it prints the robust accuracy of both, the images that only
one of them broke, the seconds of each, end to end, and the ratio. An image counts as broken if the
float32 net gets the returned image wrong and that image is inside the ball and the box; all are
judged here, the same way. The nets: the ResNet-8 pair of weights/, l2 robust and trained without
attack, the shipped robust net of Fashion-MNIST, and the quick one, which is trained if need be
(minutes).
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
from robustlens.balls import L1, L2, Linf
from robustlens.data import Dataset, load
from robustlens.files import write_json
from robustlens.nets import load as load_net
from robustlens.provenance import clock, hardware
from robustlens.recipes import fit
from robustlens.streams import stream
from robustlens.studies.kit.presets import QUICK_ROBUST
from robustlens.zoo import pretrained

WEIGHTS = Path(__file__).parents[1] / "weights"
MODELS = Path("runs/models")
NormBall = L1 | L2 | Linf
Balls = tuple[NormBall, ...]
Attack = Callable[[nn.Module, Tensor, Tensor, NormBall], Tensor]


@dataclass
class Side:
    """What one of the two did."""

    broken: list[int]
    seconds: float


def nets() -> Iterator[tuple[str, Callable[[], nn.Module], str, Balls]]:
    """Name, net, data and balls of each comparison."""
    cpu = torch.device("cpu")
    cifar: Balls = (L2(0.5), Linf(4 / 255), L1(8.0))
    yield "Fashion robust", lambda: fit(QUICK_ROBUST, MODELS, cpu)[0], "fashion", (
        L2(1.5), Linf(16 / 255), L1(14.0))  # fmt: skip
    yield "Fashion shipped", lambda: pretrained("fashion-l2-1.5")[0], "fashion", (L1(14.0),)
    for title, name in (("robust", "cifar10-l2-0.5"), ("standard", "cifar10-standard")):
        path = WEIGHTS / f"{name}.safetensors"
        yield f"CIFAR-10 {title}", lambda path=path: load_net(path).model, "cifar10", cifar  # type: ignore[misc]


def ours(model: nn.Module, x: Tensor, y: Tensor, ball: NormBall) -> Tensor:
    return autoattack(model, x, y, ball, generator=stream(0, "parity"))


def adaptive(model: nn.Module, x: Tensor, y: Tensor, ball: NormBall) -> Tensor:
    return autoattack(model, x, y, ball, version="adaptive", generator=stream(0, "parity"))


def theirs(model: nn.Module, x: Tensor, y: Tensor, ball: NormBall) -> Tensor:
    peer = module("pyautoattack", "pyautoattack")
    norm = {L1: "L1", L2: "L2", Linf: "Linf"}[type(ball)]
    attack = peer.AutoAttack(
        model, norm=norm, eps=ball.eps, version="standard", device=x.device, seed=0
    )
    moved = attack.run_standard_evaluation(x, y, batch_size=250)
    images: Tensor = moved[0] if isinstance(moved, tuple) else moved
    return images.detach()


def side(attack: Attack, model: nn.Module, x: Tensor, y: Tensor, ball: NormBall) -> Side:
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
    title: str, net: nn.Module, data: Dataset, ball: NormBall, count: int, out: Path
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

"""Minimum-norm attacks beside those of adv-lib: distance, share found, seconds.

    python benchmarks/minimum_norm_peers.py                # three trained nets, 100 images each
    python benchmarks/minimum_norm_peers.py --quick        # 20 images, 40 steps, for a look
    python benchmarks/minimum_norm_peers.py --images 200

It needs adv-lib: pip install --no-deps adv-lib==0.2.8 tqdm. adv-lib imports torchvision and visdom
without using them here; where they are missing, empty modules stand in for them.

Both sides get the same images, those that the net gets right, and the same number of gradient
steps. Ours makes 16 more forward passes, to search the line back to the image. adv-lib's DDN runs
without rounding to 256 levels, which only lengthens its perturbations; its FMN with both step sizes
1 (its default) and 10, in a line each. A distance is the smallest found; where none was
found it is infinite and counts as such in the median. "Pairs" is the median over the images of the
ratio of the two distances. Seconds are of one run of each, one after the other.
"""

import argparse
import importlib
import math
import platform
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from robustlens.attacks import ddn, fmn
from robustlens.attacks.bound import Bound, bind
from robustlens.attacks.nearest import smallest
from robustlens.balls import L1, L2, Ball, Linf
from robustlens.data import load
from robustlens.errors import InputError
from robustlens.nets import load as load_net
from robustlens.progress import bar
from robustlens.provenance import clock, hardware
from robustlens.streams import stream
from robustlens.types import Images, Labels, Values

INSTALL = "install it with: pip install --no-deps adv-lib==0.2.8 tqdm"
NETS = {
    "CIFAR-10 robust, l2 0.5": ("weights/cifar10-l2-0.5.safetensors", "cifar10"),
    "CIFAR-10 standard": ("runs/models/cifar10-standard-785e76c5/weights.safetensors", "cifar10"),
    "Fashion robust, l2 1.5": (
        "runs/models/fashion-adversarial-81f24f5a/weights.safetensors", "fashion",
    ),
}  # fmt: skip
Peer = Callable[[nn.Module, Tensor, Tensor], Tensor]


class Pair(NamedTuple):
    """One line of the table."""

    name: str
    ours: Bound
    theirs: Peer
    order: float


class Stub(ModuleType):
    """An empty package that has whatever is asked of it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def adv_lib() -> Any:
    """Return adv-lib's attacks; stop with a word on how to install it where it is missing."""
    try:
        version("adv-lib")
    except PackageNotFoundError:
        sys.exit(f"adv-lib is not installed; {INSTALL}")
    for name in ("torchvision", "visdom"):
        try:
            importlib.import_module(name)
        except Exception:  # a torchvision built for another torch raises whatever it likes
            sys.modules[name] = Stub(name)
    return importlib.import_module("adv_lib.attacks")


def pairs(peer: Any, d: int, steps: int) -> list[Pair]:
    """Return the lines for images of d numbers."""
    lines = [
        Pair(
            "DDN l2",
            bind(ddn, L2(math.sqrt(d)), steps=steps),
            partial(peer.ddn, steps=steps, levels=None),
            2.0,
        )
    ]
    balls: dict[str, tuple[Ball, float]] = {
        "l2": (L2(math.sqrt(d)), 2.0),
        "linf": (Linf(1.0), math.inf),
        "l1": (L1(float(d)), 1.0),
    }
    for norm, (ball, order) in balls.items():
        for size in (1.0, 10.0):
            theirs = partial(peer.fmn, norm=order, steps=steps, α_init=size)
            ours = bind(fmn, ball, steps=steps)
            lines.append(Pair(f"FMN {norm}, theirs from {size:g}", ours, theirs, order))
    return lines


def distances(theirs: Peer, model: nn.Module, x: Images, y: Labels, order: float) -> Values:
    """Return the distances of a peer's images, inf where the model is not wrong."""
    found = theirs(model, x, y)
    with torch.no_grad():
        wrong = model(found).argmax(dim=1) != y
    length = torch.linalg.vector_norm((found - x).flatten(1), ord=order, dim=1)
    return torch.where(wrong, length, torch.inf)


def line(pair: Pair, model: nn.Module, x: Images, y: Labels) -> str:
    """Run one pair and return its line."""
    with clock() as passed:
        ours = smallest(pair.ours, model, x, y, stream(0, "peers"))
    mine = passed()
    with clock() as passed:
        theirs = distances(pair.theirs, model, x, y, pair.order)
    a, b = ours.median().item(), theirs.median().item()
    each = (ours / theirs).nan_to_num(1.0).median().item()
    shares = [f"{values.isfinite().float().mean().item():7.1%}" for values in (ours, theirs)]
    return (
        f"  {pair.name:24} {a:9.5f} {b:9.5f} {a / b:7.3f} {each:7.3f} "
        f"{shares[0]} {shares[1]} {mine / passed():8.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=100, help="images of each set (default 100)")
    parser.add_argument("--steps", type=int, default=100, help="gradient steps (default 100)")
    parser.add_argument("--quick", action="store_true", help="20 images and 40 steps")
    parser.add_argument("--net", choices=sorted(NETS), help="one net only")
    options = parser.parse_args()
    images, steps = (20, 40) if options.quick else (options.images, options.steps)
    peer = adv_lib()
    print(f"{hardware(torch.device('cpu'))}, {torch.get_num_threads()} threads; ", end="")
    print(f"adv-lib {version('adv-lib')}, torch {torch.__version__}, ", end="")
    print(f"Python {platform.python_version()}")
    for title, (weights, name) in NETS.items():
        if options.net not in (None, title):
            continue
        try:
            model = load_net(Path(weights)).model.eval().requires_grad_(False)
            data = load(name, "test").take(images)
        except (InputError, OSError) as reason:
            print(f"\n{title}: left out, {reason}")
            continue
        x, y = data.images.float() / 255, data.labels
        with torch.no_grad():
            right = model(x).argmax(dim=1) == y
        x, y = x[right], y[right]
        print(f"\n{title}: {len(x)} images that it gets right of {images}, {steps} steps")
        print(f"  {'':24} {'ours':>9} {'theirs':>9} {'ratio':>7} {'pairs':>7} ", end="")
        print(f"{'found':>7} {'theirs':>7} {'seconds':>8}")
        lines = pairs(peer, x[0].numel(), steps)
        with bar(title, total=len(lines)) as advance:
            for pair in lines:
                print(line(pair, model, x, y), flush=True)
                advance(1, pair.name)


if __name__ == "__main__":
    main()

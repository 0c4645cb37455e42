"""Each attack in each norm beside its namesake in another package, at equal budget.

    python benchmarks/attack_peers.py                         # two Fashion-MNIST nets, an hour
    python benchmarks/attack_peers.py --images 60 --seeds 1   # a look
    python benchmarks/attack_peers.py --only apgd --net shipped

Both sides get the same images, those that the net gets right, the same ball and as many gradient
steps (or queries, or classes to aim at), with the namesake's own defaults otherwise. What is left
is the share of these images that the float32 net still gets right; an image counts as broken if it
is inside ball and box, for both sides alike. With several seeds the mean and the range are shown.
The nets: the shipped `fashion-l2-1.5`, and the quick robust one, trained if need be (minutes). A
peer that is not installed leaves its lines out. Smallest distances: `minimum_norm_peers.py`.
"""

import argparse
import logging
import platform
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from peers import NotInstalled, describe, how_to_install, module
from torch import Tensor, nn

from robustlens.attacks import (
    Bound,
    apgd,
    apgd_targeted,
    bind,
    ddn,
    deepfool,
    fab,
    fgsm,
    fmn,
    mi_fgsm,
    pgd,
    square,
)
from robustlens.balls import L1, L2, Linf
from robustlens.data import load
from robustlens.objectives import dlr
from robustlens.provenance import hardware
from robustlens.recipes import fit
from robustlens.streams import stream
from robustlens.studies.kit.presets import QUICK_ROBUST
from robustlens.zoo import pretrained

NormBall = Linf | L2 | L1
NETS: dict[str, Callable[[], nn.Module]] = {
    "shipped": lambda: pretrained("fashion-l2-1.5")[0],
    "quick": lambda: fit(QUICK_ROBUST, Path("runs/models"), torch.device("cpu"))[0],
}
BALLS: tuple[NormBall, ...] = (Linf(40 / 255), L2(2.2), L1(14.0))
NAMES = {Linf: "Linf", L2: "L2", L1: "L1"}
ORDERS = {Linf: float("inf"), L2: 2.0, L1: 1.0}
STEPS, TARGETS, QUERIES = 100, 3, 1000
PEERS = ("pyautoattack", "foolbox", "torchattacks", "adv-lib")
Peer = Callable[[nn.Module, Tensor, Tensor, NormBall, int], Tensor]


def auto(loss: str) -> Peer:
    """Auto-PGD of pyautoattack; in l1 with its three radii."""

    def run(model: nn.Module, x: Tensor, y: Tensor, ball: NormBall, seed: int) -> Tensor:
        package = module("pyautoattack", "pyautoattack.autopgd_base")
        settings: dict[str, Any] = {
            "n_iter": STEPS, "norm": NAMES[type(ball)], "eps": ball.eps, "seed": seed,
            "device": x.device, "use_largereps": isinstance(ball, L1),
        }  # fmt: skip
        if loss == "targeted":
            attack = package.APGDAttack_targeted(model, n_target_classes=TARGETS, **settings)
        else:
            attack = package.APGDAttack(model, loss=loss, **settings)
        return attack.perturb(x, y)  # type: ignore[no-any-return]

    return run


def their_fab(model: nn.Module, x: Tensor, y: Tensor, ball: NormBall, seed: int) -> Tensor:
    attack = module("pyautoattack", "pyautoattack.fab_pt").FABAttack_PT(
        model, norm=NAMES[type(ball)], eps=ball.eps, n_iter=STEPS, seed=seed, targeted=True,
        n_target_classes=TARGETS, device=x.device,
    )  # fmt: skip
    return attack.perturb(x, y)  # type: ignore[no-any-return]


def their_square(model: nn.Module, x: Tensor, y: Tensor, ball: NormBall, seed: int) -> Tensor:
    attack = module("pyautoattack", "pyautoattack.square").SquareAttack(
        model, norm=NAMES[type(ball)], eps=ball.eps, n_queries=QUERIES, seed=seed,
        resc_schedule=False, device=x.device,
    )  # fmt: skip
    return attack.perturb(x, y)  # type: ignore[no-any-return]


def foolbox(name: str, **settings: Any) -> Peer:
    """An attack of foolbox; `abs_stepsize` is given as a multiple of eps."""

    def run(model: nn.Module, x: Tensor, y: Tensor, ball: NormBall, seed: int) -> Tensor:
        package = module("foolbox", "foolbox")
        torch.manual_seed(seed)
        own = {k: v * ball.eps if k == "abs_stepsize" else v for k, v in settings.items()}
        held = package.PyTorchModel(model, (0, 1), x.device)
        aim = package.criteria.Misclassification(y)
        attack = getattr(package.attacks, name)(**own)
        return attack(held, x, aim, epsilons=ball.eps)[1]  # type: ignore[no-any-return]

    return run


def momentum(model: nn.Module, x: Tensor, y: Tensor, ball: NormBall, seed: int) -> Tensor:
    package = module("torchattacks", "torchattacks")
    return package.MIFGSM(model, eps=ball.eps, alpha=ball.eps / 10, steps=10)(x, y)  # type: ignore[no-any-return]


def adv_lib(name: str, **settings: Any) -> Peer:
    """A minimum-norm attack of adv-lib."""

    def run(model: nn.Module, x: Tensor, y: Tensor, ball: NormBall, seed: int) -> Tensor:
        own = {"norm": ORDERS[type(ball)]} if name == "fmn" else {}
        method = getattr(module("adv-lib", "adv_lib.attacks"), name)
        return method(model, x, y, steps=STEPS, **own, **settings)  # type: ignore[no-any-return]

    return run


def pairs(ball: NormBall) -> Iterator[tuple[str, Bound, str, Peer]]:
    """Name, our attack, whose the namesake is, and the namesake."""
    few = {"steps": STEPS, "targets": TARGETS}
    yield "apgd", bind(apgd, ball, steps=STEPS), "pyautoattack", auto("ce")
    yield "apgd dlr", bind(apgd, ball, steps=STEPS, objective=dlr), "pyautoattack", auto("dlr")
    yield "apgd_targeted", bind(apgd_targeted, ball, **few), "pyautoattack", auto("targeted")
    yield "fab", bind(fab, ball, **few), "pyautoattack", their_fab
    yield "square", bind(square, ball, queries=QUERIES), "pyautoattack", their_square
    yield "fmn", bind(fmn, ball, steps=STEPS), "adv-lib", adv_lib("fmn")
    walk = {"steps": 40, "abs_stepsize": 2.5 / 40, "random_start": True}
    name = {Linf: "LinfPGD", L2: "L2PGD", L1: "SparseL1DescentAttack"}[type(ball)]
    yield "pgd", bind(pgd, ball, steps=40), "foolbox", foolbox(name, **walk)
    if not isinstance(ball, L1):
        one = {Linf: "LinfFastGradientAttack", L2: "L2FastGradientAttack"}[type(ball)]
        yield "fgsm", bind(fgsm, ball), "foolbox", foolbox(one)
        deep = {Linf: "LinfDeepFoolAttack", L2: "L2DeepFoolAttack"}[type(ball)]
        yield "deepfool", bind(deepfool, ball, steps=50), "foolbox", foolbox(deep, steps=50)
    if isinstance(ball, Linf):
        yield "mi_fgsm", bind(mi_fgsm, ball, steps=10), "torchattacks", momentum
    if isinstance(ball, L2):
        yield "ddn", bind(ddn, ball, steps=STEPS), "adv-lib", adv_lib("ddn", levels=None)


def left(model: nn.Module, x: Tensor, y: Tensor, ball: NormBall, moved: Tensor) -> float:
    """Return the per cent of images that are not broken inside ball and box."""
    with torch.no_grad():
        wrong = model(moved).argmax(dim=1) != y
    inside = ball.distance(moved, x) <= ball.eps * (1 + 1e-4)
    image = (moved.flatten(1).amin(dim=1) >= -1e-6) & (moved.flatten(1).amax(dim=1) <= 1 + 1e-6)
    return 100 * (1 - float((wrong & inside & image).float().mean()))


def shown(values: list[float]) -> str:
    """Return the mean, and the range of several."""
    mean = f"{sum(values) / len(values):5.1f}"
    return mean + (f" ({min(values):.1f} to {max(values):.1f})" if values[1:] else "")


def compare(title: str, model: nn.Module, options: argparse.Namespace) -> None:
    """Print the lines of one net."""
    data = load("fashion", "test").take(2 * options.images)
    x, y = data.images.float() / 255, data.labels
    with torch.no_grad():
        right = model(x).argmax(dim=1) == y
    x, y = x[right][: options.images], y[right][: options.images]
    seeds = range(options.seeds)
    for ball in BALLS:
        for name, bound, package, peer in pairs(ball):
            if options.only not in (None, name):
                continue
            mine = [left(model, x, y, ball, bound(model, x, y, stream(s, "peers"))) for s in seeds]
            try:
                runs = [partial(peer, model, x.clone(), y, ball, seed) for seed in seeds]
                other = shown([left(model, x, y, ball, run().detach()) for run in runs])
            except NotInstalled as error:
                other = f"left out: {error}"
            line = f"| {title} | {ball} | `{name}` | {shown(mine)} | {other} | {package} |"
            print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", help="one attack, as apgd")
    parser.add_argument("--net", choices=sorted(NETS), help="one net only")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    print(f"{hardware(torch.device('cpu'))}; torch {torch.__version__}, Python "
          f"{platform.python_version()}; {'; '.join(map(describe, PEERS))};",
          f"{options.images} images that the net gets right, {options.seeds} seeds")  # fmt: skip
    print("| net | ball | attack | ours leaves % | theirs leaves % | theirs is |")
    print("| --- | --- | --- | ---: | ---: | --- |", flush=True)
    for title, build in NETS.items():
        if options.net in (None, title):
            compare(title, build().eval().requires_grad_(False), options)
    print(f"\nFor the others: {how_to_install(*PEERS)}")


if __name__ == "__main__":
    main()

"""What the engine costs over the bare model, and what the fast twin gains.

    python benchmarks/engine.py                 # minutes: a ResNet-18 of CIFAR-10 and a small CNN
    python benchmarks/engine.py --quick         # smaller batches, for a look

In one run and taking turns, it times 20 x (forward + gradient to the input) of the bare model in
evaluation mode with frozen parameters, and `pgd` with 20 steps on the same model, images and
memory format; then `pgd` on `fast(model)`. A ratio is the median over the rounds of the ratio
inside a round. `pgd` also draws its start and scores its last point: one forward pass more.
The nets are not trained: their batch norms have seen the images once, the bias of the head centres
the logits so that decisions spread over the classes, and those decisions are the labels. "Equal
decisions" compares twin and model on the images: a hard test, for untrained margins are small.
"""

import argparse
import platform
import statistics
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from robustlens.attacks import pgd
from robustlens.balls import Ball, Linf
from robustlens.modes import fast, frozen, half_precision
from robustlens.nets import SmallCNN, preact_resnet
from robustlens.progress import bar
from robustlens.provenance import clock, hardware
from robustlens.streams import initialised, stream, uniform
from robustlens.types import Images, Labels

STEPS = 20
BALL: Ball = Linf(8 / 255)
Seconds = dict[str, list[float]]


def floor(model: nn.Module, x: Images, y: Labels) -> None:
    """Run STEPS times forward and gradient to the input, and nothing else."""
    with frozen(model):
        for _ in range(STEPS):
            point = x.detach().requires_grad_(True)
            torch.autograd.grad(cross_entropy(model(point), y, reduction="sum"), point)


def attack(model: nn.Module, x: Images, y: Labels) -> None:
    pgd(model, x, y, BALL, steps=STEPS, generator=stream(0, "start"))


def synchronise(x: Tensor) -> None:
    if x.is_cuda:
        torch.cuda.synchronize(x.device)


def measure(runs: Mapping[str, Callable[[], None]], x: Images, rounds: int, title: str) -> Seconds:
    """Return the seconds of every run in every round; the runs take turns."""
    seconds: Seconds = {name: [] for name in runs}
    with bar(title, total=(rounds + 1) * len(runs)) as advance:
        for number in range(rounds + 1):
            for name, run in runs.items():
                synchronise(x)
                with clock() as passed:
                    run()
                    synchronise(x)
                if number > 0:  # the first round warms up
                    seconds[name].append(passed())
                advance(1, name)
    return seconds


def ratio(seconds: Seconds, top: str, bottom: str) -> str:
    """Return the median ratio inside a round, with its smallest and largest value."""
    ratios = [a / b for a, b in zip(seconds[top], seconds[bottom], strict=True)]
    least = min(seconds[top]) / min(seconds[bottom])
    return (
        f"{statistics.median(ratios):.3f} (rounds from {min(ratios):.3f} to {max(ratios):.3f}, "
        f"of the minima {least:.3f})"
    )


def report(title: str, model: nn.Module, x: Images, rounds: int) -> None:
    """Measure one net and print its lines."""
    head = model.get_submodule("head")
    assert isinstance(head, nn.Linear)
    with torch.no_grad():
        model.train()(x)
        head.bias.sub_(model.eval()(x).mean(dim=0))
        y = model(x).argmax(dim=1)
    half = half_precision(x.device)
    twins = {f"fast {str(dtype)[6:]}": fast(model, dtype) for dtype in {torch.float32, half}}
    runs = {"bare": partial(floor, model, x, y), "pgd": partial(attack, model, x, y)}
    runs |= {name: partial(attack, twin, x, y) for name, twin in twins.items()}
    seconds = measure(runs, x, rounds, title)
    print(f"\n{title}, batch {len(x)}, {STEPS} steps, {rounds} rounds; median seconds:")
    for name in runs:
        print(f"  {name:14} {statistics.median(seconds[name]):8.3f}")
    print(f"  pgd / bare, float32: {ratio(seconds, 'pgd', 'bare')}")
    for name, twin in twins.items():
        with torch.no_grad():
            equal = (twin(x).argmax(dim=1) == y).float().mean().item()
        speed_up = ratio(seconds, "pgd", name)
        print(f"  speed-up of {name}: {speed_up}; equal decisions {equal:.1%} of {len(x)}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default 5)")
    parser.add_argument("--net", choices=("small", "resnet"), help="one net only")
    parser.add_argument("--quick", action="store_true", help="batches of 4 and 16 instead of 64")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    options = parser.parse_args()
    device: torch.device = options.device
    print(f"{hardware(device)}; torch {torch.__version__}, Python {platform.python_version()}")
    nets: dict[str, tuple[str, Callable[[], nn.Module], tuple[int, int, int], int]] = {
        "small": ("small CNN, width 16, fashion", lambda: SmallCNN(width=16), (1, 28, 28), 16),
        "resnet": ("ResNet-18, CIFAR-10", lambda: preact_resnet(18, 64), (3, 32, 32), 4),
    }
    for name, (title, build, shape, few) in nets.items():
        if options.net not in (None, name):
            continue
        like = torch.empty(few if options.quick else 64, *shape, device=device)
        x = uniform(like, stream(0, "images"))
        for held in (torch.contiguous_format, torch.channels_last):
            model = initialised(0, build).to(device=device, memory_format=held)  # type: ignore[call-overload]
            report(
                f"{title}, {str(held)[6:]}", model, x.contiguous(memory_format=held), options.rounds
            )


if __name__ == "__main__":
    main()

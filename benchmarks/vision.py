"""What the tools of `vision` cost over the bare model.

    python benchmarks/vision.py                 # the shipped CIFAR-10 net, batches of 16
    python benchmarks/vision.py --quick         # few steps, a small net that is not trained

In one run and taking turns, it times steps x (forward + gradient to the input) of the bare net,
in evaluation mode with frozen parameters, and each tool with as many steps on the same number of
images. A ratio is the median over the rounds of the ratio inside a round; what a tool does before
and after its walk (targets, numbers, the last point) is counted too.
"""

import argparse
import platform
import statistics
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from robustlens.balls import Box
from robustlens.modes import fast, frozen
from robustlens.nets import SmallCNN
from robustlens.progress import bar
from robustlens.provenance import clock, hardware
from robustlens.rules import Steepest
from robustlens.streams import initialised, stream
from robustlens.vision import (
    Walk,
    add_feature,
    inpaint,
    interpolate,
    invert,
    morph,
    paint_feature,
    translate,
    upscale,
    visualize_feature,
)
from robustlens.zoo import pretrained

Tools = dict[str, Callable[[], object]]


def bare(model: nn.Module, x: Tensor, steps: int) -> None:
    """Run forward and gradient to the input, and nothing else."""
    with frozen(model):
        for _ in range(steps):
            point = x.detach().requires_grad_(True)
            torch.autograd.grad(model(point)[:, 0].sum(), point)


def tools(model: nn.Module, x: Tensor, steps: int) -> Tools:
    """Return every tool, each walking with the images of x, or as many."""
    walk = Walk(Box(), Steepest(0.1), steps)
    mask = torch.zeros(x.shape[2:], dtype=torch.bool)
    mask[4:12, 4:12] = True
    half, small = x[: len(x) // 2], x[:, :, ::2, ::2]
    y = torch.zeros(len(x), dtype=torch.int64)
    return {
        "translate": partial(translate, model, x, y, walk=walk),
        "inpaint": partial(inpaint, model, x, mask, y, walk=walk),
        "upscale": partial(upscale, model, small, 2, y, walk=walk),
        "morph": partial(morph, model, half, 0, 1, points=2, walk=walk),
        "visualize_feature": partial(visualize_feature, model, x, 1, walk=walk),
        "add_feature": partial(add_feature, model, half, 1, (8.0, 9.0), walk=walk),
        "paint_feature": partial(paint_feature, model, x, mask, 1, walk=walk),
        "invert": partial(invert, model, x, 1 - x, walk=walk),
        "interpolate": partial(interpolate, model, half, 1 - half, points=2, walk=walk),
    }


def main(arguments: list[str] | None = None) -> None:
    """Print seconds a picture and the ratio to the floor, tool by tool."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default 5)")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="3 steps, 1 round, a net as it begins")
    options = parser.parse_args(arguments)
    steps, rounds = (3, 1) if options.quick else (options.steps, options.rounds)
    small = initialised(0, lambda: SmallCNN(3, 10, 8))
    model = small if options.quick else pretrained("cifar10-l2-0.5").model
    x = torch.rand(16, 3, 32, 32, generator=stream(0, "images"))
    x = x.contiguous(memory_format=torch.channels_last)
    runs: Tools = {"bare": partial(bare, model, x, steps), **tools(model, x, steps)}
    runs["translate, twin"] = tools(fast(model), x, steps)["translate"]
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    with bar("vision", total=(rounds + 1) * len(runs)) as advance:
        for number in range(rounds + 1):
            for name, run in runs.items():
                with clock() as passed:
                    run()
                if number > 0:  # the first round warms up
                    seconds[name].append(passed())
                advance(1)
    print(f"{hardware(x.device)}; torch {torch.__version__}, Python {platform.python_version()}")
    print(f"batches of {len(x)}, {steps} steps, {rounds} rounds; seconds a picture, over the floor")
    for name, spent in seconds.items():
        ratios = [a / b for a, b in zip(spent, seconds["bare"], strict=True)]
        each = statistics.median(spent) / len(x)
        print(f"  {name:18} {each:8.4f}  {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()

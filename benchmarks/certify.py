"""How fast certificates are drawn: forward passes a second beside the bare net's own.

    python benchmarks/certify.py                                # a minute or two on two cores
    python benchmarks/certify.py --votes 20000 --rounds 5
    python benchmarks/certify.py --quick                        # seconds: a tiny net, to see it run

All take turns on the same image, in an order that changes; the first turn warms up. "bare" is the
floor: the net on a batch that is there already, as often as the votes need. "certify" is `certify`
with Gaussian and with Rounded noise: noise, votes, counts, bound. "original" is the plain loop of
Cohen et al. 2019: the image repeated, torch.randn_like, argmax, counts in numpy, one by one. A
ratio is the median over the turns of the ratio inside a turn; times are of the process, so that
neighbours on the machine count less, on an accelerator of the clock. "twin" is the net in the
machine's half precision: a certificate of its votes is one of the twin, so its agreement with the
net is measured on the same noisy copies. Memory is the largest number of copies held at once.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from robustlens.answers import decision
from robustlens.bounds import clopper_pearson
from robustlens.data import Dataset
from robustlens.modes import fast, frozen, half_precision
from robustlens.nets import SmallCNN, load
from robustlens.provenance import commit, hardware
from robustlens.smoothing import Fixed, Gaussian, Noise, Rounded, certify
from robustlens.streams import initialised, normal, stream

WEIGHTS = Path(__file__).parents[1] / "weights" / "cifar10-noise-0.25.safetensors"
SIGMA = 0.25


def bare(model: nn.Module, data: Dataset, votes: int, size: int) -> Callable[[], None]:
    x = (data.images[:1].float() / 255).expand(size, -1, -1, -1).contiguous()

    def run() -> None:
        with frozen(model), torch.no_grad():
            for _ in range(votes // size):
                model(x)

    return run


def ours(
    model: nn.Module, data: Dataset, votes: int, size: int, noise: Noise
) -> Callable[[], None]:
    def run() -> None:
        for _ in certify(model, data, noise, Fixed(n=votes - 16, n0=16), batch_size=size):
            pass

    return run


def original(model: nn.Module, data: Dataset, votes: int, size: int) -> Callable[[], None]:
    x = data.images[0].float() / 255

    def run() -> None:
        counts = torch.zeros(len(data.classes), dtype=torch.int64).numpy()
        with frozen(model), torch.no_grad():
            for _ in range(votes // size):
                batch = x.repeat((size, 1, 1, 1))
                answers = model(batch + torch.randn_like(batch) * SIGMA).argmax(1)
                for index in answers.cpu().numpy():
                    counts[index] += 1

    return run


def agreement(model: nn.Module, twin: nn.Module, x: Tensor, copies: int) -> tuple[int, int]:
    """Return on how many of how many noisy copies two nets answer the same."""
    same = 0
    with frozen(model), torch.no_grad():
        for number, image in enumerate(x):
            noisy = image + SIGMA * normal(
                image.new_empty(copies, *image.shape), stream(0, "agree", number)
            )
            same += int((decision(model(noisy)) == decision(twin(noisy))).sum())
    return same, copies * len(x)


def now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


def measure(
    runs: dict[str, Callable[[], None]], rounds: int, device: torch.device
) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        names = list(runs)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            began = now(device)
            runs[name]()
            if turn:
                seconds[name].append(now(device) - began)
    return seconds


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--votes", type=int, default=4096)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--quick", action="store_true", help="a tiny net and one round")
    asked = parser.parse_args(arguments)
    device = torch.device(asked.device)
    size = 32 if asked.quick else asked.batch_size
    votes = 64 if asked.quick else asked.votes // size * size
    model = initialised(0, lambda: SmallCNN(channels=3)) if asked.quick else load(WEIGHTS).model
    model = model.eval().to(device)
    images = torch.randint(256, (1, 3, 32, 32), generator=stream(0, "x"), dtype=torch.uint8)
    classes = tuple(map(str, range(10)))
    data = Dataset(images, torch.zeros(1, dtype=torch.int64), classes, "random").to(device)
    twin = fast(model)
    rest = (data, votes, size)
    runs = {
        "bare": bare(model, *rest),
        "certify, Gaussian": ours(model, *rest, Gaussian(SIGMA)),
        "certify, Rounded": ours(model, *rest, Rounded(SIGMA)),
        "original loop": original(model, *rest),
        "bare twin": bare(twin, *rest),
        "certify twin, Gaussian": ours(twin, *rest, Gaussian(SIGMA)),
    }
    print(f"{hardware(device)}, torch {torch.__version__}, commit {commit()}; twin in {twin.dtype}")
    print(f"{votes} votes, batches of {size}, {1 if asked.quick else asked.rounds} turns")
    seconds = measure(runs, 1 if asked.quick else asked.rounds, device)
    for name, taken in seconds.items():
        ratios = [floor / mine for floor, mine in zip(seconds["bare"], taken, strict=True)]
        rate = votes / statistics.median(taken)
        ratio = statistics.median(ratios)
        print(f"  {name:24} {rate:9.0f} forward passes / s   {ratio:.3f} of bare")
    x = data.images.float() / 255
    same, n = agreement(model, twin, x, min(votes, 1024))
    low, high = clopper_pearson(same, n)
    held = f"{same / n:.2%} [{low:.2%}, {high:.2%}] of {n} noisy copies"
    print(f"  the twin ({half_precision(device)}) answers as the net on {held}")
    print("  a certificate of the twin's votes is one of the twin")


if __name__ == "__main__":
    main()

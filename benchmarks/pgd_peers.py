"""PGD of robustlens beside that of six other packages: seconds, images fooled, what is left behind.

    python benchmarks/pgd_peers.py                       # minutes: 40 steps on CIFAR-10, both norms
    python benchmarks/pgd_peers.py --images 1000 --rounds 3
    python benchmarks/pgd_peers.py --quick --only ours   # seconds: a tiny net, to see that it runs

All get the same model object, images, labels, memory format (torchattacks' l2 fails in
channels_last), eps, step size (2.5 eps / steps) and number of steps, one random start each
(captum's l2 fails with one and goes without; adv-lib has no l2). They take turns on one batch, in
an order that changes, then on the next; the first turn warms up and does not count. A ratio is
the median over the turns of the ratio inside a turn.

"bare" is the floor: forward and gradient to the input of the model with frozen parameters, `steps`
times, and nothing else. "pgd worst" makes all steps with all images, as the others do; "pgd" lets
fooled images leave; with "twin" the search runs on `fast(model)` and the model confirms. The model
is given as it was loaded, its parameters asking for gradients; ours freezes them meanwhile. With
--frozen they are frozen beforehand, to everybody's benefit. The images are the first of the test
set, as many of each class, that the model gets right; fooled are those it gets wrong as returned,
by its own float32 decision, on average over the rounds.
"""

import argparse
import contextlib
import logging
import platform
import statistics
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from peers import NotInstalled, describe, how_to_install, module
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from robustlens import data
from robustlens.attacks import pgd
from robustlens.balls import BALLS
from robustlens.modes import fast, frozen
from robustlens.nets import SmallCNN, load
from robustlens.progress import bar
from robustlens.provenance import clock, commit, hardware
from robustlens.streams import initialised, stream, uniform
from robustlens.types import Images, Labels

WEIGHTS = Path(__file__).parents[1] / "weights" / "cifar10-l2-0.5.safetensors"
EPS = {"linf": 8 / 255, "l2": 0.5}
MEMORY = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
ON_TWIN = {"pgd twin", "pgd worst twin"}


class Task(NamedTuple):
    """What everybody is asked to do."""

    model: nn.Module
    norm: str
    steps: int

    @property
    def eps(self) -> float:
        return EPS[self.norm]

    @property
    def step(self) -> float:
        return min(2.5 / self.steps, 1.0) * self.eps


Run = Callable[[Images, Labels], Tensor]


class Refused(Exception):
    """A peer has no attack in this norm."""


def bare(task: Task) -> Run:
    def run(x: Images, y: Labels) -> Tensor:
        with frozen(task.model):
            for _ in range(task.steps):
                point = x.detach().requires_grad_(True)
                torch.autograd.grad(cross_entropy(task.model(point), y, reduction="sum"), point)
        return x

    return run


def ours(task: Task, **settings: Any) -> Run:
    return partial(
        pgd,
        task.model,
        ball=BALLS[task.norm](task.eps),
        steps=task.steps,
        step_size=task.step,
        generator=stream(0, "starts"),
        **settings,
    )


def torchattacks(task: Task) -> Run:
    package = module("torchattacks", "torchattacks")
    method = {"linf": package.PGD, "l2": package.PGDL2}[task.norm]
    return method(  # type: ignore[no-any-return]
        task.model, eps=task.eps, alpha=task.step, steps=task.steps, random_start=True
    )


def foolbox(task: Task) -> Run:
    package = module("foolbox", "foolbox")
    held = package.PyTorchModel(task.model, (0, 1), next(task.model.parameters()).device)
    kinds = {"linf": package.attacks.LinfPGD, "l2": package.attacks.L2PGD}
    attack = kinds[task.norm](abs_stepsize=task.step, steps=task.steps, random_start=True)

    def run(x: Images, y: Labels) -> Tensor:
        found: Tensor = attack(held, x, package.criteria.Misclassification(y), epsilons=task.eps)[1]
        return found

    return run


def art(task: Task) -> Run:
    folder = "art.attacks.evasion.projected_gradient_descent.projected_gradient_descent_pytorch"
    method = module("art", folder).ProjectedGradientDescentPyTorch
    wrap = module("art", "art.estimators.classification").PyTorchClassifier
    device = next(task.model.parameters()).device

    def run(x: Images, y: Labels) -> Tensor:
        wrapped = wrap(
            model=task.model,
            loss=nn.CrossEntropyLoss(),
            input_shape=tuple(x.shape[1:]),
            nb_classes=10,
            clip_values=(0.0, 1.0),
            device_type="gpu" if device.type == "cuda" else "cpu",
        )
        attack = method(
            wrapped,
            norm={"linf": "inf", "l2": 2}[task.norm],
            eps=task.eps,
            eps_step=task.step,
            max_iter=task.steps,
            num_random_init=1,
            batch_size=len(x),
            verbose=False,
        )
        return torch.from_numpy(attack.generate(x.cpu().numpy(), y.cpu().numpy())).to(device)

    return run


def cleverhans(task: Task) -> Run:
    name = "projected_gradient_descent"
    method = getattr(module("cleverhans", f"cleverhans.torch.attacks.{name}"), name)
    norm = {"linf": float("inf"), "l2": 2}[task.norm]

    def run(x: Images, y: Labels) -> Tensor:
        settings = {"clip_min": 0.0, "clip_max": 1.0, "rand_init": True, "sanity_checks": False}
        found: Tensor = method(
            task.model, x, task.eps, task.step, task.steps, norm, y=y, **settings
        )
        return found.detach()

    return run


def captum(task: Task) -> Run:
    method = module("captum", "captum.robust").PGD
    attack = method(task.model, nn.CrossEntropyLoss(reduction="none"), 0.0, 1.0)

    def run(x: Images, y: Labels) -> Tensor:
        found: Tensor = attack.perturb(
            x,
            radius=task.eps,
            step_size=task.step,
            step_num=task.steps,
            target=y,
            random_start=task.norm == "linf",
            norm={"linf": "Linf", "l2": "L2"}[task.norm],
        )
        return found

    return run


def adv_lib(task: Task) -> Run:
    if task.norm != "linf":
        raise Refused("has no l2 PGD")
    method = module("adv-lib", "adv_lib.attacks").pgd_linf

    def run(x: Images, y: Labels) -> Tensor:
        found: Tensor = method(
            task.model, x, y, task.eps, steps=task.steps, absolute_step_size=task.step
        )
        return found

    return run


OTHERS: dict[str, Callable[[Task], Run]] = {
    "torchattacks": torchattacks,
    "foolbox": foolbox,
    "art": art,
    "cleverhans": cleverhans,
    "captum": captum,
    "adv-lib": adv_lib,
}


def contestants(task: Task, others: Mapping[str, Callable[[Task], Run]]) -> dict[str, Run]:
    """Return all that can take part; say of the others why not."""
    twin = fast(task.model)
    runs = {
        "bare": bare(task),
        "pgd worst": ours(task, failed="worst"),
        "pgd": ours(task),
        "pgd worst twin": ours(task, failed="worst", twin=twin),
        "pgd twin": ours(task, twin=twin),
    }
    for name, make in others.items():
        try:
            runs[name] = make(task)
        except Refused as error:
            print(f"  {name} {error}")
        except NotInstalled as error:
            print(f"  {name} left out: {error}")
    return runs


class Line:
    """What one contestant did, over all turns."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.fooled = 0
        self.over, self.low, self.high = -torch.inf, torch.inf, -torch.inf
        self.left: set[str] = set()

    def look(self, task: Task, x: Images, y: Labels, found: Tensor) -> None:
        """Judge the images returned, by the float32 model."""
        with torch.no_grad():
            self.fooled += int((task.model(found).argmax(dim=1) != y).sum())
        distance = BALLS[task.norm](task.eps).distance(found.double(), x.double())
        self.over = max(self.over, float(distance.max()) - task.eps)
        self.low, self.high = min(self.low, float(found.min())), max(self.high, float(found.max()))


@contextlib.contextmanager
def watched(model: nn.Module, line: Line) -> Iterator[None]:
    """Note what an attack leaves behind in the model, and put the model back."""
    asks = [parameter.requires_grad for parameter in model.parameters()]
    try:
        yield
    finally:
        if any(parameter.grad is not None for parameter in model.parameters()):
            line.left.add("gradients")
        if any(part.training for part in model.modules()):
            line.left.add("training mode")
        if asks != [parameter.requires_grad for parameter in model.parameters()]:
            line.left.add("requires_grad")
        model.eval().zero_grad(set_to_none=True)
        for parameter, ask in zip(model.parameters(), asks, strict=True):
            parameter.requires_grad_(ask)


def measure(
    task: Task, runs: dict[str, Run], turns: list[tuple[Images, Labels]], title: str
) -> dict[str, Line]:
    """Let all runs attack each batch of `turns`, one after the other; the first turn warms up."""
    lines = {name: Line() for name in runs}
    torch.manual_seed(0)  # the starts of the others
    with bar(title, total=(len(turns) + 1) * len(runs)) as advance:
        for turn, (x, y) in enumerate([turns[0], *turns]):
            order = list(runs)[turn % len(runs) :] + list(runs)[: turn % len(runs)]
            for name in order:
                if name in lines:
                    try:
                        with watched(task.model, lines[name]):
                            take_turn(task, runs[name], x, y, lines[name], counts=turn > 0)
                    except Exception as error:  # reported, and out of the race
                        if name not in OTHERS:
                            raise
                        print(f"  {name} failed: {str(error).splitlines()[0]}")
                        del lines[name]
                advance(1, name)
    return lines


def take_turn(task: Task, run: Run, x: Images, y: Labels, line: Line, *, counts: bool) -> None:
    synchronise(x)
    with clock() as passed:
        found = run(x, y)
        synchronise(x)
    if counts:
        line.seconds.append(passed())
        line.look(task, x, y, found)


def synchronise(x: Tensor) -> None:
    if x.is_cuda:
        torch.cuda.synchronize(x.device)


def ratio(top: Line, bottom: Line) -> float:
    """Return the median over the turns of the ratio inside a turn."""
    return statistics.median(a / b for a, b in zip(top.seconds, bottom.seconds, strict=True))


def against(top: Line, bottom: Line) -> str:
    """Return a ratio with its noise: the quartiles over the turns, and the ratio of the minima."""
    ratios = [a / b for a, b in zip(top.seconds, bottom.seconds, strict=True)]
    low, _, high = (
        statistics.quantiles(ratios, n=4, method="inclusive") if ratios[1:] else ratios * 3
    )
    least = min(top.seconds) / min(bottom.seconds)
    return f"{ratio(top, bottom):.3f} (quartiles {low:.3f} to {high:.3f}, of minima {least:.3f})"


def report(task: Task, lines: dict[str, Line], rounds: int, right: int) -> None:
    """Print the table of one norm and memory format, and what it says about ours."""
    print(f"  {'':15} seconds  /bare   fooled of {right}  max |d| - eps  range [0, 1]  leaves")
    for name, line in lines.items():
        kept = "ok" if line.low >= 0 and line.high <= 1 else f"{line.low:g} {line.high:g}"
        tail = f"{line.over:13.1e}  {kept:12}  {', '.join(sorted(line.left)) or 'nothing'}"
        shown = "" if name == "bare" else f"  {line.fooled / rounds:12.1f}  {tail}"
        seconds = statistics.median(line.seconds)
        print(f"  {name:15} {seconds:7.3f}  {ratio(line, lines['bare']):5.3f}{shown}")
    others = [name for name in lines if name in OTHERS]
    if not others:
        return
    best = min(others, key=lambda name: statistics.median(lines[name].seconds))
    most = max(others, key=lambda name: lines[name].fooled)
    print(f"  fastest other: {best}; most fooled by another: {most}")
    for name in ("pgd worst", "pgd", "pgd worst twin", "pgd twin"):
        top, bottom = (best, name) if name in ON_TWIN else (name, best)
        words = "speed-up over" if name in ON_TWIN else "seconds over"
        more = (lines[name].fooled - lines[most].fooled) / rounds
        print(
            f"  {name}: {words} {best} {against(lines[top], lines[bottom])}; "
            f"{more:+.1f} images fooled against {most}"
        )


def prepared(options: argparse.Namespace) -> tuple[nn.Module, Images, Labels]:
    """Return the model, and the images that it gets right with their labels."""
    if options.quick:
        model: nn.Module = initialised(0, lambda: SmallCNN(width=4)).eval()
        x = uniform(torch.empty(16, 1, 28, 28), stream(0, "images"))
        with torch.no_grad():
            return model, x, model(x).argmax(dim=1)
    model = load(options.weights).model.to(options.device)
    part = data.load("cifar10", "test").take(2 * options.images).to(options.device)
    x, y = part.images.float() / 255, part.labels
    with torch.no_grad():
        right = torch.cat([model(c).argmax(dim=1) for c in torch.split(x, options.batch)]) == y
    return model, x[right][: options.images], y[right][: options.images]


def parsed(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--images", type=int, default=512, help="of the test set (default 512)")
    add("--batch", type=int, default=128)
    add("--rounds", type=int, default=2, help="times that all batches are attacked (default 2)")
    add("--steps", type=int, default=40)
    add("--norm", choices=tuple(EPS), help="one norm only")
    add("--memory", choices=tuple(MEMORY), help="one memory format only")
    add("--only", help=f"'ours', or some of {','.join(OTHERS)}; default all")
    add("--weights", type=Path, default=WEIGHTS)
    add("--device", type=torch.device, default=torch.device("cpu"))
    add("--frozen", action="store_true", help="freeze the parameters beforehand, for everybody")
    add("--quick", action="store_true", help="a tiny untrained net, 16 images, 3 steps, 1 round")
    options = parser.parse_args(words)
    if options.quick:
        options.steps, options.rounds = 3, 1
    return options


def main(words: list[str] | None = None) -> None:
    options = parsed(words)
    logging.disable(logging.WARNING)  # remarks of the others
    warnings.simplefilter("ignore")
    only = (options.only or ",".join(OTHERS)).split(",")
    others = {name: make for name, make in OTHERS.items() if name in only}
    model, x, y = prepared(options)
    model.requires_grad_(not options.frozen)
    print(
        f"{hardware(options.device)}; torch {torch.__version__}, Python {platform.python_version()}"
    )
    print(f"robustlens {commit()}; {'; '.join(map(describe, others)) or 'no others'}")
    for norm in EPS if options.norm is None else (options.norm,):
        for memory in MEMORY if options.memory is None else (options.memory,):
            model.to(memory_format=MEMORY[memory])  # type: ignore[call-overload]
            held = x.contiguous(memory_format=MEMORY[memory])
            pieces = zip(
                torch.split(held, options.batch), torch.split(y, options.batch), strict=True
            )
            turns = list(pieces) * options.rounds
            title = f"{BALLS[norm](EPS[norm])}, {options.steps} steps, {memory}"
            print(f"\n{title}; {len(turns)} turns of at most {options.batch}, median seconds:")
            task = Task(model, norm, options.steps)
            lines = measure(task, contestants(task, others), turns, title)
            report(task, lines, options.rounds, len(x))
    missing = [name for name in others if describe(name).endswith("not installed")]
    if missing:
        print(f"\nFor the others: {how_to_install(*missing)}")


if __name__ == "__main__":
    main()

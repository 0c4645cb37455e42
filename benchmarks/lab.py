"""What a step of the lab costs over the bare nets.

    python benchmarks/lab.py                 # the shipped CIFAR-10 pair, 60 steps, 5 rounds
    python benchmarks/lab.py --quick         # few steps, small nets that are not trained

In one run and taking turns it times steps x (forward + gradient to the input) of the robust and of
the standard net, one image each, in evaluation mode with frozen parameters; the steps themselves,
`Desk.pushes`, on a desk; and the same over HTTP, from the request to the last event read by a
client on this machine, pictures as PNG and bars included. A ratio is the median over the rounds of
the ratio inside a round. The first step is timed from the request to its event.
"""

import argparse
import platform
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from http.client import HTTPConnection
from json import dumps, loads

import torch
import uvicorn

from robustlens.cli.lab import pair_of
from robustlens.modes import frozen
from robustlens.nets import SmallCNN
from robustlens.progress import bar
from robustlens.provenance import clock, hardware
from robustlens.streams import initialised, stream
from robustlens.vision.painter import Painter
from robustlens.web import Pair, lab_app
from robustlens.web.desk import Desk
from robustlens.web.steps import Push

Address = tuple[str, int]
STRENGTH = 0.01
"""Short steps: nothing reaches the end of its ball."""


@contextmanager
def served(pair: Pair) -> Iterator[Address]:
    """Yield where a lab of one pair is."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(lab_app({"it": pair}), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield bound.getsockname()
        server.should_exit = True
        thread.join()


def post(address: Address, path: str, **body: object) -> Iterator[bytes]:
    """Yield the lines of an answer as they come."""
    with closing(HTTPConnection(*address, timeout=60)) as connection:
        connection.request("POST", path, dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        yield from answer


def bare(pair: Pair, x: torch.Tensor, steps: int) -> None:
    """Run forward and gradient to the input of both nets, and nothing else."""
    for net in pair.nets:
        with frozen(net.model):
            for _ in range(steps):
                point = x.detach().requires_grad_(True)
                torch.autograd.grad(net.model(point)[:, 0].sum(), point)


def pushed(desk: Desk, steps: int) -> None:
    """Take steps on a desk."""
    for _ in desk.pushes(Push(label=0, steps=steps, strength=STRENGTH)):
        pass


def asked(address: Address, desk: str, steps: int) -> None:
    """Ask for steps, and read each event to the end."""
    path = f"/api/desks/{desk}/push"
    lines = post(address, path, label=0, steps=steps, strength=STRENGTH)
    assert sum(line.startswith(b"event: step") for line in lines) == steps


def first(address: Address, desk: str) -> float:
    """Return seconds from the request to the event of one step."""
    with clock() as passed:
        lines = post(address, f"/api/desks/{desk}/push", label=1, strength=STRENGTH)
        next(line for line in lines if line.startswith(b"data:"))
    found = passed()
    for _ in lines:
        pass
    return found


def toys() -> Pair:
    """Return two small nets as they begin."""
    nets = [initialised(seed, lambda: SmallCNN(3, 10, 8)).eval() for seed in (0, 1)]
    names = tuple(map(str, range(10)))
    robust, standard = (Painter(net, "toy", (3, 32, 32), names) for net in nets)
    return Pair(robust, standard)


def main(arguments: list[str] | None = None) -> None:
    """Print the first step, steps a second, and the ratios to the floor."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default 5)")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="3 steps, 1 round, nets as they begin")
    options = parser.parse_args(arguments)
    steps, rounds = (3, 1) if options.quick else (options.steps, options.rounds)
    pair = toys() if options.quick else pair_of("cifar10-l2-0.5", torch.device("cpu"))
    x = torch.rand(1, *pair.robust.shape, generator=stream(0, "images"))
    seconds: dict[str, list[float]] = {name: [] for name in ("bare", "desk", "server")}
    firsts: list[float] = []
    with served(pair) as address, bar("lab", total=(rounds + 1) * 3) as advance:
        name = loads(b"".join(post(address, "/api/desks", model="it")))["desk"]
        runs: dict[str, Callable[[], None]] = {
            "bare": partial(bare, pair, x, steps),
            "desk": partial(pushed, Desk(pair, 10**7), steps),
            "server": partial(asked, address, name, steps),
        }
        for number in range(rounds + 1):
            for kind, run in runs.items():
                with clock() as passed:
                    run()
                if number > 0:  # the first round warms up
                    seconds[kind].append(passed())
                advance(1)
            firsts.append(first(address, name))
    print(f"{hardware(x.device)}; torch {torch.__version__}, Python {platform.python_version()}")
    print(f"{len(pair.nets)} nets, one image each, {steps} steps, {rounds} rounds")
    print(f"  first step  {1000 * statistics.median(firsts):.0f} ms after the request")
    for kind, spent in seconds.items():
        ratios = [a / b for a, b in zip(spent, seconds["bare"], strict=True)]
        rate = steps / statistics.median(spent)
        print(f"  {kind:10}  {rate:6.1f} steps a second, {statistics.median(ratios):.3f} x bare")


if __name__ == "__main__":
    main()

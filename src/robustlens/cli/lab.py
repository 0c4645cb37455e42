"""`robustlens lab`: the nets are loaded, the page is served on this machine, a browser opened."""

import socket
import threading
import webbrowser
from collections.abc import Callable
from functools import partial

import torch

from robustlens.cli.command import Answer, device
from robustlens.cli.flags import lab as flags
from robustlens.data import SOURCES, Dataset, load
from robustlens.errors import InputError
from robustlens.progress import say
from robustlens.vision.painter import Painter
from robustlens.vision.seeds import Seeds
from robustlens.web.desk import Pair
from robustlens.zoo import pretrained
from robustlens.zoo.choice import ROBUST
from robustlens.zoo.places import find
from robustlens.zoo.seeds import seeds_of
from robustlens.zoo.table import Entry, entries

PACKAGED = {"fashion-full": "fashion"}
"""Data sets of which a part comes with the package."""


class Lab(flags.Lab):
    """`robustlens lab`, at work."""

    def run(self) -> Answer:
        """Serve until Ctrl-C."""
        try:
            from robustlens.web import lab_app, serve
        except ImportError as error:
            raise InputError(
                f"no {error.name} in this environment", "the extra of the lab",
                "pip install 'robustlens[web]'",
            ) from error  # fmt: skip
        names = self.model or _here()
        pairs = {name: pair_of(name, device(self.device)) for name in names}
        with socket.socket() as bound:
            try:
                bound.bind(("127.0.0.1", self.port))
            except (OSError, OverflowError) as error:
                raise InputError(f"port {self.port}: {error}", "a free one", "--port 0") from error
            address = f"http://127.0.0.1:{bound.getsockname()[1]}/"
            app = lab_app(pairs, talk=self.out / "talk" / "index.html")
            say(f"the lab is at {address} (Ctrl-C ends it)")
            if self.open:
                threading.Timer(0.5, webbrowser.open, (address,)).start()
            serve(app, bound)
        return Answer({"address": address, "models": list(names)}, "the lab is closed")


def pair_of(name: str, device: torch.device) -> Pair:
    """Return a shipped robust net with its twin, the standard net of the same data, if it is here.

    Raises:
        UnknownName: no such model is shipped.
        InputError: its weights are not on this machine.
    """
    return Pair(_painter(name, device), _twin(name, device), _images(name))


def _painter(name: str, device: torch.device) -> Painter:
    found = pretrained(name)
    model = found.model.to(device).eval().requires_grad_(False)
    return Painter.of(model, found.card, name, seeds=lambda: Seeds.load(seeds_of(found.card)))


def _twin(name: str, device: torch.device) -> Painter | None:
    card = entries()[name].card
    for other in entries().values():
        same = all(other.card[key] == card[key] for key in ("architecture", "classes"))
        standard = other.card["recipe"]["loss"] == "standard" and same
        if standard and find(other) is not None:
            return _painter(other.name, device)
    return None


def _images(name: str) -> Callable[[], Dataset] | None:
    """Return what reads images like those of a net's training, where they are on this machine."""
    card = entries()[name].card
    data, size = card["recipe"]["data"], card["recipe"].get("size") or None
    for source in (data, PACKAGED.get(data, "")):
        if source in SOURCES and SOURCES[source].place():
            return partial(load, source, "test", size=size)
    return None


def _here() -> tuple[str, ...]:
    """Return the robust nets on this machine, CIFAR-10's first: they paint in colour.

    Raises:
        InputError: there are none.
    """
    found = [one for one in entries().values() if _robust(one) and find(one) is not None]
    if not found:
        raise InputError("no robust model on this machine", "one", "robustlens models list")
    found.sort(key=lambda one: (not one.name.startswith("cifar10-l2"), one.name))
    return tuple(one.name for one in found)


def _robust(one: Entry) -> bool:
    return one.card["recipe"]["loss"] in ROBUST

"""Which shipped model makes pictures of what was asked for, where nobody named one.

for_pictures(["ship"])          # "cifar10-l2-0.5"
for_pictures([], grey=True)     # "fashion-l2-1.5"
"""

from collections.abc import Sequence
from fractions import Fraction

from robustlens.errors import InputError, UnknownName
from robustlens.zoo.places import find
from robustlens.zoo.table import Entry, entries

ROBUST = ("adversarial", "trades")
"""Losses of nets whose gradients make pictures."""


def for_pictures(classes: Sequence[str] = (), *, grey: bool | None = None) -> str:
    """Return the name of a robust model on this machine that knows all these classes.

    Of several, the one that takes pictures of the kind, then of the largest size, then of most
    classes, then the one trained in the largest ball.

    Raises:
        UnknownName: no model knows a class; those that are known are listed.
        InputError: no robust model is on this machine.
    """
    here = [entry for entry in entries().values()
            if entry.card["recipe"]["loss"] in ROBUST and find(entry) is not None]  # fmt: skip
    if not here:
        raise InputError(
            "no robust model on this machine",
            "one that is shipped, or your own",
            "give --model, or get one: robustlens models list",
        )
    named = [name for name in classes if not name.isdecimal()]
    able = [entry for entry in here if all(_knows(entry, name) for name in named)]
    if not able:
        known = {label for entry in here for label in entry.card["classes"]}
        strange = [name for name in named if name.casefold() not in map(str.casefold, known)]
        raise UnknownName("class", (strange or [" and ".join(named)])[0], known)
    return min(able, key=lambda entry: _rank(entry, grey)).name


def _knows(entry: Entry, name: str) -> bool:
    return name.casefold() in (known.casefold() for known in entry.card["classes"])


def _rank(entry: Entry, grey: bool | None) -> tuple[bool, int, int, float, str]:
    net, radius = entry.card["architecture"], float(Fraction(entry.card["recipe"]["eps"]))
    other = grey is not None and (net["channels"] == 1) != grey
    return other, -net["size"], -len(entry.card["classes"]), -radius, entry.name

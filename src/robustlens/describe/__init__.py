"""A value in words: two that act alike get the same words, in every process and on every machine.

    described(bind(pgd, Masked(L2(0.5), mask), objective=partial(mine, strength=0.1)))
    digest_json(described(value))       # 16 digits, for a header or an identity
    shown(mine)                         # one short name, for a title

What is told apart: everything that is reached. Numbers, strings, tensors by their content; modules
by class, weights and attributes; functions by name, source, defaults and what they read from
outside (closures, globals, attributes of own modules); objects by their class, all their attributes
and the state of their draws; own classes by all that stands in them now, methods as functions. Of a
library's code its name and source are enough. Never a memory address. In doubt two values are told
apart; left out is only what calls write and nobody reads (a count, a list that is appended to).
A class may say itself what tells its values apart: `__described__(self)` returns that by name.
"""

import functools
from typing import Any

from torch import nn

from robustlens.describe.walk import brings_code, described, state_digest

__all__ = ["brings_code", "build_of", "described", "shown", "state_digest"]


def shown(value: object) -> str:
    """Return one short name for a value, for a title: its own words unless they hold an address."""
    if isinstance(value, functools.partial):
        return shown(value.func)
    name = getattr(value, "__name__", None)
    if isinstance(name, str):
        return name
    words = str(value)
    return type(value).__name__ if " at 0x" in words or "\n" in words else words


def build_of(module: nn.Module) -> Any:
    """Return `described` without the weights that training changes: how a module is built.

    Buffers that no checkpoint keeps stay (a normalisation's mean and deviation).
    """
    kept = set(module.state_dict())
    fixed = {k: v for k, v in module.named_buffers(remove_duplicate=False) if k not in kept}
    words = {key: value for key, value in described(module).items() if key != "weights"}
    return words | {"fixed": described(fixed)}

"""Randomness with names: every draw takes a generator, every generator has a name.

    g = stream(0, "train", epoch)     # the same seed and name: the same numbers

Adding a draw to one stream does not move the others. Draws are made on the generator's own
device and moved, so a CPU generator gives the same numbers to a model on any device.
"""

import hashlib
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def stream(seed: int, *names: str | int) -> torch.Generator:
    """Return a CPU generator that depends on `seed` and on the path of `names`, nothing else."""
    path = "/".join([str(seed), *map(str, names)]).encode()
    value = int.from_bytes(hashlib.blake2b(path, digest_size=8).digest(), "little")
    return torch.Generator().manual_seed(value & (2**63 - 1))


def uniform(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return uniform draws from [0, 1), of the shape, dtype and device of `like`."""
    draw = torch.rand(like.shape, generator=generator, dtype=like.dtype, device=generator.device)
    return draw.to(like.device)


def normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return standard normal draws, of the shape, dtype and device of `like`."""
    draw = torch.randn(like.shape, generator=generator, dtype=like.dtype, device=generator.device)
    return draw.to(like.device)


def initialised(seed: int, build: Callable[[], T]) -> T:
    """Return `build()` with its weight initialisation drawn from `seed`.

    torch's initialisers read the global generator; this is the one place that seeds it, and it
    puts the previous state back.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(stream(seed, "weights").initial_seed())
        return build()

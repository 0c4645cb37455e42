"""Randomness with names: every draw takes a generator, every generator has a name.

    g = stream(0, "train", epoch)     # the same seed and name: the same numbers

Adding a draw to one stream does not move the others. Draws are made on the generator's own
device and moved, so a CPU generator gives the same numbers to a model on any device.

    draws = Draws.of(x, g)            # each image's own numbers, whatever else is in its batch
    start = draws.uniform(*x.shape[1:])
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from robustlens.types import Points

T = TypeVar("T")


def stream(seed: int, *names: str | int) -> torch.Generator:
    """Return a CPU generator that depends on `seed` and on the path of `names`, nothing else."""
    path = "/".join([str(seed), *map(str, names)]).encode()
    value = int.from_bytes(hashlib.blake2b(path, digest_size=8).digest(), "little")
    return torch.Generator().manual_seed(value & (2**63 - 1))


def uniform(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return uniform draws from [0, 1), of the shape, dtype and device of `like`."""
    return _drawn(torch.rand, like, generator)


def normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return standard normal draws, of the shape, dtype and device of `like`."""
    return _drawn(torch.randn, like, generator)


def noisy(x: Tensor, sigma: float, source: "torch.Generator | Draws") -> Tensor:
    """Return x + sigma * N(0, 1), not clipped: of a generator, or each image's own of `Draws`.

    The one place where noise is added to images, but for certificates (`smoothing.noise`): these
    draws have 24 random bits and end at 5.8 sigma.
    """
    if isinstance(source, Draws):
        return x + sigma * source.normal(*x.shape[1:])
    return x + sigma * normal(x, source)


class Shared(torch.Generator):
    """A generator that several processes hold in one state, while each has a part of a batch.

    Inside `part`, `uniform` and `normal` draw for the whole batch and give the part's rows, so
    that every image gets what it would get from one process.
    """

    rows: slice | None = None
    whole: int = 0

    @classmethod
    def like(cls, generator: torch.Generator) -> "Shared":
        """Return one in the state of a CPU generator."""
        new = cls()
        new.set_state(generator.get_state())
        return new

    @contextmanager
    def part(self, rows: slice, whole: int) -> Iterator[None]:
        """Hold rows of a batch of `whole` images."""
        self.rows, self.whole = rows, whole
        try:
            yield
        finally:
            self.rows = None


def _drawn(draw: Callable[..., Tensor], like: Tensor, generator: torch.Generator) -> Tensor:
    shape, rows = tuple(like.shape), slice(None)
    if isinstance(generator, Shared) and generator.rows is not None:
        shape, rows = (generator.whole, *shape[1:]), generator.rows
    drawn = draw(shape, generator=generator, dtype=like.dtype, device=generator.device)
    return drawn[rows].to(like.device) if shape else drawn.to(like.device)


@dataclass
class Draws:
    """Random numbers that belong to images, not to places in a batch.

    Every image has a key, made of its pixels and of one number of the generator; its draws are a
    hash of the key and a counter. So an attack gives an image the same result alone, in any batch
    and after its neighbours have left. An image that occurs more than once in a batch gets a key
    for each time. Draws have 24 random bits, and are at least float32.
    """

    keys: Tensor  # (b,) int32
    dtype: torch.dtype
    used: int = 0

    @classmethod
    def of(cls, x: Points, generator: torch.Generator) -> "Draws":
        """Return the draws of the images x, taking one number from the generator."""
        seed = int(torch.randint(2**31, (), generator=generator, device=generator.device))
        bits = x.detach().float().flatten(1).contiguous().view(torch.int32)
        places = _mixed(torch.arange(bits.shape[1], dtype=torch.int32, device=x.device)) | 1
        content = _wrapped((bits * places).sum(dim=1, dtype=torch.int64))
        wide = x.dtype if x.dtype.itemsize > 2 else torch.float32  # half precision rounds up to 1
        return cls(_mixed(_mixed(content ^ seed) + _rank(content)), wide)

    def __getitem__(self, rows: Tensor) -> "Draws":
        """Return the draws of some of the images, going on where these are."""
        return Draws(self.keys[rows], self.dtype, self.used)

    def uniform(self, *shape: int) -> Tensor:
        """Return draws from [0, 1), shaped (b, *shape)."""
        return self._bits(shape).to(self.dtype).mul_(2.0**-24)

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal draws, shaped (b, *shape) (Box & Muller 1958)."""
        radius = self._bits(shape).float().add_(1.0).mul_(2.0**-24).log_().mul_(-2.0).sqrt_()
        angle = self._bits(shape).float().mul_(2.0**-23 * math.pi).cos_()
        return radius.mul_(angle).to(self.dtype)

    def _bits(self, shape: tuple[int, ...]) -> Tensor:
        """Return whole numbers below 2**24, (b, *shape) int32."""
        count = math.prod(shape)
        first = _wrapped(torch.tensor(self.used * 0x9E3779B9, dtype=torch.int64))
        places = torch.arange(count, dtype=torch.int32, device=self.keys.device)
        self.used += 1
        drawn = _mixed(self.keys[:, None] ^ _mixed(_mixed(places) + first.to(places.device)))
        return drawn.bitwise_right_shift_(8).bitwise_and_(0xFFFFFF).view(-1, *shape)


def _mixed(bits: Tensor) -> Tensor:
    """Scramble int32 numbers one to one (the "lowbias32" constants of C. Wellons, 2018)."""
    bits = bits ^ (bits >> 16).bitwise_and_(0xFFFF)
    bits *= 0x7FEB352D
    bits ^= (bits >> 15).bitwise_and_(0x1FFFF)
    bits *= 0x846CA68B - 2**32
    bits ^= (bits >> 16).bitwise_and_(0xFFFF)
    return bits


def _wrapped(value: Tensor) -> Tensor:
    """Return int64 numbers modulo 2**32, as int32."""
    return (((value & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000).to(torch.int32)


def _rank(values: Tensor) -> Tensor:
    """Return how many equal values come before each one, int32."""
    ordered, order = values.sort(stable=True)
    place = torch.arange(len(values), device=values.device)
    first = torch.ones_like(place, dtype=torch.bool)
    first[1:] = ordered[1:] != ordered[:-1]
    run = torch.where(first, place, 0).cummax(dim=0).values if len(values) else place
    return torch.zeros_like(place).scatter_(0, order, place - run).to(torch.int32)


def initialised(seed: int, build: Callable[[], T]) -> T:
    """Return `build()` with its weight initialisation drawn from `seed`.

    torch's initialisers read the global generator; this is the one place that seeds it, and it
    puts the previous state back.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(stream(seed, "weights").initial_seed())
        return build()

"""What it takes to find a secret parity: few examples, many rules, and no hint on the way.

    rules_to_try(30, 6), examples_enough(30, 6)       # 593,775 rules; 26 examples tell which
    search(pixels, y, size=6)                         # tries them all
    query_signal(30, 6)                               # 0.0013: what an average over data tells

Learners that see the data through averages, gradients among them, have nothing to go by (Kearns
1998; Shalev-Shwartz et al. 2017). No proof that every learner must fail: without noise Gaussian
elimination finds a parity at once; with noise no fast way is known.
"""

import math
from itertools import chain, combinations, islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.theory.low_magnitude import check_noise

BLOCK = 20_000
"""Rules tried at once by the search."""


class Search(NamedTuple):
    """The subset that agrees with most labels, with how many, and how many rules were tried."""

    subset: tuple[int, ...]
    agrees: int
    tried: int


def search(pixels: Tensor, y: Tensor, size: int) -> Search:
    """Try every subset of `size` pixels on pictures (n, bits) and labels (n,): C(bits, size) rules.

    The first of the best wins. With `examples_enough` examples it is the secret with probability
    >= 1 - delta; as the code is not read, what it returns holds against every eps < 1/2.

    Raises:
        InputError: size outside 1 to bits, or no examples.
    """
    n, bits = pixels.shape
    if not (1 <= size <= bits and n):
        raise InputError(f"size {size}, {n} examples", f"1 to {bits}, and some", "change size")
    signs = (pixels > 0.5).T.to(torch.int8) * 2 - 1
    target, best = y.to(torch.int8), Search((), -1, 0)
    subsets = combinations(range(bits), size)
    while block := list(islice(subsets, BLOCK)):
        rows = torch.from_numpy(np.fromiter(chain.from_iterable(block), np.int64)).view(-1, size)
        answer = target.expand(len(block), n).clone()
        for column in rows.T:
            answer *= signs[column]
        agrees = (answer > 0).sum(dim=1)
        at = int(agrees.argmax())
        best = best._replace(tried=best.tried + len(block))
        if int(agrees[at]) > best.agrees:
            best = Search(block[at], int(agrees[at]), best.tried)
    return best


def rules_to_try(bits: int, size: int) -> int:
    """Return C(bits, size): how many parities there are."""
    return math.comb(bits, size)


def examples_enough(bits: int, size: int, noise: float = 0.0, delta: float = 0.01) -> int:
    """Return how many examples single out the secret with probability >= 1 - delta.

    A wrong parity agrees with each label like a fair coin, whatever the right one does. It agrees
    as often as the right one with probability <= r^n, r = 1/2 + sqrt(noise (1 - noise)) (Chernoff);
    the union over all rules gives n = log(C(bits, size) / delta) / log(1 / r).

    Raises:
        InputError: noise outside [0, 1/2), delta outside (0, 1), size outside 1 to bits.
    """
    check_noise(noise)
    if not (0 < delta < 1 and 1 <= size <= bits):
        raise InputError(
            f"delta {delta}, size {size}", f"(0, 1) and 1 to {bits}", "change delta or size"
        )
    rate = math.log(0.5 + math.sqrt(noise * (1 - noise)))
    return math.ceil(math.log(rules_to_try(bits, size) / delta) / -rate)


def query_signal(bits: int, size: int, noise: float = 0.0) -> float:
    """Return how much any average over data tells of the secret: a root mean square correlation.

    For any g(pixels) in [-1, 1] the mean over all secrets of E[g y]^2 is at most
    (1 - 2 noise)^2 / C(bits, size): parities are orthonormal (Parseval). A gradient of a loss is
    such averages, so it is the same for nearly all secrets (Blum et al. 1994; Shalev-Shwartz et al.
    2017, Theorem 1).

    Raises:
        InputError: noise outside [0, 1/2).
    """
    check_noise(noise)
    return (1 - 2 * noise) / math.sqrt(rules_to_try(bits, size))

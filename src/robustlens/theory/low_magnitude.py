"""A low-magnitude code: a robust rule exists, few examples fix it, and learners do not find it.

    world = CodedParity(bits=30, secret=(2, 3, 5, 7, 11, 13))
    x, y = world.sample(1000, generator)         # pixels in [0, 1]; the last one is the code
    world.code_accuracy(eps=0.2)                 # 0: the code is 0.1 strong, the change 0.2
    world.parity_accuracy(world.secret, 0.2)     # 1: no black pixel can be made to look white

The label is written twice: plainly, in one grey pixel that is a little lighter or darker, and
robustly, as the parity of a few black and white pixels, secret ones. Who learns takes the grey
pixel. Who must be robust cannot, and is left with the search for the secret (`parity_search`).
After the constructions of Bubeck, Price, Razenshteyn 2018 and Degwekar, Nakkiran, Vaikuntanathan
2018, as Ilyas et al. 2019, appendix A, describe them. A toy: parity stands for their cryptography.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.theory.sampling import Sampled, average

BLACK_TO_WHITE = 0.5
"""From this eps (l-inf, pixel units) on a black pixel can be made to look white."""


@dataclass(frozen=True)
class CodedParity:
    """Pictures of `bits` black or white pixels and a grey one, with labels +1 and -1.

    The pixels are independent and fair. The label is the product of the secret pixels' signs
    (white +1, black -1), turned with probability `noise`. The last pixel is 1/2 + amplitude y.
    Changes are l-inf of size eps, in pixel units.

    Raises:
        InputError: a secret that is empty, repeats or leaves the pixels; amplitude outside
            (0, 1/2); noise outside [0, 1/2).
    """

    bits: int
    secret: tuple[int, ...]
    amplitude: float = 0.1
    noise: float = 0.0

    def __post_init__(self) -> None:
        self._check("secret", self.secret)
        if not self.secret:
            raise InputError("an empty secret", "one pixel or more", "change secret")
        if not 0 < self.amplitude < 0.5:
            raise InputError(f"amplitude is {self.amplitude}", "in (0, 1/2)", "change amplitude")
        check_noise(self.noise)

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return n pictures (n, bits + 1) and their labels (n,), +1 or -1, float64."""
        pixels = torch.randint(0, 2, (n, self.bits), generator=generator).double()
        turned = torch.rand(n, generator=generator, dtype=torch.float64) < self.noise
        y = parity(pixels, self.secret) * torch.where(turned, -1.0, 1.0)
        return torch.cat([pixels, 0.5 + self.amplitude * y[:, None]], dim=1), y

    def code_accuracy(self, eps: float = 0.0) -> float:
        """Return the accuracy of "lighter than 1/2" on the code: 1 below the amplitude, then 0.

        Raises:
            InputError: eps < 0 or not finite.
        """
        _check_eps(eps)
        return 1.0 if eps < self.amplitude else 0.0

    def parity_accuracy(self, subset: Sequence[int], eps: float = 0.0) -> float:
        """Return the accuracy of the parity of `subset`, pixels rounded to black or white.

        1 - noise for the secret and 1/2 for every other subset, as long as eps < 1/2; then the
        adversary turns any pixel: 0. The empty subset looks at nothing and keeps 1/2.

        Raises:
            InputError: a subset that repeats or leaves the pixels; eps < 0 or not finite.
        """
        self._check("subset", subset)
        _check_eps(eps)
        if eps >= BLACK_TO_WHITE and len(subset):
            return 0.0
        return 1 - self.noise if set(subset) == set(self.secret) else 0.5

    def linear_ceiling(self) -> float:
        """Return a bound on the accuracy of every linear rule once eps >= the amplitude.

        The adversary makes the code pixel grey; what remains is a half-space of fair bits, and its
        correlation with a parity of k bits is at most C(k - 1, (k - 1) // 2) / 2^(k - 1), attained
        at eps = 0 by a vote over the secret with a threshold (k = 1: the pixel itself). Derived: a
        function's correlation with the parity is at most the influence of each secret bit, and
        of monotone functions of k bits the majority has the largest total influence.
        """
        k = len(self.secret)
        return 0.5 + (0.5 - self.noise) * math.comb(k - 1, (k - 1) // 2) / float(2 ** (k - 1))

    def sampled_code_accuracy(
        self, eps: float, *, generator: torch.Generator, count: int = 1_000_000
    ) -> Sampled:
        """Return `code_accuracy` by sampling: the code is moved against the label and read."""
        _check_eps(eps)

        def right(n: int) -> Tensor:
            x, y = self.sample(n, generator)
            return y * (x[:, -1] - eps * y - 0.5) > 0

        return average(right, count)

    def sampled_parity_accuracy(
        self, subset: Sequence[int], eps: float, *, generator: torch.Generator,
        count: int = 1_000_000,
    ) -> Sampled:  # fmt: skip
        """Return `parity_accuracy` by sampling.

        The adversary leaves a picture alone or moves one pixel of the subset by eps towards the
        other colour, whichever is worse; more pixels would not help.
        """
        self._check("subset", subset)
        _check_eps(eps)
        first = list(subset[:1])

        def right(n: int) -> Tensor:
            x, y = self.sample(n, generator)
            moved = x.clone()
            moved[:, first] += eps * (1 - 2 * x[:, first])
            return (parity(x, subset) == y) & (parity(moved, subset) == y)

        return average(right, count)

    def _check(self, name: str, subset: Sequence[int]) -> None:
        if len(set(subset)) < len(subset) or not all(0 <= i < self.bits for i in subset):
            raise InputError(
                f"{name} {tuple(subset)}",
                f"different pixels of 0 to {self.bits - 1}",
                f"change {name}",
            )


def parity(pixels: Tensor, subset: Sequence[int]) -> Tensor:
    """Return the product of the signs of pixel - 1/2 over a subset, (n, bits) to (n,).

    Lighter than 1/2 is +1, darker is -1; a pixel at 1/2 makes the answer 0, which is no label.
    """
    return (pixels[:, list(subset)] - 0.5).sign().prod(dim=1)


def check_noise(noise: float) -> None:
    """Raise `InputError` for a noise outside [0, 1/2)."""
    if not 0 <= noise < 0.5:
        raise InputError(f"noise is {noise}", "in [0, 1/2)", "change noise")


def _check_eps(eps: float) -> None:
    if not 0 <= eps < math.inf:
        raise InputError(f"eps is {eps}", "a number >= 0", "change eps")

"""Nets that learn pictures with a code and a secret: what `computational-barrier` trains.

net = train(world, standard, Budget(steps=800))
attacked(net, world, eps=0.2, tests=2000, seed=0)      # a Rate
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.attacks import bind, pgd
from robustlens.balls import Linf
from robustlens.evaluation import Rate
from robustlens.losses import adversarial, standard
from robustlens.streams import initialised, stream
from robustlens.theory.low_magnitude import CodedParity
from robustlens.types import Images, Labels, Loss


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What every training may spend, and the adversary it meets."""

    eps: float = 0.2  # l-inf, of the adversary, in pixel units
    hidden: int = 128  # units of the net
    steps: int = 600  # of Adam, each on fresh pictures
    batch: int = 256
    lr: float = 0.003
    attack_steps: int = 3  # in training; 20 in measuring
    tests: int = 1000
    seed: int = 0


class Net(nn.Module):
    """One hidden layer of ReLUs on pixels scaled to -1 and 1; two logits."""

    def __init__(self, pixels: int, hidden: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, 2)
        )

    def forward(self, x: Images) -> Tensor:
        """Return the logits (b, 2) of pictures (b, 1, 1, pixels)."""
        z: Tensor = self.body(2 * x - 1)
        return z


def pictures(
    world: CodedParity, n: int, generator: torch.Generator, code: str = "shown"
) -> tuple[Images, Labels]:
    """Return pictures (n, 1, 1, bits + 1) and classes 0, 1; with code "grey" its pixel is 1/2."""
    x, y = world.sample(n, generator)
    if code == "grey":
        x[:, -1] = 0.5
    return x.float()[:, None, None, :], (y > 0).long()


def train(world: CodedParity, loss: Loss, budget: Budget, code: str = "shown") -> Net:
    """Return a net trained on fresh pictures; the same world, loss and budget give the same net."""
    net = initialised(budget.seed, lambda: Net(world.bits + 1, budget.hidden))
    optimiser = torch.optim.Adam(net.parameters(), lr=budget.lr)
    drawn, inner = (stream(budget.seed, name) for name in ("train", "inner attack"))
    for _ in range(budget.steps):
        x, y = pictures(world, budget.batch, drawn, code)
        optimiser.zero_grad()
        loss(net, x, y, inner).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return net.eval()


def attacked(
    net: nn.Module, world: CodedParity, budget: Budget, eps: float, code: str = "shown"
) -> Rate:
    """Return the share of fresh pictures that are right as they are and after PGD of 20 steps."""
    x, y = pictures(world, budget.tests, stream(budget.seed, "test"), code)
    moved = pgd(net, x, y, Linf(eps), steps=20, generator=stream(budget.seed, "attack"))
    with torch.no_grad():
        return Rate.of((net(x).argmax(dim=1) == y) & (net(moved).argmax(dim=1) == y))


class Learned(NamedTuple):
    """What one budget gives for one size of the secret."""

    world: CodedParity
    robust: Net
    under_attack: Rate  # of `robust`
    codeless: Rate  # of a net trained and tested without the code, and without an adversary


def learn(world: CodedParity, budget: Budget) -> Learned:
    """Train against the adversary, and without code and adversary; measure both."""
    inner = bind(pgd, Linf(budget.eps), steps=budget.attack_steps)
    robust = train(world, adversarial(inner), budget)
    blind = train(world, standard, budget, "grey")
    return Learned(
        world,
        robust,
        attacked(robust, world, budget, budget.eps),
        attacked(blind, world, budget, 0.0, "grey"),
    )


def held(subset: tuple[int, ...], world: CodedParity, budget: Budget, eps: float) -> Rate:
    """Return the accuracy of the parity of `subset` on fresh pictures after the worst change."""
    found = world.sampled_parity_accuracy(
        subset, eps, generator=stream(budget.seed, "judge"), count=budget.tests
    )
    return Rate.share(round(found.value * found.n), found.n)

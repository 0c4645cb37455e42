"""How the nets of a sweep are measured.

cells = Measuring(attacked, train, test, seed, bench).all(sweep)
cells[PGD, 8].fgsm.value
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from robustlens.attacks import fgsm
from robustlens.balls import Ball, ball
from robustlens.data import Dataset, batches
from robustlens.evaluation import (
    Evaluation,
    Rate,
    accuracy,
    on_device_of,
    pgd_accuracy,
)
from robustlens.modes import frozen
from robustlens.nets import logits
from robustlens.recipes import LOSSES, Recipe, fit
from robustlens.registry import Bench
from robustlens.streams import stream
from robustlens.studies.harder_training_capacity.nets import WAYS, Cell, Cells, Net, Sweep
from robustlens.studies.kit.attacked import Attacked

BATCH = 250


@dataclass(frozen=True, eq=False)
class Measuring:
    """Images and attacks, the same for every net."""

    attacked: Attacked
    train: Dataset  # what all nets learned from
    test: Dataset
    seed: int
    bench: Bench

    def all(self, sweep: Sweep) -> Cells:
        """Train every net of the sweep and measure it, the narrow ones first."""
        return {
            (way, width): Cell(tuple(map(self.net, sweep.recipes(way, width))))
            for width in sweep.widths
            for way in WAYS
        }

    def net(self, recipe: Recipe) -> Net:
        """Train one net, or take it up, and measure it."""
        model = fit(recipe, self.bench.folder, self.bench.device).model
        test, within = on_device_of(model, self.test), ball(recipe.norm, recipe.eps)
        clean = accuracy(model, test)
        answers = torch.tensor([record.clean for record in clean.records])
        pgd = pgd_accuracy(model, test, within, steps=self.attacked.steps, seed=self.seed)
        return Net(
            _held(clean),
            on_fgsm(model, test, within),
            _held(pgd),
            float(answers.bincount().max()) / len(answers),
            own_loss(model, recipe, on_device_of(model, self.train)),
        )

    def autoattack(self, recipe: Recipe) -> Rate:
        """Return the accuracy of one net under AutoAttack, on the first few test images."""
        model = fit(recipe, self.bench.folder, self.bench.device).model
        within = ball(recipe.norm, recipe.eps)
        return self.attacked.autoattack(model, self.test, within, self.seed)


def on_fgsm(model: nn.Module, data: Dataset, within: Ball) -> Tensor:
    """Return which images the model gets right after one FGSM step, boolean (n,).

    Also images that are wrong as they are count, as in the paper: a net that FGSM training has
    taught to read the step is right on more of them than on clean images. `attacked_accuracy`
    counts such images as broken and could not show it.
    """
    right = []
    with frozen(model):
        for x, y in batches(data, BATCH):
            moved = fgsm(model, x, y, within, failed="worst")
            right.append((logits(model, moved).argmax(dim=1) == y).cpu())
    return torch.cat(right)


def own_loss(model: nn.Module, recipe: Recipe, train: Dataset) -> float:
    """Return the loss that training minimised, with its attack, as a mean over its images."""
    loss, generator = LOSSES[recipe.loss](recipe), stream(recipe.seed, "own loss")
    total = 0.0
    for x, y in batches(train, BATCH):
        total += float(loss(model, x, y, generator).detach()) * len(y)
    return total / len(train)


def _held(found: Evaluation) -> Tensor:
    return torch.tensor([not record.by for record in found.records])

"""A training in progress: what an epoch does, and what is kept of it."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from robustlens.data import Dataset, batches
from robustlens.decoding import decode, encode
from robustlens.describe import build_of, described, state_digest
from robustlens.doubts import doubt, quiet
from robustlens.errors import TrainingDiverged
from robustlens.evaluation import accuracy, attacked_accuracy
from robustlens.files import digest_json
from robustlens.losses import describe
from robustlens.processes import check_same, main_process
from robustlens.progress import Advance
from robustlens.streams import Shared, stream
from robustlens.training.config import OPTIMISERS, PRECISIONS, TrainConfig
from robustlens.training.schedules import SCHEDULES
from robustlens.training.state import STATE, memory, read_state, remember, write_state
from robustlens.training.together import Together
from robustlens.training.track import log
from robustlens.types import Attack, Loss

CHECK_EVERY = 20  # steps between looks at the loss, each a wait for the device
LARGEST_LOSS = 1e4


class Epoch(NamedTuple):
    """One line of the log. Accuracies are of the averaged weights, on validation images if any."""

    epoch: int  # from 1
    loss: float  # mean over the epoch's batches
    clean_accuracy: float | None
    pgd_accuracy: float | None  # under the validation attack, where there is one
    lr: float
    seconds: float

    @property
    def score(self) -> float:
        """What selects: accuracy under attack where it is measured, else clean accuracy.

        Without validation images it is the number of the epoch: the last one is kept.
        """
        if self.clean_accuracy is None:
            return self.epoch
        return self.clean_accuracy if self.pgd_accuracy is None else self.pgd_accuracy


@dataclass
class Run:
    """A training in progress: everything an epoch changes."""

    model: nn.Module
    average: AveragedModel
    optimiser: torch.optim.Optimizer
    training: Dataset
    validation: Dataset | None
    loss: Loss
    config: TrainConfig
    seed: int
    attack: Attack | None
    folder: Path | None
    identity: str
    history: list[Epoch]
    best_weights: dict[str, Tensor]
    began_with: str

    @classmethod
    def begin(
        cls,
        model: nn.Module,
        data: Dataset,
        loss: Loss,
        config: TrainConfig,
        seed: int,
        attack: Attack | None,
        folder: Path | None,
    ) -> "Run":
        """Return a run before its first epoch, or where the state in `folder` left it."""
        device = next(model.parameters()).device
        training, validation = _split(data.to(device), config.validation, seed)
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimiser = OPTIMISERS[config.optimiser](model.parameters(), config)
        average = AveragedModel(model, multi_avg_fn=_averaging(config.average), use_buffers=True)
        what = {
            "config": config.as_dict(),
            "seed": seed,
            "data": data.digest,
            "model": build_of(model),
            "loss": described(loss),
            "validation attack": described(attack),
        }
        run = cls(
            model,
            average,
            optimiser,
            training,
            validation,
            loss,
            config,
            seed,
            attack,
            folder,
            digest_json(what),
            [],
            {},
            state_digest(model),
        )
        if folder is not None and (folder / STATE).exists():
            run.resume(folder / STATE)
        check_same(f"{run.identity} after {len(run.history)} epochs", "the training")
        return run

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return math.ceil(len(self.training) / self.config.batch_size)

    @cached_property
    def caller(self) -> nn.Module:
        """The model as the loss calls it: compiled on CUDA where the config says so.

        It shares weights and modes with `model`. Shapes are static: whole and last batches, with
        and without a gradient by the image or the weights, are fewer graphs than torch keeps.
        """
        if not (self.config.compile and self.training.images.is_cuda):
            return self.model
        return cast(nn.Module, torch.compile(self.model, dynamic=False))

    def epoch(self, advance: Advance) -> None:
        """Train for one epoch, validate, log, save."""
        began, number = time.perf_counter(), len(self.history)
        generator = Shared.like(stream(self.seed, "train", number))
        total = torch.zeros((), device=self.training.images.device)
        self.model.train()
        shuffled = batches(self.training, self.config.batch_size, generator, self.config.augment)
        together = Together(self.model)
        with together.batch_norm():
            for step, (x, y) in enumerate(shuffled):
                done = (number * self.steps + step + 1) / (self.config.epochs * self.steps)
                lr = self.set_lr(done)
                self.optimiser.zero_grad(set_to_none=True)
                value = together.backward(self.mean_loss, x, y, generator)
                self.optimiser.step()
                self.average.update_parameters(self.model)
                total += value
                if step % CHECK_EVERY == 0 or step == self.steps - 1:
                    _check(float(value), number + 1, step + 1)
                advance()
        clean, attacked = self.validate()
        seconds = time.perf_counter() - began
        self.record(Epoch(number + 1, float(total) / self.steps, clean, attacked, lr, seconds))
        advance(0, _note(self.history[-1]))

    def mean_loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        """Return the loss of images, in the precision of the config."""
        device = self.training.images.device
        dtype = PRECISIONS[self.config.precision](device)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            return self.loss(self.caller, x, y, generator)

    def set_lr(self, done: float) -> float:
        """Set and return the learning rate for a share of training done."""
        lr = self.config.lr * SCHEDULES[self.config.schedule](done)
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        return lr

    def validate(self) -> tuple[float | None, float | None]:
        """Return clean accuracy and accuracy under attack of the averaged weights."""
        net = self.average.module
        if self.validation is None:
            return None, None
        with quiet():  # in the middle of a training nobody wants to know
            clean = accuracy(net, self.validation).rate.value
            if self.attack is None:
                return clean, None
            seed = stream(self.seed, "validation").initial_seed()
            attacked = attacked_accuracy(net, self.validation, self.attack, seed=seed)
            return clean, attacked.rate.value

    def record(self, epoch: Epoch) -> None:
        """Append to the history, keep the weights if they are the best, save all."""
        if not self.history or epoch.score > max(past.score for past in self.history):
            weights = self.average.module.state_dict()
            self.best_weights = {name: t.detach().clone() for name, t in weights.items()}
        self.history.append(epoch)
        if self.folder is None or not main_process():
            return
        history = encode(self.history)
        groups = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "best": self.best_weights,
            "momentum": memory(self.optimiser),
        }
        card = {
            "identity": self.identity,
            "history": history,
            "loss": describe(self.loss),
            "began with": self.began_with,
        }
        write_state(self.folder / STATE, groups, card)
        log(self.folder, history)

    def resume(self, path: Path) -> None:
        """Take up the state of an earlier call, which must have been the same call."""
        groups, card = read_state(path, self.identity)
        began_with = str(card.get("began with", self.began_with))
        if began_with != self.began_with:
            doubt(
                f"the run in {path.parent} began with other weights than this model has now; it "
                "goes on with its own: name another folder for a new training, and seed initial "
                "weights (streams.initialised)",
                level=5,
            )
        self.began_with = began_with
        self.model.load_state_dict(groups["model"])
        self.average.load_state_dict(groups["average"])
        device = self.training.images.device
        self.best_weights = {name: t.to(device) for name, t in groups["best"].items()}
        remember(self.optimiser, groups.get("momentum", {}))
        self.history = decode(list[Epoch], card.get("history"), f"{path}: history")


def _split(data: Dataset, fraction: float, seed: int) -> tuple[Dataset, Dataset | None]:
    return data.split(fraction, seed) if fraction else (data, None)


def _averaging(decay: float) -> Callable[[Any, Any, Any], None]:
    """Exponential moving average that starts short: at update t at most (1 + t) / (10 + t)."""

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
        kept = min(decay, (1 + int(count)) / (10 + int(count)))
        for mean, now in zip(averaged, current, strict=True):
            if mean.is_floating_point():
                mean.lerp_(now.to(mean.dtype), 1 - kept)
            else:
                mean.copy_(now)

    return update


def _check(value: float, epoch: int, step: int) -> None:
    if not value <= LARGEST_LOSS:
        raise TrainingDiverged(
            f"the loss is {value:g} at epoch {epoch}, step {step}; the last whole epoch is kept. "
            "Lower lr, or use precision float32."
        )


def _note(epoch: Epoch) -> str:
    words = f"epoch {epoch.epoch} loss {epoch.loss:.3f}"
    rates = (("clean", epoch.clean_accuracy), ("PGD", epoch.pgd_accuracy))
    return " ".join([words, *(f"{name} {rate:.1%}" for name, rate in rates if rate is not None)])

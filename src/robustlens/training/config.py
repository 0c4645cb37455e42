"""How to train: the settings, checked as soon as they are written."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import nn

from robustlens.data import Augmentation
from robustlens.decoding import encode
from robustlens.errors import InputError, UnknownName
from robustlens.modes import half_precision
from robustlens.training.schedules import SCHEDULES

PRECISIONS: dict[str, Callable[[torch.device], torch.dtype]] = {
    "auto": half_precision,
    "float32": lambda device: torch.float32,
    "bfloat16": lambda device: torch.bfloat16,
}
"""Number formats of the forward pass; "auto" is bfloat16 where the device has it."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How to train, apart from the model, the data and the loss."""

    LATER: ClassVar[frozenset[str]] = frozenset({"optimiser", "compile"})  # see `decoding`

    epochs: int = 20  # passes over the training images
    batch_size: int = 128
    lr: float = 0.1  # the peak of the schedule
    schedule: str = "one-cycle"  # one-cycle, piecewise or cosine
    momentum: float = 0.9  # Nesterov; of adam, the decay of its first moment
    weight_decay: float = 5e-4
    average: float = 0.995  # decay of the weight average; 0 for none
    validation: float = 0.05  # share of the training set that selects the epoch; 0: the last one
    precision: str = "auto"  # auto (bfloat16 where native), float32 or bfloat16
    augment: Augmentation = field(default_factory=Augmentation)
    optimiser: str = "sgd"  # sgd, or adam (which wants a learning rate near 0.002)
    compile: bool = False  # on CUDA, train through torch.compile; elsewhere nothing changes

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise UnknownName("schedule", self.schedule, SCHEDULES)
        if self.precision not in PRECISIONS:
            raise UnknownName("precision", self.precision, PRECISIONS)
        if self.optimiser not in OPTIMISERS:
            raise UnknownName("optimiser", self.optimiser, OPTIMISERS)
        for name, good, expected in (
            ("epochs", self.epochs >= 1, "at least 1"),
            ("batch_size", self.batch_size >= 2, "at least 2"),
            ("lr", self.lr > 0, "a number > 0 such as 0.1"),
            ("momentum", 0 < self.momentum < 1, "between 0 and 1"),
            ("weight_decay", self.weight_decay >= 0, "a number >= 0"),
            ("average", 0 <= self.average < 1, "between 0 (none) and 1"),
            ("validation", 0 <= self.validation < 1, "0, or between 0 and 1"),
        ):
            if not good:
                raise InputError(f"{name} is {getattr(self, name)}", expected, f"change {name}")

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for a JSON file; see `decoding.LATER`."""
        found: dict[str, Any] = encode(self)
        return found


def _sgd(parameters: Iterable[nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        parameters,
        lr=config.lr,
        momentum=config.momentum,
        nesterov=True,
        weight_decay=config.weight_decay,
    )


def _adam(parameters: Iterable[nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    betas = (config.momentum, 0.999)
    return torch.optim.AdamW(
        parameters, lr=config.lr, betas=betas, weight_decay=config.weight_decay
    )


OPTIMISERS: dict[str, Callable[[Iterable[nn.Parameter], TrainConfig], torch.optim.Optimizer]] = {
    "sgd": _sgd,
    "adam": _adam,
}
"""SGD with Nesterov momentum, and Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

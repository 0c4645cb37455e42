"""The state of a training as one file: tensors under names, and a card that says whose they are."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.nets.cards import Card
from robustlens.nets.checkpoints import read_tensors, write_tensors

STATE = "state.safetensors"
MOMENTUM = "momentum_buffer"
"""What SGD remembers of a parameter."""

Groups = Mapping[str, Mapping[str, Tensor]]


def write_state(path: Path, groups: Groups, card: Mapping[str, object]) -> None:
    """Write groups of tensors as "group/name", atomically."""
    flat = {
        f"{group}/{name}": tensor.detach().cpu().contiguous().clone()
        for group, tensors in groups.items()
        for name, tensor in tensors.items()
    }
    write_tensors(path, flat, dict(card))


def read_state(path: Path, identity: str) -> tuple[dict[str, dict[str, Tensor]], Card]:
    """Return the groups and the card of the run of this identity.

    Raises:
        InputError: the file is damaged, or the state of another run.
    """
    flat, card = read_tensors(path)
    if card.get("identity") != identity:
        raise InputError(
            f"{path} is the state of another run (model, data, loss, validation attack, seed or "
            "config differ)",
            "an empty folder, or the settings of that run",
            "choose another output folder",
        )
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in flat.items():
        group, name = key.split("/", 1)
        groups.setdefault(group, {})[name] = tensor
    return groups, card


def memory(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return what an optimiser remembers of each parameter: "3", or "3/exp_avg" for Adam's."""
    return {
        str(i) if key == MOMENTUM else f"{i}/{key}": tensor
        for i, state in optimiser.state_dict()["state"].items()
        for key, tensor in state.items()
    }


def remember(optimiser: torch.optim.Optimizer, kept: Mapping[str, Tensor]) -> None:
    """Give an optimiser back what `memory` returned."""
    state = optimiser.state_dict()
    state["state"] = {}
    for name, tensor in kept.items():
        i, _, key = name.partition("/")
        state["state"].setdefault(int(i), {})[key or MOMENTUM] = tensor
    optimiser.load_state_dict(state)

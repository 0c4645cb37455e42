"""The weights of a file under the names that a model has for them.

model.load_state_dict(fitted(path, tensors, model))

Wrappers and habits of saving change names and leave entries out, and none of that changes a net:
`module.` (DataParallel, averaged models) and `_orig_mod.` (torch.compile) anywhere in a name, one
word before all names (`model.`, `state_dict.`), a tied tensor written once, batch norms without
`num_batches_tracked`. Everything else that differs is refused by name.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from robustlens.errors import InputError

WRAPPERS = ("module", "_orig_mod")
"""What DataParallel and torch.compile put into names."""
COUNTERS = ("num_batches_tracked", "n_averaged")
"""What counts steps of training and says nothing about answers."""


def fitted(path: Path, tensors: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Return the tensors as the model's state dict, complete.

    Raises:
        InputError: tensors are missing, left over or of another shape, or the file has several
            values for what is one tensor in the model; the words name them and `path`.
    """
    own: dict[str, Tensor] = model.state_dict(keep_vars=True)
    found = _renamed(tensors, own)
    for name in found.keys() - own.keys():
        if name.rpartition(".")[2] == COUNTERS[1]:
            del found[name]
    _fill(path, found, own)
    _check(path, found, own, model)
    return found


def _renamed(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under the model's names, as far as wrappers and a first word explain."""
    if not _foreign(tensors, own):
        return dict(tensors)
    plain = {_bare(name): name for name in own}
    if len(plain) < len(own):  # the model has modules of those names itself
        return dict(tensors)
    bare = {_bare(name): tensor for name, tensor in tensors.items()}
    if len(bare) < len(tensors):
        return dict(tensors)
    counted = {name for name in bare if name in COUNTERS}
    while _foreign(bare, plain):
        first = {name.partition(".")[0] for name in bare.keys() - counted}
        if len(first) != 1 or not all("." in name for name in bare.keys() - counted):
            return dict(tensors)
        bare = {name if name in counted else name.partition(".")[2]: tensor
                for name, tensor in bare.items()}  # fmt: skip
    return {plain.get(name, name): tensor for name, tensor in bare.items()}


def _foreign(tensors: Mapping[str, Tensor], own: Mapping[str, object]) -> bool:
    """Say whether names are none of the model's, counters apart."""
    return any(name not in own and name.rpartition(".")[2] not in COUNTERS for name in tensors)


def _bare(name: str) -> str:
    return ".".join(word for word in name.split(".") if word not in WRAPPERS)


def _fill(path: Path, found: dict[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Give tied tensors the one value that the file has for them, and counters the model's."""
    tied: dict[int, list[str]] = {}
    for name, tensor in own.items():
        tied.setdefault(id(tensor), []).append(name)
    for names in tied.values():
        given = [name for name in names if name in found]
        if any(not torch.equal(found[name], found[given[0]]) for name in given):
            raise InputError(
                f"{path} has different values for {' and '.join(given)}",
                "equal ones, for they are one tensor in this model",
                "check the net: it ties weights that the file does not",
            )
        found.update(dict.fromkeys(names, found[given[0]]) if given else {})
    for name, tensor in own.items():
        if name not in found and name.rpartition(".")[2] == COUNTERS[0]:
            found[name] = tensor.detach()


def _check(
    path: Path, tensors: Mapping[str, Tensor], own: Mapping[str, Tensor], model: nn.Module
) -> None:
    expected, received = ({name: _kind(t) for name, t in each.items()} for each in (own, tensors))
    wrong = [
        f"{name}: {received.get(name, 'missing')} instead of {expected.get(name, 'nothing')}"
        for name in sorted(expected.keys() | received.keys())
        if expected.get(name) != received.get(name)
    ]
    if wrong:
        raise InputError(
            f"{path} belongs to another architecture, {len(wrong)} tensors differ "
            f"({'; '.join(wrong[:3])})",
            f"the weights of this {type(model).__name__}",
            "check the net, its width and depth",
        )


def _kind(tensor: Tensor) -> str:
    return ("complex " if tensor.is_complex() else "") + str(tuple(tensor.shape))

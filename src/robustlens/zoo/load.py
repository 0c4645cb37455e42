"""Shipped models by name, where a path would do too.

model, card = pretrained("cifar10-l2-0.5")
model, card = nets.load(resolve(Path("cifar10-l2-0.5")))
"""

import os
from pathlib import Path

from robustlens.errors import UnknownName
from robustlens.files import AnyPath, as_path
from robustlens.nets import Checkpoint, load
from robustlens.nets.checkpoints import exists
from robustlens.zoo.places import located
from robustlens.zoo.table import entries, entry


def pretrained(name: AnyPath) -> Checkpoint:
    """Return a shipped model in evaluation mode, for images in [0, 1], and its card.

    Nothing is downloaded. Every file is compared with the SHA-256 of the table first.

    Raises:
        UnknownName: no model of that name is shipped.
        InputError: its files are not on this machine (the words say where they belong), or are
            damaged, cut short, pickled or another model's.
    """
    found = entry(os.fspath(name))
    return load(located(found))._replace(card=found.card)


def resolve(path: AnyPath) -> Path:
    """Return a path as it is, or that of the shipped model of this name, checked.

    A file that exists comes first. Raises `UnknownName` for a bare word that is neither, and
    `InputError` as `pretrained`.
    """
    path = as_path(path)
    if exists(path) or path.suffix == ".safetensors" or path.name != str(path):
        return path
    table = entries()
    if str(path) not in table:
        raise UnknownName("model (and there is no file of that name)", str(path), table)
    return located(table[str(path)])

"""The test set of data that come without one: a fixed fifth of every class.

train, test = piece(whole, "train"), piece(whole, "test")
"""

import torch
from torch import Tensor

from robustlens.data.dataset import Dataset, stratified
from robustlens.streams import stream

FRACTION = 0.2


def piece(whole: Dataset, split: str) -> Dataset:
    """Return the "train" four fifths or the "test" fifth of a data set, in the original order."""
    return whole.subset(torch.nonzero(members(whole.labels, split)).flatten())


def members(labels: Tensor, split: str) -> Tensor:
    """Return the mask (n,) of "train" or "test", always the same for the same labels.

    Raises `InputError` when one of the two would be empty.
    """
    test = stratified(labels, FRACTION, stream(0, "folder-split"))
    return {"train": ~test, "test": test}[split]

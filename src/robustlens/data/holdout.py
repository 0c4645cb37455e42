"""The test set of data that come without one: a fixed fifth of every class.

    train, test = piece(whole, "train"), piece(whole, "test")       # or "all"

So training never sees what "test" holds, and whoever did not train here may use "all".
"""

import torch
from torch import Tensor

from robustlens.data.dataset import Dataset, Piece, stratified
from robustlens.streams import stream

FRACTION = 0.2


def piece(whole: Dataset, split: str) -> Dataset:
    """Return the "train" four fifths, the "test" fifth or "all" of a data set, in its order."""
    kept = torch.nonzero(members(whole.labels, split)).flatten()
    found = whole if split == "all" else whole.subset(kept)
    return found.called(Piece(split, len(found), len(whole)))


def members(labels: Tensor, split: str) -> Tensor:
    """Return the mask (n,) of "train", "test" or "all", always the same for the same labels.

    Raises `InputError` when one of train and test would be empty.
    """
    if split == "all":
        return torch.ones(len(labels), dtype=torch.bool)
    test = stratified(labels, FRACTION, stream(0, "folder-split"))
    return {"train": ~test, "test": test}[split]


def words(data: Dataset) -> str:
    """Return which images these are and how many, and what of the whole is held out, if so."""
    n, piece = len(data), data.piece
    plural = "s" * (n != 1)
    if piece is None:
        return f"{data.name}, {n} image{plural}"
    if piece.split == "all":
        every = f"all {n}" if n == piece.n else f"{n} of all {piece.n}"
        return f"{data.name}, {every} image{plural}"
    count = f"{n} image{plural}" if n == piece.n else f"{n} of {piece.n} images"
    if piece.n == piece.whole:
        return f"{data.name}, {piece.split}, {count}"
    rest = piece.whole - piece.n
    kept = {"train": f'held out as "test": {rest}', "test": f'left to "train": {rest}'}[piece.split]
    return (
        f"{data.name}, {piece.split}, {count}, cut from {piece.whole} "
        f"as the data have no splits of their own ({kept})"
    )

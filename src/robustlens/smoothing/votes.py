"""Votes of a model on noisy copies of images: drawn, asked and counted in one pass, none kept.

    counts = tally(model, x, noise, images=[7, 8], seed=0, purpose="certify", first=0, n=1000)

Memory is that of `batch_size` copies, whatever n.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from robustlens.answers import decision
from robustlens.smoothing.noise import BLOCK, Noise, Noisy, fill
from robustlens.types import Images, Logits

Counts = Int[Tensor, "b columns"]
"""Votes of each image, a column a class, and one more at the end for no class: the model's answer
is no answer there, or the draw is not sure."""


class Ballot(NamedTuple):
    """Votes to be cast: on which image of the batch, which block of its noise, how many."""

    row: int
    block: int
    votes: int


def tally(
    ask: Callable[[Images], Logits],
    x: Images,
    noise: Noise,
    *,
    images: Sequence[int],
    seed: int,
    purpose: str,
    first: int | Sequence[int] = 0,
    n: int | Sequence[int],
    batch_size: int,
) -> Counts:
    """Return how often each class is answered at noisy copies of images (b, c, h, w).

    Args:
        ask: the model, by way of `Answers`, frozen.
        images: the numbers of the images, which name their noise.
        purpose: what the votes are for: votes for another purpose are independent of these.
        first: how many votes each has had already; a multiple of `BLOCK`.
        n: how many to cast now.
    """
    had = [first] * len(x) if isinstance(first, int) else first
    wanted = [n] * len(x) if isinstance(n, int) else n
    assert all(done % BLOCK == 0 for done in had)
    counts: Tensor | None = None
    for batch in _batches(_ballots(had, wanted), batch_size):
        rows, (copies, sure) = _copies(x, noise, batch, images, seed, purpose)
        with torch.no_grad():
            z = ask(copies)
        classes = z.shape[1]
        voted = decision(z)
        voted = torch.where(sure & (voted >= 0), voted, classes)
        new = torch.bincount(rows * (classes + 1) + voted, minlength=len(x) * (classes + 1))
        counts = new if counts is None else counts + new
    assert counts is not None, "no votes were asked for"
    return counts.view(len(x), -1)


def _ballots(first: Sequence[int], n: Sequence[int]) -> Iterator[Ballot]:
    for row, (had, wanted) in enumerate(zip(first, n, strict=True)):
        for done in range(0, wanted, BLOCK):
            yield Ballot(row, (had + done) // BLOCK, min(BLOCK, wanted - done))


def _batches(ballots: Iterator[Ballot], size: int) -> Iterator[list[Ballot]]:
    """Return ballots in batches of at most `size` votes, or of one ballot."""
    batch: list[Ballot] = []
    held = 0
    for ballot in ballots:
        if batch and held + ballot.votes > size:
            yield batch
            batch, held = [], 0
        batch.append(ballot)
        held += ballot.votes
    if batch:
        yield batch


def _copies(
    x: Images, noise: Noise, batch: list[Ballot], images: Sequence[int], seed: int, purpose: str
) -> tuple[Tensor, Noisy]:
    """Return for the votes of a batch: rows of x, and the noisy copies."""
    shape = (len(batch), BLOCK, noise.width(x[0].numel()))
    bits = torch.empty(shape, dtype=torch.int64, device=x.device)
    for place, (row, block, _) in zip(bits, batch, strict=True):
        fill(place, seed, purpose, images[row], block)
    rows = torch.tensor([ballot.row for ballot in batch], device=x.device)
    kept = torch.tensor([ballot.votes for ballot in batch], device=x.device)
    cast = torch.arange(BLOCK, device=x.device) < kept[:, None]
    rows = rows[:, None].expand(-1, BLOCK)[cast]
    whole = all(ballot.votes == BLOCK for ballot in batch)
    return rows, noise.copies(x, rows, bits.flatten(0, 1) if whole else bits[cast])

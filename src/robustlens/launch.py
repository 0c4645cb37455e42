"""How many processes work together, and which of them this is; torch need not be imported.

`processes` is what they say to each other.
"""

import os
import sys


def launched() -> int:
    """Return how many processes the environment says there are, 1 without torchrun."""
    complete = all(name in os.environ for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"))
    return int(os.environ.get("WORLD_SIZE", "1")) if complete else 1


def world() -> int:
    """Return how many processes work together: one where none has met another by torch."""
    dist = sys.modules.get("torch.distributed")
    met = dist is not None and dist.is_available() and dist.is_initialized()
    return int(dist.get_world_size()) if dist is not None and met else 1


def rank() -> int:
    """Return the place of this process, from 0."""
    return int(sys.modules["torch.distributed"].get_rank()) if world() > 1 else 0


def main_process() -> bool:
    """Say whether this is the process that writes, prints and shows progress."""
    return rank() == 0


def share(total: int) -> slice:
    """Return this process's part of `total` rows: contiguous parts that differ by one at most."""
    return slice(rank() * total // world(), (rank() + 1) * total // world())

"""Several processes that do one piece of work, as torchrun starts them; alone, nothing happens.

    with joined():                      # meets the others, where torchrun started several
        part = data[share(len(data))]   # this process's rows
        texts = gathered(text)          # everybody's, in the order of the processes
        if main_process():
            write(texts)

Each call that speaks to the others must be made by all of them, in the same order. It raises
`ProcessLost` when one of them has ended. Processors speak gloo, accelerators NCCL.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

import torch
import torch.distributed as dist
from torch import Tensor

from robustlens.errors import InputError, ProcessLost
from robustlens.launch import launched, main_process, rank, share, world

__all__ = [
    "PATIENCE",
    "add_up",
    "check_same",
    "gathered",
    "joined",
    "launched",
    "main_process",
    "own",
    "rank",
    "share",
    "stacked",
    "world",
]

PATIENCE = timedelta(days=1)
"""How long the first to finish waits for the last; one that has died is noticed at once."""


@contextmanager
def joined() -> Iterator[None]:
    """Work with the other processes that torchrun started, while the body runs.

    Raises:
        ProcessLost: another process ended, or torchrun ends this one because of that.
        InputError: the processes do not find each other.
    """
    if launched() == 1:
        yield
        return
    before = signal.signal(signal.SIGTERM, _ended)
    try:
        _meet()
        yield
        _wait()
    except BaseException:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the reason is told in peace
        raise
    signal.signal(signal.SIGTERM, before)
    dist.destroy_process_group()


def own(device: torch.device) -> torch.device:
    """Return this process's accelerator where just its kind is named; others pass unchanged."""
    if world() == 1 or device.type != "cuda" or device.index is not None:
        return device
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def stacked(tensor: Tensor) -> Tensor:
    """Return the tensors of all processes, of one shape, as (processes, *shape)."""
    if world() == 1:
        return tensor[None]
    parts = [torch.empty_like(tensor) for _ in range(world())]
    with _others():
        dist.all_gather(parts, tensor.contiguous())
    return torch.stack(parts)


def add_up(tensors: Sequence[Tensor]) -> None:
    """Put into each tensor its sum over all processes, in one exchange; the same bits in all."""
    if world() == 1 or not tensors:
        return
    flat = torch.cat([tensor.detach().flatten() for tensor in tensors])
    with _others():
        dist.all_reduce(flat)
    pieces = torch.split(flat, [tensor.numel() for tensor in tensors])
    with torch.no_grad():
        for tensor, piece in zip(tensors, pieces, strict=True):
            tensor.copy_(piece.view_as(tensor))


def gathered(text: str) -> list[str]:
    """Return the texts of all processes, in their order; nobody goes on before all are here."""
    if world() == 1:
        return [text]
    content = torch.frombuffer(bytearray(text.encode() + b" "), dtype=torch.uint8)
    lengths = stacked(torch.tensor(len(content))).tolist()
    padded = torch.zeros(max(lengths), dtype=torch.uint8)
    padded[: len(content)] = content
    rows = zip(stacked(padded), lengths, strict=True)
    return [row[: length - 1].numpy().tobytes().decode() for row, length in rows]


def check_same(text: str, what: str) -> None:
    """Raise `InputError` unless all processes have the same text of something."""
    texts = gathered(text)
    if any(other != texts[0] for other in texts):
        raise InputError(
            f"the processes differ in {what}: {', '.join(dict.fromkeys(texts))}",
            "the same for all of them",
            "give them the same command, the same files and one output folder that all can see",
        )


def _meet() -> None:
    kind = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    try:
        dist.init_process_group(kind, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"the processes do not find each other ({str(error).splitlines()[0]})",
            "an address and a port that all of them reach",
            "change torchrun's --rdzv-endpoint",
        ) from error


def _wait() -> None:
    """Return when all processes are here."""
    gathered("")


@contextmanager
def _others() -> Iterator[None]:
    """Say in words what torch says when a process is gone."""
    try:
        yield
    except RuntimeError as error:
        raise ProcessLost(f"{_name()} has lost another ({str(error).splitlines()[0]})") from error


def _ended(number: int, frame: FrameType | None) -> None:
    raise ProcessLost(f"{_name()} was told to end, as another one has")


def _name() -> str:
    return f"process {int(os.environ['RANK']) + 1} of {launched()}"

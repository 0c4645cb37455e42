"""Where a number comes from: seed, config, commit, versions, machine, seconds.

with clock() as seconds:
    ...
origin = provenance("robustlens run robust-erm", config, seed=0, seconds=seconds())
"""

import platform
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import torch

from robustlens.decoding import encode
from robustlens.files import read_json, write_json
from robustlens.processes import world
from robustlens.version import __version__


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """All that is needed to get a number again, and to judge it."""

    command: str
    config: Mapping[str, Any]
    seed: int
    seconds: float
    data: Mapping[str, str] = field(default_factory=dict)  # name to digest
    commit: str
    versions: Mapping[str, str]
    device: str
    threads: int
    date: str

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for a JSON file."""
        found: dict[str, Any] = encode(self)
        return found


def provenance(
    command: str,
    config: Mapping[str, Any],
    *,
    seed: int,
    seconds: float,
    data: Mapping[str, str] | None = None,
    device: torch.device | None = None,
) -> Provenance:
    """Return the provenance of work just done on `device` (default: the CPU)."""
    return Provenance(
        command=command,
        config=config,
        seed=seed,
        seconds=round(seconds, 3),
        data=data or {},
        commit=commit(),
        versions={
            "robustlens": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
        device=hardware(device or torch.device("cpu")),
        threads=torch.get_num_threads(),
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
    )


@contextmanager
def clock(kept: Path | None = None) -> Iterator[Callable[[], float]]:
    """Yield a function that returns the seconds since the block began.

    Args:
        kept: a file that keeps them, for work that is taken up again: what former turns took is
            counted too. A turn that was killed outright is not.
    """
    before = float(read_json(kept)) if kept is not None and kept.exists() else 0.0
    began = time.perf_counter()
    try:
        yield lambda: before + time.perf_counter() - began
    finally:
        if kept is not None:
            write_json(kept, before + time.perf_counter() - began)


def command_line(*words: object) -> str:
    """Return words as one would type them in a shell."""
    return shlex.join(str(word) for word in words)


def flags(value: Mapping[str, Any], default: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the flags that turn one config into another; `prefix` stands before each name.

    Entries of nested configs get their config's name as a prefix if `prefix` ends in a dot (or
    is "."), and none otherwise.
    """
    words: list[str] = []
    for key, entry in value.items():
        name = f"{prefix.lstrip('.')}{key}".replace("_", "-")
        if isinstance(entry, Mapping):
            inner = f"{prefix.lstrip('.')}{key}." if prefix.endswith(".") else ""
            words += flags(entry, default[key], inner)
        elif entry != default[key]:
            path, dot, last = name.rpartition(".")
            off = f"--{path}{dot}no-{last}"
            if isinstance(entry, bool):
                words.append(f"--{name}" if entry else off)
            elif isinstance(entry, (list, tuple)):
                words += [f"--{name}", *map(str, entry)]
            else:
                words += [f"--{name}", str(entry)]
    return words


@cache
def commit() -> str:
    """Return the commit of the checkout this package runs from, "-dirty" if changed, or "none"."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return "none"
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "none"
    return found.stdout.strip()


def hardware(device: torch.device) -> str:
    """Return the name of the processor or accelerator behind a device, of each process's own."""
    several = f"{world()} processes, each on " if world() > 1 else ""
    return several + _machine(device)


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        name = names[0] if names else name
    return f"{name}, {torch.get_num_threads()} threads"

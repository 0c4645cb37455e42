"""Pickles of the CIFAR kind and no others: arrays, text, numbers and plain containers.

    batch = unpickle(raw, "data_batch_1")      # {b"data": array, b"labels": [...]}

A pickle is a program. This reader hands it four harmless names and refuses every other.
"""

import io
import pickle
from typing import Any

import numpy as np

from robustlens.errors import InputError


def _latin1(text: str, encoding: str) -> bytes:
    """Return bytes that Python 3 wrote as text; the only use of `_codecs.encode` in such files."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text in {encoding!r}")
    return text.encode("latin1")


# numpy's own helper, taken from where numpy says it is: its module has moved between versions.
_RECONSTRUCT: Any = np.empty(0).__reduce__()[0]

ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1,
}
"""What a pickle may call, by module and name."""


class ArrayUnpickler(pickle.Unpickler):
    """An unpickler that finds the names in `ADMITTED` and raises `InputError` for another."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the admitted object of that name."""
        if (module, name) not in ADMITTED:
            raise InputError(
                f"a pickle that asks for {module}.{name}",
                "arrays and plain containers only",
                "do not open this file with other tools: it may run code",
            )
        return ADMITTED[module, name]


def unpickle(raw: bytes, source: str) -> Any:
    """Return the object in `raw`, byte strings as bytes; raise `InputError` when it is unsafe."""
    try:
        return ArrayUnpickler(io.BytesIO(raw), encoding="bytes").load()
    except InputError:
        raise
    except Exception as error:  # a damaged pickle may raise anything: the manual lists no end
        raise InputError(f"cannot read {source}: {error}", "a whole pickle of arrays") from error

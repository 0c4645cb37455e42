"""Pickles of the CIFAR kind and no others: arrays, text, numbers and plain containers.

    batch = unpickle(raw, "data_batch_1")      # {b"data": array, b"labels": [...]}

A pickle is a program. This reader hands it a few harmless names and refuses every other. Pickles of
protocols 0 to 5 and of numpy 1 and 2 are read.
"""

import io
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np

from robustlens.errors import InputError


def _latin1(text: str, encoding: str) -> bytes:
    """Return bytes that Python 3 wrote as text; the only use of `_codecs.encode` in such files."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text in {encoding!r}")
    return text.encode("latin1")


def _empty() -> bytes:
    """Return the empty bytes; the only use of `bytes` in such files."""
    return b""


def _frombuffer(raw: Any, dtype: Any, shape: Any, order: Any) -> Any:
    """Return an array of protocol 5, a copy that may be written to."""
    return np.frombuffer(raw, dtype).reshape(shape, order=order).copy(order=order)


def _scalar(dtype: Any, raw: Any) -> Any:
    """Return a numpy number."""
    if dtype.kind not in "iufb":
        raise pickle.UnpicklingError(f"a number of the type {dtype}")
    (value,) = np.frombuffer(raw, dtype)
    return value


# numpy's own helper, taken from where numpy says it is: its module has moved between versions.
_RECONSTRUCT: Any = np.empty(0).__reduce__()[0]

ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _latin1,
    ("__builtin__", "bytes"): _empty,
    ("builtins", "bytes"): _empty,
    ("collections", "OrderedDict"): OrderedDict,
    **{
        (f"numpy.{core}.{module}", name): value
        for core in ("core", "_core")
        for module, name, value in (
            ("multiarray", "_reconstruct", _RECONSTRUCT),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _frombuffer),
        )
    },
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

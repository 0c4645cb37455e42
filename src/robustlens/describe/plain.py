"""Words of values without parts: numbers, texts, tensors and arrays, what a library names."""

from enum import Enum
from numbers import Number
from pathlib import PurePath
from types import BuiltinFunctionType, ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustlens.files import digest
from robustlens.sourcecode import library_class, name_of, own_module

LONG = 120
"""Strings above this length are told by their digest."""


def plain(value: object) -> str | None:
    """Return the words of a library's value that has no parts, None for any other."""
    if not library_class(type(value)):
        return None
    if isinstance(value, Enum):
        return f"{name_of(type(value))}.{value.name}"
    if isinstance(value, str):
        return repr(value) if len(value) <= LONG else f"text {digest(value.encode())}"
    if isinstance(value, Tensor):
        return content(value)
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, np.ndarray) and type(value) in (np.ndarray, np.memmap):
        return None if value.dtype.hasobject else _array(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"bytes {digest(bytes(value))}"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value)) if value or str(value) == "0.0" else "-0.0"
    if value is None or isinstance(value, Number | range | slice | torch.dtype | torch.layout):
        return str(value)
    if isinstance(value, PurePath):
        return f"path {value.as_posix()}"
    if isinstance(value, torch.device):
        return "a device"
    if isinstance(value, torch.Generator):
        return f"a generator {content(value.get_state())}"
    return _named(value)


def _named(value: object) -> str | None:
    """Return the name of what a library has a name for: its classes, modules, builtin functions."""
    if isinstance(value, type):
        return name_of(value) if library_class(value) else None
    if isinstance(value, BuiltinFunctionType):
        whose = value.__self__
        return name_of(value) if whose is None or isinstance(whose, ModuleType | type) else None
    if isinstance(value, np.ufunc) or (isinstance(value, ModuleType) and not own_module(value)):
        return name_of(value)
    return None


def content(value: Tensor) -> str:
    """Return dtype, shape and digest, not the device; a tensor without axes is its number."""
    try:
        value = value.detach()
        if value.is_quantized:
            return f"quantised {_raw(value.dequantize())}"
        if value.dim() == 0 and value.device.type != "meta":
            return str(plain(value.item()))
        return _raw(value.to_dense() if value.layout != torch.strided else value)
    except (RuntimeError, NotImplementedError, ValueError) as error:
        return f"a tensor that cannot be read ({type(error).__name__})"


def _raw(value: Tensor) -> str:
    if value.device.type == "meta":
        return f"{value.dtype} {tuple(value.shape)} on meta"
    content = value.cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return f"{value.dtype} {tuple(value.shape)} {digest(content.tobytes())}"


def _array(value: NDArray[Any]) -> str:
    if value.ndim == 0:
        return str(plain(value.item()))
    content = np.ascontiguousarray(value).tobytes()
    return f"{value.dtype} {value.shape} {digest(content)}"

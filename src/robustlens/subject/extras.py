"""Packages that only some models need: imported when needed, with the extra named otherwise.

onnx = needed("onnx", "onnx", "model.onnx")
"""

import importlib
from types import ModuleType

from robustlens.errors import InputError


def needed(package: str, extra: str, what: str) -> ModuleType:
    """Return a package; raise `InputError`, naming the extra, where it cannot be imported."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise InputError(
            f"{what} without the package {package.partition('.')[0]} ({error})",
            f"what comes with the extra [{extra}]",
            f"pip install 'robustlens[{extra}]'",
        ) from error

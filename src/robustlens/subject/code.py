"""Models that a person's own function builds, named as `module:function` or `file.py:function`.

net = built("my_pkg:build")
net = built("nets/mine.py:build")
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from robustlens.errors import InputError
from robustlens.files import digest
from robustlens.subject.tracing import in_words

EXPECTED = "module:function or file.py:function that returns a torch.nn.Module"


def built(path: str) -> nn.Module:
    """Return what the function builds; modules beside a file, or in the working folder, are found.

    A class does too, and a model itself that lies in the module under that name.

    Raises `InputError` when it cannot be imported or called, or returns something else.
    """
    place, _, name = path.rpartition(":")
    file = Path(place).expanduser() if place.endswith(".py") else None
    if file is not None and not file.is_file():
        raise InputError(f"--model {path}: no file {file}", EXPECTED, "check the path")
    try:
        with _first_on_path(Path.cwd() if file is None else file.resolve().parent):
            module = importlib.import_module(place) if file is None else _of_file(file.resolve())
            thing: Any = getattr(module, name)
            model = thing if isinstance(thing, nn.Module) else thing()
    except Exception as error:  # it is someone's code: it may raise anything
        beside = file is None and Path(f"{place}.py").is_file() and "/" in place
        hint = f"a file is named with its ending: {place}.py:{name}" if beside else ""
        raise InputError(f"--model {path}: {in_words(error)}", EXPECTED, hint) from error
    if not isinstance(model, nn.Module):
        raise InputError(
            f"--model {path} gives something of type {type(model).__name__}", "a torch.nn.Module"
        )
    return model


def _of_file(file: Path) -> ModuleType:
    """Import a file under its own name, or under one of its own where another module has that."""
    name = file.stem
    if not _may_be_called(name, file):
        name = f"{name}_{digest(str(file).encode())}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"no module can be made of {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _may_be_called(name: str, file: Path) -> bool:
    """Say whether a name means this very file, or nothing yet, to whoever imports it."""
    if name in sys.modules:
        return _is(file, getattr(sys.modules[name], "__file__", None))
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # a name with a dot, say
        return False
    return spec is None or _is(file, spec.origin)


def _is(file: Path, other: str | None) -> bool:
    return other is not None and Path(other).resolve() == file


@contextmanager
def _first_on_path(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))

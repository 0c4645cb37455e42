"""What Python knows of code and objects: name, source, whose it is, what a class holds.

    name_of(pgd), source_of(pgd.__code__), library_class(Mine), body_of(Mine), state_of(draws)

For `describe`, which puts functions, classes and objects into words.
"""

import inspect
import sys
import sysconfig
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Set
from dataclasses import is_dataclass
from functools import cache, cached_property, partialmethod
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from robustlens.files import digest

LIBRARIES = tuple(Path(p).resolve() for p in (sysconfig.get_path("stdlib"), Path(__file__).parent))
"""Code below these folders, or in a folder of installed packages, is named and not looked into."""
GENERATED = {"__init__", "__repr__", "__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__",
             "__setattr__", "__delattr__", "__replace__", "__new__"}  # fmt: skip
"""Methods that dataclasses and named tuples write from their fields."""
MADE_BY_CODE = 1 << 9
"""The flag of classes that are not compiled into Python (`Py_TPFLAGS_HEAPTYPE`)."""


def name_of(value: Any) -> str:
    """Return "module.qualified name" of a function or class, the name of a module."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    module = getattr(value, "__module__", None)
    return f"{module}.{name}" if isinstance(module, str) else str(name)


def source_of(code: CodeType) -> str:
    """Return the digest of a function's source, or of its byte code where there is none.

    A lambda has both: its line may hold several.
    """
    try:
        text = textwrap.dedent(inspect.getsource(code))
    except (OSError, TypeError):
        text = ""
    if text and code.co_name != "<lambda>":
        return digest(text.encode())
    return digest(text.encode(), *_compiled(code))


def _compiled(code: CodeType) -> Iterator[bytes]:
    yield code.co_code
    yield repr((code.co_names, code.co_varnames, code.co_freevars)).encode()
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _compiled(constant)
        else:
            yield repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant
                       ).encode()  # fmt: skip


@cache
def library(file: str) -> bool:
    """Say whether a file of code belongs to Python, to this package or to an installed one."""
    if file.startswith("<"):
        return file.startswith(("<@", "<frozen", "<__array_function__"))  # beartype's, python's
    place = Path(file).resolve()
    packages = {"site-packages", "dist-packages"} & set(place.parts)
    return bool(packages) or any(place.is_relative_to(folder) for folder in LIBRARIES)


def library_class(value: type) -> bool:
    """Say whether a class comes from a library (see `library`), and nobody put own methods there.

    A class made where no module has a name says it were Python's own.
    """
    name = str(value.__module__)
    nameless = name == "builtins" and value.__flags__ & MADE_BY_CODE
    return library_module(name) and not nameless and not any(map(_from_file, vars(value).values()))


def _from_file(value: object) -> bool:
    file = value.__code__.co_filename if isinstance(value, FunctionType) else "<"
    return not file.startswith("<") and not library(file)


def own_module(value: object) -> bool:
    """Say whether a value is a module that is no library's."""
    return isinstance(value, ModuleType) and not library_module(value.__name__)


def library_module(name: str) -> bool:
    """Say whether a module comes from a library (see `library`)."""
    root = name.partition(".")[0]
    if root in ("__main__", "__mp_main__"):
        return False
    files = (getattr(sys.modules.get(one), "__file__", None) for one in (name, root))
    file = next((file for file in files if isinstance(file, str)), None)
    return root in sys.stdlib_module_names if file is None else library(file)


def body_of(kind: type) -> dict[str, object]:
    """Return what the body of a class holds, what Python adds and what it generates left out."""
    return {name: value for name, value in vars(kind).items() if in_body(kind, name, value)}


def in_body(kind: type, name: str, value: object) -> bool:
    """Say whether an entry of a class tells it from others: methods and data, private ones too."""
    if isinstance(value, FunctionType):
        made = is_dataclass(kind) or hasattr(kind, "_fields")
        return not (made and name in GENERATED and value.__code__.co_filename.startswith("<"))
    ours = hasattr(value, "__func__") or isinstance(value, property | cached_property)
    pythons = (name.startswith("_") and name.endswith("_")) or name == "_abc_impl"
    return ours or isinstance(value, partialmethod) or not pythons


def slots_of(kind: type) -> tuple[str, ...]:
    """Return the names of the slots of a class and its bases, private ones as Python has them."""
    return tuple(
        f"_{base.__name__.lstrip('_')}{name}"
        if name.startswith("__") and not name.endswith("__")
        else name
        for base in kind.__mro__
        for slots in [vars(base).get("__slots__", ())]
        for name in ([slots] if isinstance(slots, str) else slots)
        if name not in ("__weakref__", "__dict__")
    )


def state_of(value: Any) -> list[Any]:
    """Return what pickling says of a value besides its attributes: a number, a state of draws.

    Only a library's way of pickling is asked; own ones may leave out what they please.
    """
    way = next(b for b in type(value).__mro__ if {"__reduce__", "__reduce_ex__"} & vars(b).keys())
    if way is object:
        given = getattr(value, "__getnewargs__", tuple)
        return list(given())
    if not library_class(way) or isinstance(value, Set):
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            told = value.__reduce_ex__(2)
    except Exception:  # a lock, a file: nothing that could be kept
        return []
    if isinstance(told, str):  # its name: nothing more than we know
        return []
    told = told[1:3] if isinstance(value, Mapping | list) else told  # without its items
    return [list(part) if isinstance(part, Iterator) else part for part in told]

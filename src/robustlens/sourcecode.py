"""What Python knows of a piece of code: its name, its source, what it reads and what it writes.

    name_of(pgd), source_of(pgd.__code__), globals_of(mine), written_by(mine)

For `describe`, which puts functions and classes into words.
"""

import ast
import inspect
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

from robustlens.files import digest

LIBRARIES = tuple(
    str(Path(place).resolve()) for place in (sysconfig.get_path("stdlib"), Path(__file__).parent)
)
"""Code below these folders, or in a folder of installed packages, is named and not looked into."""
CHANGING = {"append", "extend", "insert", "add", "update", "pop", "remove", "clear", "setdefault",
            "appendleft", "discard", "popitem", "put"}  # fmt: skip
"""Methods that change what they are called on."""


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


def class_source(value: type) -> str:
    """Return the digest of a class's source, or of its methods' byte code."""
    try:
        return digest(textwrap.dedent(inspect.getsource(value)).encode())
    except (OSError, TypeError):
        bodies = (v.__code__ for _, v in sorted(vars(value).items()) if isinstance(v, FunctionType))
        return digest(*(part for code in bodies for part in _compiled(code)))


def content_of(cell: Any) -> object:
    """Return what a closure cell holds, None before it is filled."""
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def globals_of(function: FunctionType) -> dict[str, Any]:
    """Return the globals that a function reads and does not write, modules left out."""
    names = set(_read(function.__code__)) & function.__globals__.keys()
    found = {name: function.__globals__[name] for name in names - written_by(function)}
    return {name: v for name, v in found.items() if not isinstance(v, ModuleType)}


def written_by(function: FunctionType) -> set[str]:
    """Return the outer names that a function changes: its memory, and no setting of it."""
    return set(_written(_tree(function.__code__)))


def written_in_calls(value: type) -> set[str]:
    """Return the attributes of an object that `__call__` and `forward` of an own class change."""
    bodies = (
        vars(base).get(name)
        for base in value.__mro__
        if not library_class(base)
        for name in ("__call__", "forward")
    )
    codes = [body.__code__ for body in bodies if isinstance(body, FunctionType)]
    return {name for code in codes for name in _written(_tree(code), code.co_varnames[0])}


def _tree(code: CodeType) -> ast.AST:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, TypeError, SyntaxError):  # no source, or a lambda in the middle of a line
        return ast.Module([], [])


def _written(tree: ast.AST, owner: str = "") -> Iterator[str]:
    """Yield names (or attributes of `owner`) that are assigned, counted up or changed in place."""
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            targets = [node.func.value] if node.func.attr in CHANGING else []
        elif isinstance(node, ast.Global | ast.Nonlocal) and not owner:
            yield from node.names
        for target in targets:
            within = isinstance(target, ast.Subscript)
            base = target.value if isinstance(target, ast.Subscript) else target
            if owner and isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name):
                yield from [base.attr] * (base.value.id == owner)
            elif not owner and isinstance(base, ast.Name):
                yield from [base.id] * (within or isinstance(node, ast.Call))


def _read(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _read(constant)


def library(file: str) -> bool:
    """Say whether a file of code belongs to Python, to this package or to an installed one."""
    if file.startswith("<"):
        return file.startswith(("<@", "<frozen", "<__array_function__"))  # beartype's, python's
    place = Path(file).resolve()
    packages = {"site-packages", "dist-packages"} & set(place.parts)
    return bool(packages) or any(str(place).startswith(folder) for folder in LIBRARIES)


def library_class(value: type) -> bool:
    """Say whether a class comes from a library (see `library`)."""
    file = getattr(sys.modules.get(value.__module__), "__file__", None)
    if value.__module__ in ("__main__", "__mp_main__") or value.__module__ not in sys.modules:
        return False
    return file is None or library(file)


def slots_of(value: type) -> tuple[str, ...]:
    """Return the names of a class's slots."""
    names = vars(value).get("__slots__", ())
    return (names,) if isinstance(names, str) else tuple(names)


def is_data(name: str, value: object) -> bool:
    """Say whether a class attribute is a value that the source does not fix for good."""
    code = isinstance(value, FunctionType | BuiltinFunctionType | type)
    return not name.startswith("_") and not code and not hasattr(type(value), "__get__")

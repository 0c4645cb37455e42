"""What Python knows of code and objects: name, source, what is read, what is only counted.

    name_of(pgd), source_of(pgd.__code__), reads(mine), body_of(Mine), memory_of(Mine)

For `describe`, which puts functions, classes and objects into words.
"""

import ast
import dis
import importlib
import importlib.util
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
CHANGING = {"append", "extend", "insert", "add", "update", "pop", "remove", "clear", "setdefault",
            "appendleft", "discard", "popitem", "put"}  # fmt: skip
"""Methods that change what they are called on."""
READING_NOTHING = {"builtins", "abc", "typing", "torch"}
"""Packages whose classes read no attribute of those that inherit from them, unless told."""
GENERATED = {"__init__", "__repr__", "__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__",
             "__setattr__", "__delattr__", "__replace__", "__new__"}  # fmt: skip
"""Methods that dataclasses and named tuples write from their fields."""
FROM_GLOBALS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
FROM_CLOSURE = {"LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"}
OF_WHAT_CAME = {"LOAD_ATTR", "LOAD_METHOD"}


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


def reads(function: FunctionType) -> dict[str, object]:
    """Return what a function reads from outside, by name, inner functions included.

    That is what it closes over, and of code that is no library's also globals, modules that it
    imports as it runs, and of own modules the attributes that it asks for ("cfg.level"). A library
    value that it only writes (a count, a list that it appends to) is left out.
    """
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    closure = {name: _content(cell) for name, cell in cells}
    if library(function.__code__.co_filename):
        return closure
    found: dict[str, object] = {}
    for code in _codes(function.__code__):
        steps = list(dis.get_instructions(code))
        for k, step in enumerate(steps):
            name, outer = str(step.argval), function.__globals__
            if step.opname == "IMPORT_NAME":
                level, names = steps[k - 2].argval, steps[k - 1].argval or ()
                module = _imported("." * level + name, outer.get("__package__"))
                if module is not None:
                    found |= {f"{name}.{one}": _part(module, one) for one in names}
                    found |= {} if names else {name: module}
            elif step.opname in FROM_GLOBALS | FROM_CLOSURE:
                outer = closure if step.opname in FROM_CLOSURE else outer
                found |= _asked(name, outer[name], steps[k + 1 :]) if name in outer else {}
    tree = _tree(function.__code__)
    memory = {node.id for node in _written(tree) if isinstance(node, ast.Name)} - _names_read(tree)
    return {k: v for k, v in found.items() if not (k in memory and library_class(type(v)))}


def _asked(name: str, value: object, then: list[dis.Instruction]) -> dict[str, object]:
    """Return a value that was loaded, or of an own module what is asked of it next."""
    for step in then:
        if not (own_module(value) and step.opname in OF_WHAT_CAME):
            break
        name, value = f"{name}.{step.argval}", getattr(value, str(step.argval), None)
    return {name: value}


def _imported(name: str, package: str | None) -> ModuleType | None:
    """Return an own module that a function imports as it runs; of a library none."""
    try:
        full = importlib.util.resolve_name(name, package)
        root = full.partition(".")[0]
        spec = None if root in sys.modules else importlib.util.find_spec(root)
        files = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
        theirs = any(map(library, filter(None, files))) if spec else _library_module(root)
        known = theirs or root in sys.stdlib_module_names
        return None if known else importlib.import_module(full)
    except Exception:  # it is someone's code, and may not be there
        return None


def _part(module: ModuleType, name: str) -> object:
    found = getattr(module, name, None)
    return _imported(f"{module.__name__}.{name}", None) if found is None else found


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def memory_of(kind: type) -> set[str]:
    """Return the attributes that `__call__` or `forward` of an own class writes and nobody reads.

    None where that cannot be told: without a source, or where the object is handed on.
    """
    bases = [base for base in kind.__mro__ if not library_class(base)]
    others = {base.__module__.partition(".")[0] for base in kind.__mro__ if library_class(base)}
    written, read = set[str](), set[str]()
    for name, function in ((n, f) for base in bases for n, f in _functions(base)):
        tree = _tree(function.__code__)
        owner = function.__code__.co_varnames[0] if function.__code__.co_argcount else ""
        if not (tree.body and others <= READING_NOTHING) or _handed_on(tree, owner):
            return set()
        places = [node for node in _written(tree) if isinstance(node, ast.Attribute)]
        read |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
                 and isinstance(node.ctx, ast.Load) and node not in places}  # fmt: skip
        written |= {node.attr for node in places if name in ("__call__", "forward")}
    return written - read


def _functions(kind: type) -> Iterator[tuple[str, FunctionType]]:
    """Yield the functions in the body of a class, what is wrapped by descriptors too."""
    for name, value in vars(kind).items():
        if in_body(kind, name, value):
            inner = [getattr(value, part, None) for part in ("fget", "fset", "fdel", "func")]
            for one in (value, getattr(value, "__func__", None), *inner):
                while one is not None:
                    if isinstance(one, FunctionType) and not library(one.__code__.co_filename):
                        yield name, one
                    one = getattr(one, "__wrapped__", None)


def _handed_on(tree: ast.AST, owner: str) -> bool:
    """Say whether a method does anything with its object but ask for and set attributes."""
    fine = {id(node.value) for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr != "__dict__"}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            fine |= {id(given) for given in node.args if node.func.id == "super"}
    return any(isinstance(node, ast.Name) and node.id == owner and id(node) not in fine
               for node in ast.walk(tree))  # fmt: skip


def _tree(code: CodeType) -> ast.Module:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, TypeError, SyntaxError):  # no source, or a lambda in the middle of a line
        return ast.Module([], [])


def _written(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield names and attributes where they are assigned, counted up or changed in place."""
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value.func
            if isinstance(called, ast.Attribute) and called.attr in CHANGING:
                targets = [called.value]
        for target in targets:
            for place in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
                while isinstance(place, ast.Subscript):
                    place = place.value
                yield place


def _names_read(tree: ast.AST) -> set[str]:
    places = {id(node) for node in _written(tree)}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Load) and id(node) not in places}  # fmt: skip


@cache
def library(file: str) -> bool:
    """Say whether a file of code belongs to Python, to this package or to an installed one."""
    if file.startswith("<"):
        return file.startswith(("<@", "<frozen", "<__array_function__"))  # beartype's, python's
    place = Path(file).resolve()
    packages = {"site-packages", "dist-packages"} & set(place.parts)
    return bool(packages) or any(place.is_relative_to(folder) for folder in LIBRARIES)


def library_class(value: type) -> bool:
    """Say whether a class comes from a library (see `library`)."""
    return _library_module(str(value.__module__))


def own_module(value: object) -> bool:
    """Say whether a value is a module that is no library's."""
    return isinstance(value, ModuleType) and not _library_module(value.__name__)


def _library_module(name: str) -> bool:
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

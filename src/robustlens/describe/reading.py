"""What own code reads from outside, and what it only writes.

reads(mine)                 # {"strength": 0.1, "cfg.level": 0.5}
memory_of(Mine)             # {"calls"}
"""

import ast
import dis
import importlib
import importlib.util
import inspect
import sys
import textwrap
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from robustlens.sourcecode import in_body, library, library_class, library_module, own_module

CHANGING = {"append", "extend", "insert", "add", "update", "pop", "remove", "clear", "setdefault",
            "appendleft", "discard", "popitem", "put"}  # fmt: skip
"""Methods that change what they are called on."""
READING_NOTHING = {"builtins", "abc", "typing", "torch"}
"""Packages whose classes read no attribute of those that inherit from them, unless told."""
FROM_GLOBALS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
FROM_CLOSURE = {"LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"}
OF_WHAT_CAME = {"LOAD_ATTR", "LOAD_METHOD"}


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
        theirs = any(map(library, filter(None, files))) if spec else library_module(root)
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

"""A digest of the code behind a result: a module and all of the package that it imports.

Comments, docstrings and layout do not count: the syntax trees do. Imports are read, not run, so
the digest is the same on every machine; a name that a package hands on is followed to its module.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT.name


def code_of(module: str) -> str:
    """Return the digest of a module of this package and of all that it imports from it.

    A package that only hands on names (`robustlens.attacks`) counts as the modules that are asked
    of it.
    """
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in seen and _file(name) is not None:
            seen.add(name)
            waiting.extend(_imports(name))
    trees = "".join(f"{name}\n{_tree(name)}\n" for name in sorted(seen))
    return hashlib.sha256(trees.encode()).hexdigest()[:16]


@cache
def _file(module: str) -> Path | None:
    """Return the file of a module of this package, or None for a mere name of one."""
    path = ROOT.joinpath(*module.split(".")[1:])
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    return None


def _is_package(module: str) -> bool:
    file = _file(module)
    return file is not None and file.name == "__init__.py"


@cache
def _parsed(module: str) -> ast.Module:
    file = _file(module)
    assert file is not None
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def _tree(module: str) -> str:
    tree = ast.parse(ast.unparse(_parsed(module)))  # a copy: docstrings are taken out of it
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            body = [part for part in node.body if not _is_words(part)]
            node.body = body or [ast.Pass()]
    return ast.dump(tree)


def _is_words(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@cache
def _imports(module: str) -> frozenset[str]:
    """Return the modules of this package that a module imports anywhere in it."""
    return frozenset(found for source, name in _asked(module) for found in _home(source, name))


def _asked(module: str) -> Iterator[tuple[str, str]]:
    """Yield each module of this package with a name asked of it; "" for the module itself."""
    for node in ast.walk(_parsed(module)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if _ours(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module and _ours(node.module):
            yield from ((node.module, alias.name) for alias in node.names)


def _ours(module: str) -> bool:
    return module == PACKAGE or module.startswith(PACKAGE + ".")


def _home(source: str, name: str) -> Iterator[str]:
    """Yield the module where a name of `source` is made."""
    if not _is_package(source):
        yield source
    elif name and _file(f"{source}.{name}") is not None:
        yield f"{source}.{name}"
    else:
        yield from _handed_on(source, name)


def _handed_on(package: str, name: str) -> Iterator[str]:
    for source, handed in _asked(package):
        if handed == name:
            yield from _home(source, name)
            return
    # Made in the package's own file: all that this file is counts.
    yield package

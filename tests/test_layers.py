"""The shape of the package: who imports whom, what is exported, what has a docstring."""

import ast
import importlib
import inspect
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

import robustlens

SOURCE = Path(robustlens.__file__).parent
MODULES = sorted(p for p in SOURCE.rglob("*.py") if "__pycache__" not in p.parts)

# DESIGN section 3, bottom to top. A package or module stands for all below it.
LAYERS = [
    {"errors", "types", "typed", "lazy", "version", "launch", "presets"},
    {"processes", "files", "decoding"},
    {"sourcecode"},
    {"progress", "provenance", "streams", "bounds", "describe"},  # ground
    {"fetch", "rate", "pictures", "journal", "norms", "radii"},
    {"balls", "modes", "answers", "result"},
    {"rules", "objectives", "doubts"},
    {"ascend", "sparse"},  # end of the core
    {"schedules", "nets"},
    {"data"},
    {"threats"},
    {"attacks"},
    {"losses"},
    {"training", "evaluation", "sanity"},
    {"smoothing"},
    {"zoo"},
    {"subject"},
    {"recipes"},
    {"registry"},
    {"usefulness", "constructed", "theory", "vision"},
    {"shift", "audit"},
    {"studies"},
    {"recorded"},
    {"figures"},
    {"report"},
    {"cli", "web", "__main__"},
]
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}
CORE = {"types", "norms", "radii", "balls", "rules", "sparse", "ascend", "objectives", "streams",
        "modes", "answers"}  # fmt: skip
GROUND = {"errors", "files", "processes", "progress", "provenance", "typed"}
FACES = {"figures", "cli", "web", "report", "__main__"}
SIDEWAYS = {("training", "evaluation"), ("sanity", "evaluation"), ("constructed", "usefulness"),
            ("usefulness", "theory"), ("__main__", "cli"), ("cli", "web")}  # fmt: skip
RESTRICTED = "robustlens.data.unpickle"  # reads CIFAR-10's archive, numbers and text only
TORCH_ONLY = {"torch", "jaxtyping"}


def top(path: Path) -> str:
    """The name right below robustlens: a module or a package; "" for its __init__."""
    first = path.relative_to(SOURCE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def name_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> set[str]:
    """Full names of what a module imports, anywhere in its code, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def inner(path: Path) -> set[str]:
    """The names right below robustlens that a module imports."""
    names = {n.split(".")[1] for n in imported(path) if n.startswith("robustlens.")}
    return {n for n in names if (SOURCE / n).is_dir() or (SOURCE / f"{n}.py").is_file()}


def outer(path: Path) -> set[str]:
    """The packages from elsewhere that a module imports."""
    return {n.split(".")[0] for n in imported(path)} - {"robustlens"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_downwards(path: Path) -> None:
    here = top(path)
    if not here:
        return
    assert here in HEIGHT, f"{here} has no place in the layers: add it to this test and to DESIGN"
    for other in inner(path) - {here}:
        below = HEIGHT[other] < HEIGHT[here] or (here, other) in SIDEWAYS
        assert below, f"{name_of(path)} imports {other}, which is not below it"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nobody_imports_a_face(path: Path) -> None:
    here = top(path)
    if here not in FACES:
        assert not inner(path) & FACES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_foreign_packages_stay_where_they_belong(path: Path) -> None:
    here, packages = top(path), outer(path)
    assert "torchvision" not in packages
    assert "matplotlib" not in packages or here == "figures"
    assert not packages & {"fastapi", "uvicorn", "starlette"} or here == "web"
    assert not packages & {"pickle", "dill", "joblib"} or name_of(path) == RESTRICTED
    if here in CORE:
        assert not packages - TORCH_ONLY - set(sys.stdlib_module_names)
        assert inner(path) <= CORE | GROUND


def test_no_import_cycles_inside_packages() -> None:
    graph = {
        name_of(p): {
            target
            for n in imported(p)
            for target in (n, n.rpartition(".")[0])
            if target.startswith("robustlens.") and target != name_of(p)
        }
        for p in MODULES
        if p.name != "__init__.py"
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"import cycle: {' -> '.join([*trail, name])}"
        if name not in done:
            for other in graph.get(name, ()):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def modules() -> list[ModuleType]:
    names = [m.name for m in pkgutil.walk_packages([str(SOURCE)], "robustlens.")]
    return [importlib.import_module(n) for n in names if not n.endswith("__main__")]


def test_all_equals_what_is_importable() -> None:
    for module in (robustlens, *modules()):
        listed = getattr(module, "__all__", None)
        if listed is None:
            continue
        assert len(set(listed)) == len(listed)
        missing = [name for name in listed if not hasattr(module, name)]
        assert not missing, f"{module.__name__} lists {missing} and does not have them"
        tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body):
            continue  # it has code of its own, and imports for that code
        bound = {
            alias.asname or alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        names = {n for n in bound if not inspect.ismodule(getattr(module, n))}
        assert not names - set(listed), f"{module.__name__} imports {names - set(listed)} unlisted"


def test_every_package_states_what_it_exports() -> None:
    for path in MODULES:
        if path.name == "__init__.py" and inner(path):
            assert hasattr(importlib.import_module(name_of(path)), "__all__"), path


def test_every_module_and_public_name_has_a_docstring() -> None:
    bare = []
    for path in MODULES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        bare += [] if ast.get_docstring(tree) else [name_of(path)]
        bare += [f"{name_of(path)}.{name}" for name in undocumented(tree)]
    assert not bare


def undocumented(tree: ast.Module | ast.ClassDef) -> list[str]:
    found = []
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("_"):
            continue
        found += [] if ast.get_docstring(node) else [node.name]
        if isinstance(node, ast.ClassDef):
            found += [f"{node.name}.{name}" for name in undocumented(node)]
    return found


def test_public_functions_are_annotated() -> None:
    for module in modules():
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ != module.__name__ or name.startswith("_"):
                continue
            function = inspect.unwrap(function)
            parameters = inspect.signature(function).parameters.values()
            assert all(p.annotation is not p.empty for p in parameters), f"{module}.{name}"

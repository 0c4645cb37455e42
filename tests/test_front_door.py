"""The front door is light: what is imported when, and that names are there all the same."""

import ast
import json
import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import robustlens as rl

SOURCE = Path(rl.__file__).parent
LAZY = sorted(
    path for path in SOURCE.rglob("__init__.py") if "lazy.names(" in path.read_text("utf-8")
)
HEAVY = {
    "torch", "torch._dynamo", "numpy", "scipy", "scipy.stats", "matplotlib", "PIL", "jaxtyping",
    "safetensors", "rich", "tyro", "onnx", "transformers", "torchvision",
}  # fmt: skip
SELDOM = {"torch._dynamo", "scipy.stats", "matplotlib", "onnx", "transformers", "torchvision"}


def loaded(code: str) -> set[str]:
    """Return which of HEAVY a fresh Python has imported after some code."""
    ask = f"\nimport json, sys; print(json.dumps([m for m in {sorted(HEAVY)} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code + ask], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def package_of(path: Path) -> Any:
    return sys.modules[".".join(path.parent.relative_to(SOURCE.parent).parts)]


def promised(path: Path) -> dict[str, str]:
    """Return the names that type checkers see, each with the module it comes from."""
    tree = ast.parse(path.read_text("utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    assert ast.unparse(block.test) == "typing.TYPE_CHECKING"
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert len(imports) == len(block.body)
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_the_package_alone_imports_nothing_heavy() -> None:
    assert loaded("import robustlens as rl; dir(rl); rl.__version__; rl.InputError") == set()


def test_an_attack_imports_no_compiler_and_no_pictures() -> None:
    found = loaded("import robustlens as rl; rl.attacks.pgd, rl.pgd_accuracy, rl.train, rl.fit")
    assert "torch" in found
    assert not found & SELDOM


def test_everything_imports_no_compiler_and_no_pictures() -> None:
    found = loaded("from robustlens import *\nassert pgd is attacks.pgd and ascend is not None")
    assert not found & (SELDOM - {"scipy.stats"})


@pytest.mark.parametrize("path", LAZY, ids=lambda path: path.parent.name)
def test_a_lazy_package_says_one_thing_to_people_and_to_type_checkers(path: Path) -> None:
    package = package_of(path)
    seen = promised(path)
    own = {name for name, home in seen.items() if home == package.__name__}
    assert package.__homes__ == {k: v for k, v in seen.items() if k not in own}
    assert sorted(package.__all__) == sorted({*seen, *({"__version__"} & vars(package).keys())})
    assert set(package.__all__) <= set(dir(package))
    assert all(isinstance(getattr(package, name), ModuleType) for name in own)
    for name, home in package.__homes__.items():
        assert getattr(package, name) is getattr(sys.modules[home], name)


def test_a_public_name_is_not_replaced_by_the_module_of_its_name() -> None:
    code = (
        "import robustlens.ascend, robustlens.features, robustlens as rl\n"
        "from robustlens.ascend import Ascent\n"
        "assert callable(rl.ascend) and rl.Ascent is Ascent\n"
        "assert rl.features.Probes is robustlens.features.Probes\n"
        "assert callable(rl.nets.features)\n"
    )
    loaded(code)


def test_no_public_module_hides_behind_another_public_thing() -> None:
    inside = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert all(isinstance(getattr(rl, name), ModuleType) for name in inside & set(dir(rl)))
    assert {"attacks", "data", "features", "nets", "theory"} <= inside & set(dir(rl))


def test_a_name_that_is_not_there_is_refused_as_any_module_does() -> None:
    with pytest.raises(AttributeError, match="module 'robustlens' has no attribute 'pgdd'") as told:
        rl.pgdd  # type: ignore[attr-defined]  # noqa: B018
    assert told.value.name == "pgdd"
    assert told.value.obj is rl
    assert not hasattr(rl, "__wrapped__")
    assert not hasattr(rl, "a.b")
    assert not hasattr(rl, "")


def test_what_is_lazy_is_pickled_and_set_as_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pickle.loads(pickle.dumps(rl.clopper_pearson)) is rl.clopper_pearson
    assert pickle.loads(pickle.dumps(rl.L2(0.5))) == rl.L2(0.5)
    before = rl.wilson
    monkeypatch.setattr("robustlens.wilson", len)
    assert rl.wilson is len  # type: ignore[comparison-overlap]
    monkeypatch.undo()
    assert rl.wilson is before


def test_threads_that_begin_at_once_get_the_same_names() -> None:
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from threading import Barrier\n"
        "import robustlens as rl\n"
        "names = [n for n in rl.__all__ if n not in ('sanity', 'studies', 'vision')] * 2\n"
        "barrier = Barrier(len(names))\n"
        "def get(name):\n"
        "    barrier.wait()\n"
        "    return name, getattr(rl, name)\n"
        "with ThreadPoolExecutor(len(names)) as pool:\n"
        "    for name, value in pool.map(get, names):\n"
        "        assert value is getattr(rl, name), name\n"
    )
    loaded(code)

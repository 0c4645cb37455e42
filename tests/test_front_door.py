"""The front door is light: what is imported when, and that names are there all the same."""

import ast
import json
import os
import pickle
import re
import subprocess
import sys
from importlib import import_module
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
    return import_module(".".join(path.parent.relative_to(SOURCE.parent).parts))


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
        "import robustlens.ascend, robustlens.usefulness, robustlens as rl\n"
        "from robustlens.ascend import Ascent\n"
        "assert callable(rl.ascend) and rl.Ascent is Ascent\n"
        "from robustlens.usefulness import Probes\n"
        "assert rl.features is rl.nets.features and Probes.fit\n"
        "assert callable(rl.nets.features)\n"
    )
    loaded(code)


def test_no_public_module_hides_behind_another_public_thing() -> None:
    inside = {path.parent.name for path in SOURCE.glob("*/__init__.py")} - {"audit"}  # the call
    assert all(isinstance(getattr(rl, name), ModuleType) for name in inside & set(dir(rl)))
    assert {"attacks", "data", "nets", "theory", "usefulness"} <= inside & set(dir(rl))


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
        "names = rl.__all__ * 2\n"
        "barrier = Barrier(len(names))\n"
        "def get(name):\n"
        "    barrier.wait()\n"
        "    return name, getattr(rl, name)\n"
        "with ThreadPoolExecutor(len(names)) as pool:\n"
        "    for name, value in pool.map(get, names):\n"
        "        assert value is getattr(rl, name), name\n"
    )
    loaded(code)


COMMANDS = {
    "--version": 0,
    "--help": 0,
    "list": 0,
    "list --json": 0,
    "models list": 0,
    "models list --json": 0,
    "models --help": 0,
    "models verify --help": 0,
    "data list": 0,
    "data --help": 0,
    "data build relabelled --help": 0,
    "evaluate --help": 0,
    "certify --help": 0,
    "certify --data fashion --sigma wide": 2,
    "sanity --help": 0,
    "transfer --help": 0,
    "recipes --help": 0,
    "talk --help": 0,
    "run --help": 0,
    "make --help": 0,
    "make inpaint --help": 0,
    "make seeds --help": 0,
    "evaluat": 2,
    "data bild": 2,
    "list --jsn": 2,
    "evaluate --data fashion --epz 0.5": 2,
    "sanity --data fashion --limit many": 2,
    "data show": 2,
    "make": 2,
    "make inpant": 2,
    "make generate --steps many": 2,
    "run interactive-class-manipulation": 2,
}


def test_what_is_asked_or_mistyped_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import contextlib, io, json, sys\n"
        "from robustlens.cli import main\n"
        "found = {}\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as out:\n"
        "        try:\n"
        "            code = main(words.split())\n"
        "        except SystemExit as ended:\n"
        "            code = ended.code\n"
        "    found[words] = code, [m for m in json.loads(sys.argv[2]) if m in sys.modules]\n"
        "print(json.dumps(found))\n"
    )
    heavy = sorted(HEAVY - {"rich", "tyro"})
    words = [sys.executable, "-c", code, json.dumps(list(COMMANDS)), json.dumps(heavy)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {name: [code, []] for name, code in COMMANDS.items()}


def test_models_of_ones_own_are_listed_without_torch(tmp_path: Path) -> None:
    from robustlens.nets import Architecture
    from robustlens.nets.cards import card_of
    from robustlens.nets.checkpoints import read, save

    shape = Architecture(width=2)
    card = {"validation": {"clean_accuracy": 0.75, "pgd_accuracy": None}}
    path = tmp_path / "runs" / "models" / "mine" / "weights.safetensors"
    save(path, shape.build(), architecture=shape, card=card)
    assert card_of(path) == read(path)[1]
    words = [sys.executable, "-X", "importtime", "-m", "robustlens", "models", "list"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert "mine/weights.safetensors  clean accuracy 75.0%" in done.stdout.replace(os.sep, "/")
    assert re.search(r"\| +robustlens\.cli\.app$", done.stderr, re.MULTILINE)
    assert not re.search(r"\| +torch$", done.stderr, re.MULTILINE)


def test_the_card_of_shards_is_read_without_their_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from robustlens.nets import Architecture, checkpoints
    from robustlens.nets.cards import card_of

    monkeypatch.setattr(checkpoints, "SHARD_BYTES", 500)
    shape = Architecture(width=2)
    path = tmp_path / "cut.safetensors"
    checkpoints.save(path, shape.build(), architecture=shape, card={"seed": 3})
    assert not path.exists()
    assert card_of(path) == checkpoints.read(path)[1]
    assert card_of(path)["seed"] == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "truncated"),
        (b"\x80\x04ab", "pickle"),
        (b"\x05" + bytes(7) + b"{oops", "damaged"),
        (b"\x02" + bytes(7) + b"{}", None),
        (b"\x25" + bytes(7) + b'{"__metadata__":{"robustlens":"[1]"}} ', "a card that is"),
        (b"\x24" + bytes(7) + b'{"__metadata__":{"robustlens":"{"}}  ', "damaged"),
    ],
)
def test_a_card_that_cannot_be_read_is_refused(
    tmp_path: Path, content: bytes, words: str | None
) -> None:
    from robustlens.nets.cards import card_of

    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    if words is None:
        assert card_of(path) == {}
        return
    with pytest.raises(rl.InputError, match=words):
        card_of(path)


def test_the_light_table_of_studies_is_that_of_the_studies() -> None:
    from robustlens.studies import CLAIMS, LISTED, STUDIES, Study

    assert list(STUDIES) == list(LISTED)
    assert len(STUDIES) == len(LISTED)
    for name, listed in LISTED.items():
        study = STUDIES[name]
        assert isinstance(study, Study)
        assert (study.id, study.title) == (listed.id, listed.title)
        assert name in STUDIES
        assert name in CLAIMS
    texts = [path.read_text("utf-8") for path in (SOURCE / "studies").rglob("*.py")]
    assert sum("\nSTUDY = " in text for text in texts) == len(LISTED)
    assert "interactive-class-manipulation" not in STUDIES
    with pytest.raises(KeyError):
        STUDIES["interactive-class-manipulation"]


def test_what_can_be_typed_is_what_is_done() -> None:
    from dataclasses import fields

    from robustlens.cli.app import COMMANDS as TOP
    from robustlens.cli.app import GROUPS

    kinds = [*TOP.values(), *(kind for group in GROUPS.values() for kind in group.values())]
    typed = [kind for kind in kinds if isinstance(kind, type) and kind.home]
    assert len(typed) >= 12
    for kind in typed:
        worker = getattr(import_module(kind.home), kind.__name__)
        assert issubclass(worker, kind)
        assert "run" in vars(worker)
        more = {f.name for f in fields(worker)} - {f.name for f in fields(kind)}
        assert more == ({"recipe"} if kind.__name__ == "Train" else set())

"""Values in words: alike for two that act alike, otherwise for two that do not."""

import functools
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from robustlens.attacks import bind, pgd, square, transfer, worst_of
from robustlens.balls import L2, Linf, Masked
from robustlens.describe import build_of, described, shown, state_digest
from robustlens.nets import SmallCNN, normalised
from robustlens.objectives import expected, misclassify
from robustlens.streams import initialised

LEVEL = 0.5


def net(seed: int = 0) -> nn.Module:
    return initialised(seed, lambda: SmallCNN(width=2))


def shifting(amount: float, *, twice: bool = False) -> Callable[..., Tensor]:
    def shift(model: Any, x: Tensor, y: Tensor, generator: Any, most: float = 1.0) -> Tensor:
        return (x + amount * (1 + twice)).clamp(max=most)

    return shift


def reads_a_global(x: Tensor) -> Tensor:
    return x * LEVEL


class Colour(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Settings:
    level: float
    cache: dict[str, int] = field(default_factory=dict)


class Mine:
    """An attack as an object; how often it was called is no setting."""

    def __init__(self, level: float) -> None:
        self.level, self.calls = level, 0

    def __call__(self, model: Any, x: Tensor, y: Tensor, generator: Any) -> Tensor:
        self.calls += 1
        return x * self.level

    def stronger(self, x: Tensor) -> Tensor:
        return x


class Slotted:
    __slots__ = ("level",)

    def __init__(self, level: float) -> None:
        self.level = level


class Defended(nn.Module):
    def __init__(self, strength: float) -> None:
        super().__init__()
        self.body, self.strength = net(), strength
        self.mean = torch.tensor([0.5])
        self.seen = 0

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1
        return self.body((x - self.mean) * self.strength)


def half(x: Tensor) -> Tensor:
    return x / 2


class Evil:
    """Raises whatever it is asked."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("no")


MASK = torch.ones(4, 4) > 0
OTHER = torch.eye(4) > 0
UNLIKE: dict[str, tuple[Any, ...]] = {
    "numbers": (0.5, 0.25, 1, 2, True, None, "1", float("nan"), float("inf"), Fraction(8, 255)),
    "enums": (Colour.RED, Colour.BLUE),
    "bytes": (b"a", b"b"),
    "paths": (Path("a"), Path("b"), "a"),
    "tensors": (torch.zeros(2), torch.zeros(3), torch.ones(2), torch.zeros(2).double(), MASK, OTHER,
                torch.zeros(2).bfloat16(), torch.empty(0), torch.eye(2).to_sparse()),
    "arrays": (np.zeros(2), np.ones(2), np.zeros(2, np.float32), np.zeros((2, 1))),
    "containers": ([1, 2], [2, 1], {"a": 1}, {"a": 2}, {"b": 1}, {1, 2}, {1, 3}),
    "dataclasses": (Settings(0.1), Settings(0.2)),
    "objects": (Mine(0.1), Mine(0.2), Slotted(0.1), Slotted(0.2)),
    "methods": (Mine(0.1).stronger, Mine(0.2).stronger),
    "closures": (shifting(0.1), shifting(0.2), shifting(0.1, twice=True)),
    "partials": (functools.partial(half, 1), functools.partial(half, 2), half,
                 functools.partial(half, x=1)),
    "lambdas of one line": (lambda x: x, lambda x: 2 * x),
    "classes": (Mine, Slotted, Colour),
    "dtypes": (torch.float16, torch.bfloat16),
    "modules": (net(), net(1), normalised(net(), [0.4], [0.2]), normalised(net(), [0.41], [0.2]),
                normalised(net(), [0.4], [0.21])),
    "plain attributes": (Defended(1.0), Defended(0.9)),
    "balls": (L2(0.5), L2(0.6), Linf(0.5), Masked(L2(0.5), MASK), Masked(L2(0.5), OTHER)),
    "attacks": (
        bind(pgd, L2(0.5)), bind(pgd, L2(0.5), steps=41), bind(pgd, L2(0.5), failed="worst"),
        bind(pgd, L2(0.5), objective=expected(misclassify, 2)),
        bind(pgd, L2(0.5), objective=expected(misclassify, 3)),
        bind(transfer, L2(0.5), surrogates=[net()]), bind(transfer, L2(0.5), surrogates=[net(1)]),
        bind(transfer, L2(0.5), surrogates=[normalised(net(), [0.4], [0.2])]),
        worst_of(bind(pgd, L2(0.5)), bind(square, L2(0.5))),
        worst_of(bind(pgd, L2(0.5)), bind(square, L2(0.5), queries=7)),
    ),
}  # fmt: skip
ALIKE: dict[str, Callable[[], Any]] = {
    "closure": lambda: shifting(0.1),
    "partial": lambda: functools.partial(shifting(0.1), most=0.5),
    "object": lambda: Mine(0.1),
    "module": lambda: Defended(0.5),
    "attack": lambda: bind(transfer, Masked(L2(0.5), MASK.clone()), surrogates=[net()], steps=3),
    "set": lambda: {"b", "a", "c"},
    "self-reference": lambda: (lambda made: made.append(made) or made)([1]),
    "generator": lambda: torch.Generator().manual_seed(3),
    "lock": lambda: __import__("threading").Lock(),
    "object of nothing": object,
    "object that refuses": Evil,
    "a deep list": lambda: functools.reduce(lambda inner, _: [inner], range(3000), []),
}


@pytest.mark.parametrize("values", UNLIKE.values(), ids=UNLIKE)
def test_values_that_act_differently_have_other_words(values: tuple[Any, ...]) -> None:
    words = [json.dumps(described(value)) for value in values]
    assert len(set(words)) == len(words)
    assert not any("0x" in word for word in words)


@pytest.mark.parametrize("make", ALIKE.values(), ids=ALIKE)
def test_values_that_act_alike_have_the_same_words(make: Callable[[], Any]) -> None:
    first, second = make(), make()
    assert described(first) == described(second)
    assert "0x" not in json.dumps(described(first))


def test_numbers_are_told_by_their_value_whatever_holds_them() -> None:
    for same in (0.5, np.float32(0.5), np.float64(0.5), torch.tensor(0.5), np.array(0.5)):
        assert described(same) == "0.5"
    assert described(2) == described(2.0) == described(np.int64(2)) == described(torch.tensor(2))
    assert described((1, 2)) == described([1, 2])
    assert described({"a": 1, "b": 2}) == described({"b": 2, "a": 1})


def test_a_default_that_is_written_out_is_no_other_attack() -> None:
    assert described(bind(pgd, L2(0.5))) == described(bind(pgd, L2(0.5), steps=40, restarts=1))


def test_what_a_call_writes_is_its_memory() -> None:
    mine, counted = Mine(0.1), []
    before = described(mine)
    mine(None, torch.ones(1), None, None)
    assert described(mine) == before

    def noting(x: Tensor) -> Tensor:
        counted.append(len(x))
        return x

    before = described(noting)
    noting(torch.ones(2))
    assert described(noting) == before
    model = Defended(1.0).eval()
    before = described(model)
    model(torch.rand(2, 1, 28, 28))
    assert described(model) == before


def test_a_global_that_a_function_reads_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = described(reads_a_global)
    monkeypatch.setattr(sys.modules[__name__], "LEVEL", 0.6)
    assert described(reads_a_global) != before


def test_the_device_and_the_memory_order_do_not_count() -> None:
    x = torch.rand(2, 3, 4, 4)
    assert described(x) == described(x.to(memory_format=torch.channels_last))
    assert state_digest(net()) == state_digest(net().to(memory_format=torch.channels_last))


def test_a_build_is_the_same_before_and_after_training() -> None:
    assert build_of(net(0)) == build_of(net(1))
    assert build_of(normalised(net(), [0.4], [0.2])) != build_of(normalised(net(), [0.5], [0.2]))


def test_short_names_hold_no_address() -> None:
    assert shown(shifting(0.1)) == "shift"
    assert shown(functools.partial(half, 1)) == "half"
    assert shown(Mine(0.1)) == "Mine"
    assert shown(bind(pgd, L2(0.5))) == "pgd l2 eps 0.5, steps 40, restarts 1"
    assert shown(0.5) == "0.5"
    named = bind(pgd, L2(0.5), objective=functools.partial(misclassify))
    assert named.name == "pgd misclassify"
    assert str(named).endswith("objective misclassify")


@pytest.mark.slow
def test_another_process_finds_the_same_words(tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text(
        "import functools, json, torch\n"
        "from robustlens.attacks import bind, pgd\n"
        "from robustlens.balls import L2\n"
        "from robustlens.describe import described\n"
        "WEIGHTS = {'b': torch.ones(2), 'a': {1, 2, 'x'}}\n"
        "def made(k):\n"
        "    def mine(model, x, y, generator):\n"
        "        return x + k + WEIGHTS['b'].sum()\n"
        "    return mine\n"
        "value = [bind(pgd, L2(0.5)), functools.partial(made(0.1), y=None), made, object()]\n"
        "print(json.dumps(described(value)))\n"
    )
    words = {
        subprocess.run(
            [sys.executable, "-c", "import theirs"], cwd=tmp_path, capture_output=True, text=True,
            check=True, env={"PYTHONPATH": ":".join(["", *sys.path]), "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(words) == 1
    assert "0x" not in next(iter(words))

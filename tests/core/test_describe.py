"""Values in words: alike for two that act alike, otherwise for two that do not."""

import functools
import importlib
import itertools
import json
import math
import operator
import random
import subprocess
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from robustlens.attacks import bind, pgd, square, transfer, worst_of
from robustlens.balls import L2, Linf, Masked
from robustlens.describe import brings_code, build_of, described, shown, state_digest
from robustlens.errors import InputError
from robustlens.nets import SmallCNN, normalised
from robustlens.objectives import expected, misclassify
from robustlens.sourcecode import library
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


class Held(list[int]):
    def __init__(self, values: list[int], note: int = 0) -> None:
        super().__init__(values)
        self.note = note


class Named(NamedTuple):
    first: int


class Eps(float):
    pass


class Draws(random.Random):
    pass


class Scaled(Tensor):
    pass


def scaled(by: int) -> Tensor:
    made: Any = torch.ones(1).as_subclass(Scaled)
    made.by = by
    return made


def advanced(draws: Any) -> Any:
    """One draw further."""
    if isinstance(draws, torch.Generator):
        torch.rand(1, generator=draws)
    else:
        draws.random()
    return draws


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
    "the order of a mapping": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "keys": ({1: 0}, {"1": 0}, {None: 0}, {(1,): 0}, {True: 0}),
    "own containers": (Held([1]), Held([2]), Held([1], note=1), [1], Named(1), Named(2), Eps(1.0),
                       Eps(2.0), 1.0, deque([1]), deque([2]), deque([1], maxlen=1),
                       defaultdict(int), defaultdict(list), {}),
    "own tensors": (torch.ones(1), torch.ones(1).as_subclass(Scaled), scaled(2), scaled(3)),
    "arrays with more": (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0]),
                         np.array([1, None]), np.array([2, None]), -0.0, 0.0),
    "draws": (np.random.default_rng(0), np.random.default_rng(1),
              advanced(np.random.default_rng(0)),
              np.random.RandomState(0), np.random.RandomState(1),
              random.Random(0), random.Random(1), advanced(random.Random(0)), Draws(0), Draws(1),
              torch.Generator().manual_seed(0), torch.Generator().manual_seed(1),
              advanced(torch.Generator().manual_seed(0)), itertools.count(1), itertools.count(2)),
    "methods of draws": (np.random.default_rng(0).normal, np.random.default_rng(1).normal,
                         random.Random(0).random, random.Random(1).random, [1].count, [2].count),
    "builtins": (math, np, math.sin, math.cos, operator.itemgetter(1), operator.itemgetter(2)),
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
    assert described({"a": 1, "b": 2}) == described(dict(a=1, b=2))  # noqa: C408


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


def by_call(k: float) -> Any:
    class Own:
        def __call__(self, x: Tensor) -> Tensor:
            return x + k

    return Own()


def by_inheritance(k: float) -> Any:
    class Own(type(by_call(k))):  # type: ignore[misc]
        pass

    return Own()


def by_dataclass(k: float) -> Any:
    @dataclass
    class Own:
        seed: int = 0

        def __post_init__(self) -> None:
            self._beside = k

        def __call__(self, x: Tensor) -> Tensor:
            return x + self._beside

    return Own()


def by_property(k: float) -> Any:
    class Own:
        @property
        def level(self) -> float:
            return k

        def __call__(self, x: Tensor) -> Tensor:
            return x + self.level

    return Own()


def by_cached_property(k: float) -> Any:
    class Own:
        @functools.cached_property
        def level(self) -> float:
            return k

        def __call__(self, x: Tensor) -> Tensor:
            return x + self.level

    return Own()


def by_static_method(k: float) -> Any:
    class Own:
        @staticmethod
        def level() -> float:
            return k

        @classmethod
        def step(cls, x: Tensor) -> Tensor:
            return x + cls.level()

    return Own().step


def by_default(k: float) -> Any:
    class Own:
        def step(self, x: Tensor, level: float = k) -> Tensor:
            return x + level

    return Own().step


def by_private_class_attribute(k: float) -> Any:
    class Own:
        _level = __hidden = k

        def __call__(self, x: Tensor) -> Tensor:
            return x + self._level

    return Own()


def by_private_slot(k: float) -> Any:
    class Own:
        __slots__ = ("__level",)

        def __init__(self) -> None:
            self.__level = k

    return Own()


def by_patch(k: float) -> Any:
    class Own:
        def step(self, x: Tensor) -> Tensor:
            return x

        def __call__(self, x: Tensor) -> Tensor:
            return self.step(x)

    def other(self: Any, x: Tensor) -> Tensor:
        return x + 1

    if k:
        Own.step = other  # type: ignore[method-assign]
    return Own()


def by_patch_of_an_instance(k: float) -> Any:
    made = by_patch(0.0)
    made.step = lambda x: x + k
    return made


def by_metaclass(k: float) -> Any:
    class Kind(type):
        level = k

    return Kind("Own", (), {})


def by_halving(k: float) -> Any:
    class Own:
        def __init__(self) -> None:
            self.level = k

        def __call__(self, x: Tensor) -> Tensor:
            out = x + self.level
            self.level = self.level / 2
            return out

    return Own()


def by_counting_down(k: float) -> Any:
    class Own:
        def __init__(self) -> None:
            self.level = k

        def __call__(self, x: Tensor) -> Tensor:
            self.level -= 0.1
            return self.moved(x)

        def moved(self, x: Tensor) -> Tensor:
            return x + self.level

    return Own()


def by_handing_itself_on(k: float) -> Any:
    class Own:
        def __init__(self) -> None:
            self.level = k

        def __call__(self, x: Tensor) -> Tensor:
            self.level += 0.1
            return x + getattr(self, "level")  # noqa: B009

    return Own()


def by_queue(k: float) -> Any:
    queue = [k]

    def step(x: Tensor) -> Tensor:
        return x + queue.pop()

    return step


def by_sum(k: float) -> Any:
    delta = torch.tensor([k])

    def step(x: Tensor) -> Tensor:
        return delta.add(x)

    return step


def by_sum_in_place(k: float) -> Any:
    delta = torch.tensor([k])

    def step(x: Tensor) -> Tensor:
        delta[0] += 1
        return x + delta

    return step


def by_own_writer(k: float) -> Any:
    class Noise:
        def add(self, x: Tensor) -> None:
            x.add_(k)

    noise = Noise()

    def step(x: Tensor) -> Tensor:
        noise.add(x)
        return x

    return step


def by_enum(k: float) -> Any:
    class Level(Enum):
        HIGH = k

        def step(self, x: Tensor) -> Tensor:
            return x + self.value

    return Level.HIGH


def by_cache(k: float) -> Any:
    @functools.cache
    def level() -> float:
        return k

    return lambda x: x + level()


def by_draws(k: float) -> Any:
    draw = np.random.default_rng(int(10 * k)).normal
    return lambda x: x + draw()


def by_objective(k: float) -> Any:
    def make(model: Any, y: Tensor) -> Any:
        return by_call(k)

    class Make:
        def __call__(self, model: Any, y: Tensor) -> Any:
            return make(model, y)

    return bind(pgd, L2(0.5), objective=Make())


def by_nested_function(k: float) -> Any:
    def step(x: Tensor) -> Tensor:
        return (lambda x: x + k)(x)

    return step


def by_decorator(k: float) -> Any:
    def shifted(inner: Any) -> Any:
        @functools.wraps(inner)
        def outer(x: Tensor) -> Tensor:
            return inner(x) + k

        return outer

    return shifted(half)


def by_a_librarys_decorator(k: float) -> Any:
    return torch.no_grad()(lambda x: x + k)


def by_dispatch(k: float) -> Any:
    step = functools.singledispatch(lambda x: x)
    step.register(int, lambda x: x + k)
    return step


def by_generator(k: float) -> Any:
    return (x + k for x in [1, 2])


def by_place_of_a_generator(k: float) -> Any:
    made = (x for x in [1, 1, 1, 1, 1])
    for _ in range(int(10 * k)):
        next(made)
    return made


def by_iterator(k: float) -> Any:
    levels = iter([k])
    return lambda x: x + next(levels)


def by_text(k: float) -> Any:
    names: dict[str, Any] = {"K": k}
    exec("class Own:\n    def __call__(self, x):\n        return x + K", names)
    return names["Own"]()


def by_partial_method(k: float) -> Any:
    class Own:
        def step(self, x: Tensor, by: float) -> Tensor:
            return x + by

        go = functools.partialmethod(step, by=k)

    return Own().go


def by_own_descriptor(k: float) -> Any:
    class Level:
        def __get__(self, *_: Any) -> float:
            return k

    class Own:
        level = Level()

    return Own()


def by_long_chain(k: float) -> Any:
    def then(inner: Any) -> Any:
        return lambda x: inner(x)

    return functools.reduce(lambda inner, _: then(inner), range(100), lambda x: x + k)


def by_depth(k: float) -> Any:
    deep = functools.reduce(lambda inner, _: [inner], range(100), k)
    return lambda x: (x, deep)


def by_ring(k: float) -> Any:
    class Own:
        other: Any = None
        level = 0.0

    one, two = Own(), Own()
    one.other, two.other, two.level = two, one, k
    return one


OWN = {
    name.removeprefix("by_").replace("_", " "): made
    for name, made in list(globals().items())
    if name.startswith("by_")
}


@pytest.mark.parametrize("make", OWN.values(), ids=OWN)
def test_whatever_own_code_reads_is_told(make: Callable[[float], Any]) -> None:
    words = [json.dumps(described(make(k))) for k in (0.0, 0.3, 0.4 * (make is not by_patch))]
    assert len(set(words)) == 3 - (make is by_patch)
    assert json.dumps(described(make(0.3))) == words[1]
    assert not any("0x" in word or "unreadable" in word for word in words)
    assert brings_code(make(0.0))


cfg: Any = None


def asks_a_module(x: Tensor) -> Tensor:
    return x + cfg.LEVEL


def asks_a_module_within(x: Tensor) -> Tensor:
    return x + cfg.inner.LEVEL


def asks_a_module_by_its_function(x: Tensor) -> Tensor:
    return cfg.step(x)


def hands_a_module_on(x: Tensor) -> Tensor:
    return x + getattr(cfg, "LEVEL")  # noqa: B009


def imports_a_module(x: Tensor) -> Tensor:
    import theirs_cfg

    return x + theirs_cfg.LEVEL


def imports_from_a_module(x: Tensor) -> Tensor:
    from theirs_cfg import LEVEL

    return x + LEVEL


class AsksAModule:
    def __call__(self, x: Tensor) -> Tensor:
        return (lambda x: x + cfg.LEVEL)(x)


READERS: tuple[Any, ...] = (
    asks_a_module, asks_a_module_within, asks_a_module_by_its_function, hands_a_module_on,
    imports_a_module, imports_from_a_module, AsksAModule(),
)  # fmt: skip


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "theirs_cfg.py").write_text(
        "import theirs_inner as inner\nLEVEL, OTHER = 1, 2\ndef step(x): return x + LEVEL\n"
    )
    (tmp_path / "theirs_inner.py").write_text("LEVEL = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    made = importlib.import_module("theirs_cfg")
    monkeypatch.setattr(sys.modules[__name__], "cfg", made)
    yield made
    for name in ("theirs_cfg", "theirs_inner"):
        del sys.modules[name]


@pytest.mark.parametrize("reader", READERS, ids=shown)
def test_what_is_read_of_an_own_module_counts(reader: Any, module: Any) -> None:
    before = described(reader)
    if reader not in (hands_a_module_on, imports_a_module):
        module.OTHER = 3
        assert described(reader) == before
    module.LEVEL = module.inner.LEVEL = 4
    assert described(reader) != before


def test_an_own_method_in_a_librarys_class_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = described(L2(0.5))
    monkeypatch.setattr(L2, "project", lambda self, z, x: z)
    assert described(L2(0.5)) != before
    assert brings_code(L2(0.5))


def test_an_own_folder_beside_a_librarys_is_no_library() -> None:
    assert library(json.__file__)
    assert library(torch.__file__)
    assert not library(str(Path(described.__code__.co_filename).parents[1]) + "_mine/attack.py")
    assert not library(__file__)


class Settled:
    """What is written in its calls and read by nobody is left out; what anybody reads is not."""

    kinds: ClassVar[list[str]] = []

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.notes, self.last = 0, {"n": 0}, torch.zeros(1)

    def __call__(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.notes["n"] += 1
        self.last = x
        return x


def test_counts_and_notes_of_calls_are_left_out() -> None:
    made = Settled()
    before = described(made)
    made(torch.ones(1))
    assert described(made) == before
    assert not set(before["with"]) & {"calls", "notes", "last"}


def test_code_of_a_library_is_known() -> None:
    for value in (bind(pgd, L2(0.5)), worst_of(bind(square, L2(1.0))), net(), 0.5, torch.ones(1)):
        assert not brings_code(value)
    for own in (half, Mine(0.1), Settings(0.1), Colour, bind(pgd, L2(0.5), objective=half)):
        assert brings_code(own)


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


def test_callables_without_a_name_are_bound() -> None:
    class Step:
        def __call__(
            self, model: Any, x: Tensor, y: Tensor, ball: Any, *, generator: Any, by: float = 1
        ) -> Tensor:
            return x

    assert str(bind(Step(), L2(0.5), by=2)) == "Step l2 eps 0.5, by 2"
    assert bind(Step(), L2(0.5)).name == "Step"
    with pytest.raises(InputError, match="Step with steps"):
        bind(Step(), L2(0.5), steps=2)
    thrice = functools.partial(pgd, steps=3)
    assert bind(thrice, L2(0.5)) == bind(pgd, L2(0.5), steps=3)
    assert bind(functools.partial(thrice, restarts=2), L2(0.5), steps=4) == bind(
        pgd, L2(0.5), steps=4, restarts=2
    )
    with pytest.raises(InputError, match="pgd with queries"):
        bind(functools.partial(pgd, queries=3), L2(0.5))


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

"""Whose rows are these: another model's, attack's or data's rows are never handed out."""

import functools
import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from robustlens.attacks import autoattack, bind, pgd, random_search, square, transfer, worst_of
from robustlens.balls import L2, Masked
from robustlens.data import Dataset
from robustlens.errors import AnotherRun, Doubtful, InputError
from robustlens.evaluation import Evaluation, accuracy, attacked_accuracy
from robustlens.evaluation.identity import (
    answers,
    differences,
    identity,
    look,
    other_settings,
    probes,
)
from robustlens.journal import put_aside
from robustlens.nets import normalised
from robustlens.objectives import misclassify

ATTACK = bind(pgd, L2(0.5), steps=2)


@pytest.fixture
def data(trained: Any) -> Dataset:
    pixels = (trained.x * 255).round().to(torch.uint8)
    return Dataset(pixels[:24], trained.y[:24].clone(), tuple("abcdefghij"), "part")


def run(model: Any, data: Dataset, path: Path, attack: Any = ATTACK, **more: Any) -> Evaluation:
    return attacked_accuracy(model, data, attack, seed=0, save=path, batch_size=8, **more)


class Defended(nn.Module):
    """A defence whose strength is a plain number, and whose normalisation a plain tensor."""

    def __init__(self, body: nn.Module, strength: float, mean: float = 0.0) -> None:
        super().__init__()
        self.body, self.strength, self.mean, self.asked = body, strength, torch.tensor(mean), 0

    def forward(self, x: Tensor) -> Tensor:
        self.asked += 1
        return self.body((x - self.mean) * self.strength)


class Rough(Defended):
    """Answers at random: nothing but its parts tells one strength from another."""

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + self.strength * torch.randn(len(x), 1)


def closed(body: nn.Module, mean: float) -> Callable[[Tensor], Tensor]:
    return lambda x: body(x - mean)


MODELS: dict[str, Callable[[nn.Module, float], Any]] = {
    "mean": lambda net, k: normalised(net, [k], [1.0]),
    "std": lambda net, k: normalised(net, [0.0], [1.0 + k]),
    "strength": lambda net, k: Defended(net, 1 + k),
    "plain tensor": lambda net, k: Defended(net, 1.0, k),
    "closure": closed,
    "partial": lambda net, k: functools.partial(lambda shift, x: net(x - shift), k),
    "own function": lambda net, k: closed(closed(net, k), 0.0),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_rows_of_another_model_are_refused(
    make: Callable[[nn.Module, float], Any], trained: Any, data: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "run.jsonl"
    first = run(make(trained.model, 0.0), data, path)
    kept = path.read_text()
    assert run(make(trained.model, 0.0), data, path) == first
    for other in (1e-4, 0.3):
        with pytest.raises(AnotherRun, match="holds another run: its model"):
            run(make(trained.model, other), data, path)
    assert path.read_text() == kept


def test_a_change_that_only_the_answers_show_is_refused(
    trained: Any, data: Dataset, tmp_path: Path
) -> None:
    shift = {"k": 0.0}

    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = trained.model
            self.register_forward_pre_hook(lambda _, given: (given[0] + shift["k"],))

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x)

    path = tmp_path / "run.jsonl"
    run(Hidden(), data, path)
    run(Hidden(), data, path)
    shift["k"] = 0.1
    with pytest.raises(AnotherRun, match="its model's answers differ"):
        run(Hidden(), data, path)


def test_rounding_of_another_machine_refuses_nothing(
    trained: Any, data: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "run.jsonl"
    first = run(trained.model, data, path)
    lines = path.read_text().splitlines(keepends=True)
    header = json.loads(lines[0])
    table = header["header"]["answers"]
    table["values"] = [[v + 0.5 * table["within"] for v in row] for row in table["values"]]
    text = json.dumps(header) + "\n" + "".join(lines[1:9])
    path.write_text(text)
    assert run(trained.model, data, path) == first
    assert path.read_text().splitlines()[0] == text.splitlines()[0]  # roundings do not add up
    table["values"] = [[v + 2 * table["within"] for v in row] for row in table["values"]]
    path.write_text(json.dumps(header) + "\n" + "".join(lines[1:9]))
    with pytest.raises(AnotherRun, match="answers differ"):
        run(trained.model, data, path)


def test_a_model_that_answers_at_random_is_known_by_its_parts(
    trained: Any, data: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "run.jsonl"
    with pytest.warns(Doubtful, match="answers when it is asked again"):
        run(Rough(trained.model, 0.5), data, path, bind(random_search, L2(0.1)))
    assert json.loads(path.read_text().splitlines()[0])["header"]["answers"] == "random"
    with pytest.warns(Doubtful), pytest.raises(AnotherRun, match="model's parts"):
        run(Rough(trained.model, 0.6), data, path, bind(random_search, L2(0.1)))


def own(amount: float) -> Callable[..., Tensor]:
    def darker(model: Any, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        return (x - amount).clamp(0, 1)

    return darker


@dataclass(frozen=True)
class Darker:
    amount: float

    def __call__(self, model: Any, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        return (x - self.amount).clamp(0, 1)


class Counting:
    def __init__(self, amount: float) -> None:
        self.amount, self.calls = amount, 0

    def __call__(self, model: Any, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        self.calls += 1
        return (x - self.amount).clamp(0, 1)


def masked(rows: int) -> Masked:
    mask = torch.zeros(28, 28, dtype=torch.bool)
    mask[rows : rows + 14] = True
    return Masked(L2(0.5), mask)


ATTACKS: dict[str, Callable[[nn.Module, float], Any]] = {
    "own function": lambda net, k: own(k),
    "own lambda": lambda net, k: lambda model, x, y, g: (x - k).clamp(0, 1),
    "own partial": lambda net, k: functools.partial(lambda a, m, x, y, g: (x - a).clamp(0, 1), k),
    "own dataclass": lambda net, k: Darker(k),
    "own object that counts": lambda net, k: Counting(k),
    "mask": lambda net, k: bind(pgd, masked(int(20 * k)), steps=2),
    "hidden setting": lambda net, k: bind(pgd, L2(0.5), steps=2, failed="worst" if k else "clean"),
    "rule": lambda net, k: bind(pgd, L2(0.5), steps=2, step_size=0.1 + k),
    "surrogate": lambda net, k: bind(
        transfer, L2(0.5), steps=1, surrogates=[normalised(net, [k], [1.0])]),
    "surrogate closure": lambda net, k: bind(
        transfer, L2(0.5), steps=1, surrogates=[closed(net, k)]),
    "nested": lambda net, k: worst_of(
        bind(pgd, L2(0.5), steps=2), bind(square, L2(0.5), queries=4 + int(10 * k))),
    "nested surrogate": lambda net, k: worst_of(
        bind(transfer, L2(0.5), steps=1, surrogates=[Defended(net, 1 + k)])),
}  # fmt: skip


@pytest.mark.parametrize("make", ATTACKS.values(), ids=ATTACKS)
def test_everything_an_attack_reads_is_in_the_header(
    make: Callable[[nn.Module, float], Any], trained: Any, data: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "run.jsonl"
    first = run(trained.model, data, path, make(trained.model, 0.0))
    lines = path.read_text().splitlines(keepends=True)
    assert "0x" not in lines[0]
    path.write_text("".join(lines[:12]))
    assert run(trained.model, data, path, make(trained.model, 0.0)) == first  # resumed
    with pytest.raises(AnotherRun, match=r"holds another run: its (attack's settings|name) differ"):
        run(trained.model, data, path, make(trained.model, 0.3))


def weighing(k: float) -> Any:
    class Weighed:
        """An objective whose weight stands in a private attribute of its class."""

        _weight = 1.0 + k

        def __call__(self, model: Any, y: Tensor) -> Callable[[Tensor], Tensor]:
            return lambda x: self._weight * misclassify(model, y)(x)

    return bind(pgd, L2(0.5), steps=2, objective=Weighed())


def by_methods(k: float) -> Any:
    class Own:
        def __call__(self, model: Any, x: Tensor, y: Tensor, generator: Any) -> Tensor:
            return self.step(x)

        def step(self, x: Tensor) -> Tensor:
            return (x - k).clamp(0, 1)

    return Own()


class Halving:
    def __init__(self, amount: float) -> None:
        self.amount = amount

    def __call__(self, model: Any, x: Tensor, y: Tensor, generator: Any) -> Tensor:
        moved = (x - self.amount).clamp(0, 1)
        self.amount = self.amount / 2
        return moved


def by_sum(k: float) -> Any:
    delta = torch.tensor(-k)
    return lambda model, x, y, generator: delta.add(x).clamp(0, 1)


def by_draws(seed: int) -> Any:
    draws = np.random.default_rng(seed)
    return lambda model, x, y, generator: (x - draws.random()).clamp(0, 1)


OWN_ATTACKS: dict[str, Callable[[float], Any]] = {
    "methods": by_methods,
    "bound method": lambda k: by_methods(k).__call__,
    "objective": weighing,
    "sum": by_sum,
    "attribute that calls change": Halving,
    "draws": lambda k: by_draws(int(10 * k)),
    "keys": lambda k: functools.partial(
        lambda m, x, y, g, by: (x - by.get(1, 0.4)).clamp(0, 1), by={"1" if k else 1: 0.2}),
}  # fmt: skip


@pytest.mark.parametrize("make", OWN_ATTACKS.values(), ids=OWN_ATTACKS)
def test_rows_of_another_own_attack_are_refused(
    make: Callable[[float], Any], trained: Any, data: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "run.jsonl"
    first = run(trained.model, data, path, make(0.0))
    kept = path.read_text()
    assert run(trained.model, data, path, make(0.0)) == first
    with pytest.raises(AnotherRun, match=r"holds another run: its attack's settings differ \(\w+"):
        run(trained.model, data, path, make(0.3))
    assert path.read_text() == kept


SCRIPT = """
import enum, json, sys
import numpy as np, torch
import settings
from robustlens.attacks import bind, pgd
from robustlens.balls import L2
from robustlens.data import Dataset
from robustlens.evaluation import attacked_accuracy

settings.LEVEL = float(sys.argv[1])
calls = {}

class Level(enum.Enum):
    OWN = settings.LEVEL

class Instance:
    notes = {"b", "a", "c"}
    def __init__(self):
        self.seen, self.known, self.level = 0, {}, Level.OWN
        self.draws = np.random.default_rng(0)
    def __call__(self, model, x, y, generator):
        calls["instance"] = self.seen = self.seen + 1
        self.known[len(x)] = id(x)
        return (x - self.level.value - 0 * self.draws.random()).clamp(0, 1)

def closure(level):
    memory = []
    def attack(model, x, y, generator):
        memory.append(x)
        calls["closure"] = len(memory)
        return (x - level).clamp(0, 1)
    return attack

def module(model, x, y, generator):
    calls["module"] = 1
    return (x - settings.LEVEL).clamp(0, 1)

class Objective:
    def __init__(self): self.made = 0
    def __call__(self, model, y):
        self.made += 1
        calls["objective"] = 1
        return lambda x: settings.LEVEL * model(x)[:, 0]

images = torch.arange(24 * 16, dtype=torch.uint8).reshape(24, 1, 4, 4)
data = Dataset(images, torch.arange(24) % 2, ("a", "b"), "part")
net = lambda x: torch.stack([x.flatten(1).sum(dim=1), 8 - x.flatten(1).sum(dim=1)], dim=1)
attacks = {"instance": Instance(), "closure": closure(settings.LEVEL), "module": module,
           "objective": bind(pgd, L2(0.5), steps=1, objective=Objective())}
said = {}
for name, attack in attacks.items():
    try:
        done = attacked_accuracy(net, data, attack, seed=0, batch_size=8, save=name + ".jsonl")
        said[name] = [done.rate.value, name in calls]
    except ValueError as error:
        said[name] = type(error).__name__
print(json.dumps(said))
"""


@pytest.mark.slow
def test_the_same_script_finds_its_rows_in_a_new_process(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text("LEVEL = 0.0\n")
    (tmp_path / "script.py").write_text(SCRIPT)

    def said(level: float, seed: str) -> Any:
        done = subprocess.run(
            [sys.executable, "script.py", str(level)], cwd=tmp_path, capture_output=True, text=True,
            check=True, env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
        )  # fmt: skip
        assert ("rows reused" in done.stderr) == (seed != "1" and level == 0.1)
        return json.loads(done.stdout)

    first = said(0.1, "1")
    assert all(called for _, called in first.values())
    assert said(0.1, "2") == {name: [rate, False] for name, (rate, _) in first.items()}
    assert said(0.2, "3") == dict.fromkeys(first, "AnotherRun")


def test_the_batch_size_counts_only_where_rows_may_depend_on_it(
    trained: Any, data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def header(model: Any, attack: Any, size: int = 8) -> Any:
        return identity("name", model, attack, data, seed=0, batch_size=size)["batch_size"]

    def together(x: Tensor) -> Tensor:
        return trained.model(x - x.mean(dim=0))

    def infinite(x: Tensor) -> Tensor:
        return torch.cat([trained.model(x)[:, :9], torch.full((len(x), 1), -torch.inf)], dim=1)

    for attack in (ATTACK, worst_of(ATTACK, bind(square, L2(0.5), queries=5))):
        assert header(trained.model, attack) == header(infinite, attack) == "any"
        assert [header(together, attack, size) for size in (8, 12)] == [8, 12]
        assert header(Rough(trained.model, 0.5), attack) == 8
    for attack in (own(0.1), bind(pgd, L2(0.5), objective=lambda model, y: misclassify(model, y))):
        assert header(trained.model, attack) == 8

    path = tmp_path / "run.jsonl"
    first = run(trained.model, data, path)
    capsys.readouterr()
    again = attacked_accuracy(trained.model, data, ATTACK, seed=0, save=path, batch_size=5)
    assert again == first
    assert f"24 of 24 rows reused from {path}" in capsys.readouterr().err
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:14]))
    assert Evaluation.read(path).records == first.records[:13]
    again = attacked_accuracy(trained.model, data, ATTACK, seed=0, save=path, batch_size=6)
    assert [r.by for r in again.records] == [r.by for r in first.records]
    assert f"12 of 24 rows reused from {path}" in capsys.readouterr().err
    run(trained.model, data, tmp_path / "own.jsonl", own(0.1))
    with pytest.raises(AnotherRun, match=r"its batch size differ \(there 8\)"):
        attacked_accuracy(
            trained.model, data, own(0.1), seed=0, save=tmp_path / "own.jsonl", batch_size=6
        )


def test_the_setting_that_differs_is_named(trained: Any, data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    run(trained.model, data, path, bind(pgd, L2(0.5), steps=2))
    for changed, name in (({"failed": "worst"}, "failed"), ({"objective": aimed}, "objective")):
        header = identity("n", trained.model, bind(pgd, L2(0.5), **changed), data, seed=0,
                          batch_size=8)  # fmt: skip
        before = identity("n", trained.model, bind(pgd, L2(0.5)), data, seed=0, batch_size=8)
        assert other_settings(before, header) == [name]
    with pytest.raises(AnotherRun, match=r"its attack's settings differ \(failed\)"):
        run(trained.model, data, path, bind(pgd, L2(0.5), steps=2, failed="worst"))


def aimed(model: Any, y: Tensor) -> Any:
    return misclassify(model, y)


def test_a_surrogate_that_counts_goes_on(trained: Any, data: Dataset, tmp_path: Path) -> None:
    class Noting(Defended):
        def forward(self, x: Tensor) -> Tensor:
            self.asked += 1
            self.note = x * (1 + 0 * self.asked)
            return self.body(self.note)

    attack = bind(transfer, L2(0.5), steps=1, surrogates=[Noting(trained.model, 1.0)])
    first = run(trained.model, data, tmp_path / "run.jsonl", attack)
    assert run(trained.model, data, tmp_path / "run.jsonl", attack) == first


def test_a_model_that_is_no_module_and_counts_goes_on(
    trained: Any, data: Dataset, tmp_path: Path
) -> None:
    class Net:
        def __init__(self) -> None:
            self.asked = 0

        def __call__(self, x: Tensor) -> Tensor:
            self.asked = self.asked + 1
            return trained.model(x)

    net = Net()
    first = run(net, data, tmp_path / "run.jsonl")
    assert run(net, data, tmp_path / "run.jsonl") == first


def test_rows_of_an_own_attack_have_its_name(trained: Any, data: Dataset, tmp_path: Path) -> None:
    result = run(trained.model, data, tmp_path / "run.jsonl", own(0.6))
    assert result.name == "accuracy under darker"
    assert set(result.broken_by()) == {"darker"}


def test_the_same_run_written_otherwise_goes_on(
    trained: Any, data: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "run.jsonl"
    first = run(trained.model, data, path, bind(pgd, L2(0.5), steps=2))
    again = bind(pgd, L2(torch.tensor(0.5).item()), steps=2, restarts=1)
    assert run(trained.model, data, path, again) == first


def test_a_header_of_an_older_version_is_refused_in_words(
    trained: Any, data: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "run.jsonl"
    run(trained.model, data, path)
    lines = path.read_text().splitlines(keepends=True)
    header = json.loads(lines[0])["header"]
    old = {key: header[key] for key in ("name", "model", "data", "seed", "batch_size")}
    path.write_text(json.dumps({"header": old}) + "\n" + "".join(lines[1:]))
    with pytest.raises(AnotherRun, match="of an older version perhaps, has no parts, answers"):
        run(trained.model, data, path)


@pytest.mark.parametrize("text", ["my notes", "my notes\n", "[1]\n", '{"header": 3}\n', "\x00\n"])
def test_a_file_that_is_none_of_ours_is_left_alone(
    text: str, trained: Any, data: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(InputError):
        run(trained.model, data, path)
    assert path.read_text() == text


def test_an_empty_file_is_a_place_to_begin(trained: Any, data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.touch()
    assert Evaluation.read(path).records == ()
    result = run(trained.model, data, path)
    assert Evaluation.read(path) == result


def test_what_is_put_aside_is_never_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.jsonl"
    for k in range(4):
        path.write_text(f"{k}")
        path.with_name("run.jsonl.part0").write_text(f"part of {k}")
        put_aside(path, "it is old")
    said = capsys.readouterr().err.splitlines()
    assert [line.rsplit(" ", 1)[1] for line in said] == [
        str(tmp_path / f"run.old{end}") for end in ("", ".1", ".2", ".3")
    ]
    assert said[1] == f"robustlens: it is old: its rows are put aside as {tmp_path / 'run.old.1'}"
    names = ("run.old", "run.old.1", "run.old.2", "run.old.3")
    assert [(tmp_path / name).read_text() for name in names] == ["0", "1", "2", "3"]
    assert (tmp_path / "run.old.2.part0").read_text() == "part of 2"
    put_aside(path)  # nothing there
    assert len(list(tmp_path.iterdir())) == 8


def test_answers_are_compared_where_they_are_finite() -> None:
    z = torch.tensor([[0.0, 1.0, -torch.inf], [2.0, torch.nan, 3.0]])
    first = {"model": "a", "answers": answers(z)}
    assert differences(json.loads(json.dumps(first)), first) == []
    other = {"model": "a", "answers": answers(z.nan_to_num(nan=1.0))}
    assert differences(first, other) == ["answers"]


def test_the_header_is_small_and_the_model_is_as_it_was(trained: Any, data: Dataset) -> None:
    wide = nn.Sequential(nn.Flatten(), nn.Linear(784, 1000))
    header = identity("name", wide, ATTACK, data, seed=0, batch_size=8)
    assert len(json.dumps(header)) < 4000
    assert wide.training
    assert len(probes(data)) == 8
    defended = Defended(trained.model, 1.0)
    assert look(defended, probes(data)) == look(defended, probes(data))


def rough(model: Any, data: Dataset) -> Evaluation:
    return accuracy(model, data)


@pytest.mark.parametrize(
    "measure",
    [
        rough,
        lambda model, data: attacked_accuracy(model, data, ATTACK, seed=0),
        lambda model, data: autoattack.found(
            model, data.images[:3].float() / 255, data.labels[:3], L2(0.1), twin=None,
            generator=torch.Generator(), version="rand"),
    ],
    ids=["accuracy", "attacked accuracy", "autoattack"],
)  # fmt: skip
def test_each_measurement_warns_once(measure: Any, trained: Any, data: Dataset) -> None:
    def together(x: Tensor) -> Tensor:
        z = trained.model(x)
        return (z - z.mean(dim=0)).softmax(dim=1)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        measure(together, data)
    said = [str(one.message) for one in caught if one.category is Doubtful]
    assert sum("batch statistics" in words and "probabilities" in words for words in said) == 1
    assert sum("contradicted" not in words for words in said) == 1


def test_rand_is_not_warned_of_randomness(trained: Any, data: Dataset) -> None:
    model = Rough(trained.model, 1e-2)
    attack = bind(autoattack, L2(0.02), version="rand")
    few = data.take(2)
    result = attacked_accuracy(model, few, attack, seed=0)
    assert result.unconfirmed == 0
    with pytest.warns(Doubtful, match="--version rand"):
        accuracy(model, few)


def test_rows_that_contradict_themselves_are_counted_and_said(trained: Any, data: Dataset) -> None:
    with pytest.warns(Doubtful) as caught:
        result = attacked_accuracy(
            Rough(nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), 5.0), data, ATTACK, seed=0
        )
    contradicted = [r for r in result.records if bool(r.by) == (r.attacked == r.label)]
    assert result.unconfirmed == len(contradicted)
    said = [str(one.message) for one in caught if "contradicted by a last look" in str(one.message)]
    assert len(said) == bool(contradicted)
    if contradicted:
        assert said[0].startswith(f"{len(contradicted)} of 24 rows")

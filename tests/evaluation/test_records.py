"""Records on disk: saved batch by batch, resumed after a kill, merged, read again."""

import os
import random
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from robustlens.attacks import bind, pgd, random_search, worst_of
from robustlens.balls import L1, L2, Box, Linf
from robustlens.data import Dataset
from robustlens.errors import Doubtful, InputError
from robustlens.evaluation import (
    Evaluation,
    Record,
    accuracy,
    attacked_accuracy,
    entry,
    merge,
    minimum_norm_curve,
    robustness_curve,
)
from robustlens.evaluation.records import RECORDS
from robustlens.evaluation.scale import check_scale
from robustlens.journal import Journal
from robustlens.nets import save as save_net
from robustlens.nets.architecture import Architecture


@pytest.fixture
def data(trained: Any) -> Dataset:
    pixels = (trained.x * 255).round().to(torch.uint8)
    labels = trained.y.clone()
    labels[3] = (labels[3] + 1) % 10
    return Dataset(pixels, labels, tuple("abcdefghij"), "part")


ATTACK = bind(pgd, L2(0.5), steps=5)


def test_what_an_image_gets_does_not_depend_on_the_batch(trained: Any, data: Dataset) -> None:
    few, many = (
        attacked_accuracy(trained.model, data, ATTACK, seed=0, batch_size=size)
        for size in (7, len(data))
    )
    assert [r.by for r in few.records] == [r.by for r in many.records]
    assert [r.step for r in few.records] == [r.step for r in many.records]


@pytest.mark.parametrize("torn", [0, 1, 9, 10, 11, 25, 60])
def test_a_torn_file_is_finished_to_the_same_records(
    trained: Any, data: Dataset, tmp_path: Path, torn: int
) -> None:
    def measure() -> Evaluation:
        return attacked_accuracy(
            trained.model, data, ATTACK, seed=0, batch_size=10, save=tmp_path / "run.jsonl"
        )

    whole = measure()
    text = (tmp_path / "run.jsonl").read_text()
    rows = text.splitlines(keepends=True)
    (tmp_path / "run.jsonl").write_text("".join(rows[: torn + 1]) + rows[torn][:20])
    assert measure() == whole
    assert (tmp_path / "run.jsonl").read_text() == text
    assert Evaluation.read(tmp_path / "run.jsonl") == whole


def test_a_finished_run_is_read_and_not_made_again(
    trained: Any, data: Dataset, tmp_path: Path
) -> None:
    settings = {"seed": 0, "save": tmp_path / "run.jsonl"}
    whole = attacked_accuracy(trained.model, data, ATTACK, **settings)

    def never(*_: object) -> None:
        raise AssertionError("attacked again")

    trained_hook = trained.model.register_forward_hook(never)
    try:
        assert attacked_accuracy(trained.model, data, ATTACK, **settings) == whole
    finally:
        trained_hook.remove()


def test_records_of_another_run_are_refused(trained: Any, data: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    attacked_accuracy(trained.model, data, ATTACK, seed=0, save=path)
    for changed in ({"seed": 1}, {"attack": bind(pgd, L2(0.6), steps=5)}):
        settings = {"attack": ATTACK, "seed": 0, "save": path, **changed}
        with pytest.raises(InputError, match=r"holds another run: its (seed|name) differ"):
            attacked_accuracy(trained.model, data, **settings)
    with pytest.raises(InputError, match="its model differ"):
        attacked_accuracy(lambda x: x.flatten(1)[:, :10], data, ATTACK, seed=0, save=path)
    path.write_text("[1, 2]\n")
    with pytest.raises(InputError, match="records of an evaluation"):
        Evaluation.read(path)
    with pytest.raises(InputError, match="cannot write"):
        attacked_accuracy(trained.model, data, ATTACK, seed=0, save=Path("/proc/none/run.jsonl"))


@pytest.mark.slow
def test_killed_three_times_and_resumed_the_rows_are_the_same(trained: Any, tmp_path: Path) -> None:
    architecture = Architecture(net="small", width=4, channels=1, classes=10, size=28)
    save_net(tmp_path / "net.safetensors", trained.model, architecture=architecture)
    words = [sys.executable, "-m", "robustlens", "evaluate", "--weights", "net.safetensors"]
    words += ["--data", "fashion", "--attack", "apgd", "--steps", "20", "--batch-size", "20"]
    words += ["--limit", "600", "--resume", "--records"]
    quiet: dict[str, Any] = {"cwd": tmp_path, "stdout": subprocess.DEVNULL}
    quiet["env"] = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*words, "whole.jsonl"], check=True, **quiet)
    path, moments = tmp_path / "torn.jsonl", random.Random(0)
    for least in (1, 150, 350):  # rows on disk before the kill
        run = subprocess.Popen([*words, path.name], **quiet)
        while run.poll() is None and (not path.exists() or path.read_text().count("\n") < least):
            time.sleep(0.01)
        time.sleep(moments.random() / 4)
        run.send_signal(signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
        assert path.read_text().count("\n") < 601
    subprocess.run([*words, path.name], check=True, **quiet)
    assert path.read_text() == (tmp_path / "whole.jsonl").read_text()


def test_memory_does_not_grow_with_the_data(trained: Any, data: Dataset) -> None:
    attacked_accuracy(trained.model, data, ATTACK, seed=0, batch_size=20)  # warms up
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = torch.arange(len(data)).repeat(100)
    long = Dataset(data.images[:1].expand(len(rows), -1, -1, -1), data.labels[:1].expand(
        len(rows)).clone(), data.classes, "long")  # fmt: skip
    attacked_accuracy(trained.model, long, bind(random_search, L2(0.5)), seed=0, batch_size=20)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 30_000  # KiB; as floats the images alone would be 18 MiB, with gradients more


def test_views(trained: Any, data: Dataset) -> None:
    result = attacked_accuracy(trained.model, data, ATTACK, seed=0)
    assert result.clean.value == 1 - 1 / len(data)
    assert result.records[3].by == "as it is"
    per_class = result.per_class()
    assert sum(rate.n for rate in per_class.values()) == len(data)
    held = sum(round(rate.value * rate.n) for rate in per_class.values())
    assert held == round(result.rate.value * len(data))
    table = result.confusion(10)
    assert table.sum() == len(data)
    assert table.diagonal().sum() == held
    assert result.broken_by()["as it is"] == 1
    assert sum(result.broken_by().values()) == len(data) - held
    nearest = result.closest(3)
    assert [r.distance for r in nearest] == sorted(r.distance for r in nearest)
    assert all(r.by == "pgd" and 0 < r.distance <= 0.5 + 1e-6 for r in nearest)


def test_merging_keeps_the_worst(trained: Any, data: Dataset) -> None:
    weak = attacked_accuracy(trained.model, data, bind(random_search, L2(0.5)), seed=0)
    strong = attacked_accuracy(trained.model, data, ATTACK, seed=0)
    both = merge(weak, strong)
    assert both.rate.value <= min(weak.rate.value, strong.rate.value)
    for mine, first, second in zip(both.records, weak.records, strong.records, strict=True):
        assert bool(mine.by) == bool(first.by or second.by)
        assert mine in (first, second)
    halves = [Evaluation("half", strong.records[:20]), Evaluation("half", strong.records[20:])]
    assert merge(*halves) == Evaluation("half", strong.records)
    other = replace(strong.records[0], label=strong.records[0].label + 1)
    with pytest.raises(InputError, match="image 0 with label"):
        merge(strong, Evaluation("other", (other,)))


def test_an_ensemble_says_which_attack_broke_what(trained: Any, data: Dataset) -> None:
    attack = worst_of(bind(random_search, L2(3.0), tries=9), bind(pgd, L2(3.0), steps=5))
    result = attacked_accuracy(trained.model, data, attack, seed=0)
    alone = [attacked_accuracy(trained.model, data, part, seed=0) for part in attack.attacks]
    assert set(result.broken_by()) == {"as it is", "random_search", "pgd"}
    assert result.rate.value <= min(a.rate.value for a in alone) + 2 / len(data)
    for other in ([], [bind(pgd, L2(1.0)), bind(pgd, L2(2.0))]):
        with pytest.raises(InputError, match=r"no attacks|one ball"):
            worst_of(*other)


def test_curves_by_several_radii_and_by_the_smallest_change(trained: Any, data: Dataset) -> None:
    radii = [0.0, 0.2, 0.5, 1.0]
    curve = robustness_curve(trained.model, data, "l2", radii, method=pgd, steps=10)
    assert curve.name == "accuracy under pgd l2, steps 10, restarts 1"
    values = [rate.value for rate in curve.rates]
    assert values == sorted(values, reverse=True)
    whole = minimum_norm_curve(trained.model, data, bind(pgd, L2(1.0), steps=10), radii)
    assert whole.rates[0] == curve.rates[0]
    assert whole.rates[-1].value == pytest.approx(values[-1], abs=0.1)
    assert float(whole.smallest[3]) == 0.0


def test_curves_of_callables_without_a_name(trained: Any, data: Dataset) -> None:
    class Still:
        def __call__(self, model: Any, x: Any, y: Any, ball: Any, *, generator: Any) -> Any:
            return x

    plain = robustness_curve(trained.model, data, "l2", [0.2, 0.5], method=pgd, steps=3)
    made = robustness_curve(trained.model, data, "l2", [0.2, 0.5], method=partial(pgd, steps=3))
    assert (made.name, made.rates) == (plain.name, plain.rates)
    still = robustness_curve(trained.model, data, "l2", [0.2, 0.5], method=Still())
    assert still.name == "accuracy under Still l2"
    assert [rate.value for rate in still.rates] == [1 - 1 / len(data)] * 2
    result = attacked_accuracy(trained.model, data, bind(partial(pgd, steps=3), L2(1.0)), seed=0)
    same = attacked_accuracy(trained.model, data, bind(pgd, L2(1.0), steps=3), seed=0)
    assert result == same


def test_a_board_entry_has_the_units_of_the_board() -> None:
    rows = tuple(
        Record(i, 0, int(i == 0), int(i < 2), 0.0, 0.0, ["as it is", "apgd", "", ""][i])
        for i in range(4)
    )
    name = "accuracy under autoattack linf eps 8/255, version standard"
    got = entry(Evaluation(name, rows), data="cifar10", eps="8/255", architecture="ResNet-8")
    assert (got["clean_acc"], got["autoattack_acc"], got["eps"]) == ("75.00", "50.00", "8/255")
    assert "autoattack_acc" not in entry(
        Evaluation("accuracy under pgd linf eps 8/255, steps 40", rows),
        data="cifar10", eps="8/255", architecture="ResNet-8",
    )  # fmt: skip


def test_scales() -> None:
    for ball in (Linf(1.0), L2(28.0)):
        check_scale(ball, (1, 28, 28))
    with pytest.raises(InputError, match="did you mean 128/255"):
        check_scale(L2(128), (1, 28, 28))


def test_models_that_do_not_fit(data: Dataset) -> None:
    def nan(x: torch.Tensor) -> torch.Tensor:
        return torch.full((len(x), 10), torch.nan)

    with (
        pytest.warns(Doubtful, match="count as wrong"),
        pytest.raises(InputError, match="not finite for 60 of 60 images"),
    ):
        accuracy(nan, data)


def row(index: int, **changes: Any) -> Record:
    return replace(Record(index, 1, 1, 1, -0.5, 0.0), **changes)


HEADER = {"name": "a run", "seed": 0}


def opened(path: Path | None, total: int = 10) -> Journal[Record]:
    return Journal.open(path, HEADER, RECORDS, batch_size=4, total=total)


def test_what_is_on_disk_is_what_was_added(tmp_path: Path) -> None:
    path, rows = tmp_path / "run.jsonl", [row(0, by="pgd", step=3, distance=0.25), row(1)]
    journal = opened(path, total=2)
    journal.add(rows)
    assert Evaluation.read(path).records == tuple(rows)
    assert Evaluation.read(path).name == "a run"
    assert journal.close() == rows


def test_another_header_is_refused_by_the_names_of_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    opened(path)
    with pytest.raises(InputError, match=r"its seed, size differ \(there 0\)"):
        Journal.open(path, {"name": "a run", "seed": 1, "size": 2}, RECORDS, batch_size=4, total=10)


def test_views_of_known_records() -> None:
    rows = (
        row(0), row(1, attacked=0, by="b", distance=0.5), row(2, label=0, by="as it is", step=0),
        row(3, label=2, clean=2, attacked=1, by="a", distance=0.25),
        row(4, label=2, clean=2, attacked=1, by="b", distance=0.25),
    )  # fmt: skip
    result = Evaluation("name", rows)
    assert (result.rate.value, result.clean.value) == (1 / 5, 4 / 5)
    assert {k: (v.value, v.n) for k, v in result.per_class().items()} == {
        0: (0.0, 1), 1: (0.5, 2), 2: (0.0, 2),
    }  # fmt: skip
    assert result.confusion(3).tolist() == [[0, 1, 0], [1, 1, 0], [0, 2, 0]]
    assert list(result.broken_by().items()) == [("b", 2), ("as it is", 1), ("a", 1)]
    assert [r.index for r in result.closest(9)] == [3, 4, 1]
    assert [r.index for r in result.closest(1)] == [3]


def test_of_runs_that_all_failed_the_largest_margin_is_kept() -> None:
    low, high = row(0, margin=-2.0), row(0, margin=-1.0)
    broken, later = row(0, by="a", margin=0.5), row(0, by="b", margin=2.0)
    for runs, kept in (
        ((low, high), high), ((high, low), high), ((high, broken), broken),
        ((broken, high), broken), ((broken, later), broken), ((low, high, later), later),
    ):  # fmt: skip
        merged = merge(*(Evaluation(f"run {k}", (r,)) for k, r in enumerate(runs)))
        assert merged.records == (kept,)
        assert merged.name == " and ".join(f"run {k}" for k in range(len(runs)))
    equal = merge(Evaluation("one", (replace(low, step=1),)), Evaluation("two", (low,)))
    assert equal.records[0].step == 1
    for changes in ({"label": 0}, {"clean": 0}):
        with pytest.raises(InputError, match="in another"):
            merge(Evaluation("one", (low,)), Evaluation("two", (replace(low, **changes),)))


def test_a_whole_board_entry() -> None:
    result = Evaluation("accuracy under pgd linf eps 8/255, steps 40", (row(0), row(1, by="pgd")))
    got = entry(result, data="cifar10", eps="8/255", architecture="A", name="mine", venue="Here")
    assert got == {
        "link": None, "name": "mine", "authors": None, "additional_data": None,
        "number_forward_passes": 1, "dataset": "cifar10", "venue": "Here", "architecture": "A",
        "eps": "8/255", "clean_acc": "100.00", "reported": "50.00",
        "footnote": "accuracy under pgd linf eps 8/255, steps 40; 2 images.",
    }  # fmt: skip
    assert entry(result, data="d", eps="1", architecture="A")["venue"] == "Unpublished"
    assert entry(result, data="d", eps="1", architecture="A")["name"] == ""


def test_the_widest_radii_of_each_norm() -> None:
    for widest, wider in ((Linf(1.0), Linf(1.001)), (L2(6.0), L2(6.001)), (L1(36.0), L1(36.01))):
        check_scale(widest, (4, 3, 3))
        with pytest.raises(InputError, match="black and white images are"):
            check_scale(wider, (4, 3, 3))
    check_scale(Box(), (1, 1, 1))  # type: ignore[arg-type]


def test_a_torn_file_without_a_header_has_none(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    Evaluation("name", (row(0), row(1))).write(path)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]) + '{"index": 2')
    read = Evaluation.read(path)
    assert (read.name, [r.index for r in read.records]) == ("rows", [0, 1])
    path.write_text("")
    assert Evaluation.read(path).records == ()


def test_a_copy_that_somebody_keeps_beside_the_records_stays(
    trained: Any, data: Dataset, tmp_path: Path
) -> None:
    path, copy = tmp_path / "rows.jsonl", tmp_path / "rows.jsonl.partial-copy"
    for _ in range(2):
        attacked_accuracy(
            trained.model, data, bind(pgd, L2(0.5), steps=1), seed=0, batch_size=8, save=path
        )
        copy.write_text(path.read_text())
    assert copy.read_text() == path.read_text()

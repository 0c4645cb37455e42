"""Several processes that share a training or an evaluation get what one process gets."""

import io
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from robustlens import processes
from robustlens.attacks import bind, pgd
from robustlens.balls import L2
from robustlens.cli.app import main
from robustlens.data import Augmentation, Dataset, load
from robustlens.errors import InputError, TrainingDiverged
from robustlens.evaluation import Evaluation, accuracy, attacked_accuracy
from robustlens.losses import adversarial, gaussian_noise, standard, trades
from robustlens.nets import SmallCNN, save
from robustlens.nets.architecture import Architecture
from robustlens.recipes import Recipe, fit
from robustlens.smoothing import Fixed, Gaussian, certificates
from robustlens.smoothing.saved import CERTIFICATES
from robustlens.streams import Shared, initialised
from robustlens.training import TrainConfig, train
from robustlens.training.state import STATE
from robustlens.training.together import Together
from robustlens.types import Loss

PGD = bind(pgd, L2(0.5), steps=3)
LOSSES: dict[str, Loss] = {
    "standard": standard,
    "adversarial": adversarial(PGD),
    # Its own attack starts where KL is nearly flat, and makes of rounding ten times as much.
    "trades": trades(PGD.worst()),
    "noise": gaussian_noise(0.25),
}
# 81 training images in batches of 40: the last holds one, fewer than there are processes.
CONFIG = TrainConfig(
    epochs=1, batch_size=40, lr=0.02, validation=0.1, precision="float32",
    augment=Augmentation(padding=2, flip=True, jitter=0.2),
)  # fmt: skip
RECIPE = Recipe(width=2, images=300, training=TrainConfig(
    epochs=6, batch_size=20, lr=0.02, precision="float32"))  # fmt: skip


def start(work: Callable[..., None], count: int, *arguments: Any) -> list[Any]:
    """Start `count` processes as torchrun would; forked, they need not import torch again."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context: Any = multiprocessing.get_context("spawn" if torch.cuda.is_available() else "fork")
    started = []
    for rank in range(count):
        where = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count,
                 "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}  # fmt: skip
        process = context.Process(target=_work, args=(work, where, *arguments))
        process.start()
        started.append(process)
    return started


def _work(work: Callable[..., None], where: dict[str, Any], *arguments: Any) -> None:
    os.environ.update({name: str(value) for name, value in where.items()})
    torch.set_num_threads(1)
    work(*arguments)


def together(work: Callable[..., None], count: int, *arguments: Any) -> None:
    """Run work in `count` processes that join; all must end well."""
    started = start(_joined, count, work, *arguments)
    for process in started:
        process.join(120)
    assert [process.exitcode for process in started] == [0] * count


def _joined(work: Callable[..., None], *arguments: Any) -> None:
    with processes.joined():
        work(*arguments)


def small_data() -> Dataset:
    return load("fashion").take(90)


class InDouble(nn.Module):
    """A net computed in double precision on images of single precision.

    Sums of parts differ from the sum of the whole by rounding, and a training makes much of
    little: in single precision, how much depends on the processor. In double what is left is
    far below any mistake in who adds what.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net.double()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x.double())
        return logits


def trained_weights(loss: str) -> tuple[Tensor, list[dict[str, Any]]]:
    """Weights, statistics of batch norm, and the log of a short training."""
    model = initialised(1, lambda: InDouble(SmallCNN(width=2)))
    attack = PGD if loss == "adversarial" else None
    done = train(model, small_data(), LOSSES[loss], CONFIG, seed=3, validation_attack=attack)
    flat = torch.cat([t.flatten().double() for t in done.model.state_dict().values()])
    return flat, [epoch._asdict() for epoch in done.history]


def _write_weights(folder: Path) -> None:
    for name in LOSSES:
        flat, history = trained_weights(name)
        rows = {"weights": flat.tolist(), "history": history}
        (folder / f"{name}{processes.rank()}.json").write_text(json.dumps(rows))


@pytest.mark.slow
def test_two_processes_train_like_one(tmp_path: Path) -> None:
    together(_write_weights, 2, tmp_path)
    for name in LOSSES:
        flat, history = trained_weights(name)
        first, second = (json.loads((tmp_path / f"{name}{k}.json").read_text()) for k in (0, 1))
        assert first["weights"] == second["weights"]
        difference = (torch.tensor(first["weights"], dtype=torch.float64) - flat).abs().max()
        assert difference < 1e-12, name
        for mine, theirs in zip(history, first["history"], strict=True):
            assert mine["loss"] == pytest.approx(theirs["loss"], abs=1e-12)
            assert mine["clean_accuracy"] == theirs["clean_accuracy"]
            assert mine["pgd_accuracy"] == theirs["pgd_accuracy"]


def _norm_gradients(folder: Path) -> None:
    torch.manual_seed(0)
    norm = nn.Sequential(nn.BatchNorm1d(3, momentum=None), nn.BatchNorm1d(3, affine=False)).double()
    x = torch.randn(7, 3, 5, dtype=torch.float64, requires_grad=True)
    target = torch.randn(7, 3, 5, dtype=torch.float64)

    def loss(x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        return mse_loss(norm(x), y)

    steps = Together(norm)
    with steps.batch_norm():
        value = steps.backward(loss, x, target, Shared())
    assert x.grad is not None
    processes.add_up([x.grad])
    parts = [value[None], x.grad.flatten()]
    parts += [p.grad for p in norm.parameters() if p.grad is not None]
    parts += [b.double().flatten() for b in norm.buffers()]
    if processes.main_process():
        torch.save(torch.cat(parts), folder / f"{processes.world()}.pt")


@pytest.mark.parametrize("count", [2, 3])
def test_batch_norm_over_processes_has_the_gradients_of_one(tmp_path: Path, count: int) -> None:
    together(_norm_gradients, count, tmp_path)
    _norm_gradients(tmp_path)
    ours, whole = (torch.load(tmp_path / f"{k}.pt") for k in (count, 1))
    assert torch.allclose(ours, whole, rtol=0, atol=1e-12)


def _measure(model: nn.Module, data: Dataset, folder: Path) -> None:
    saved = attacked_accuracy(model, data, PGD, seed=0, batch_size=9, save=folder / "run.jsonl")
    unsaved = attacked_accuracy(model, data, PGD, seed=0, batch_size=9)
    assert saved == unsaved
    accuracy(model, data, batch_size=9).write(folder / f"clean{processes.rank()}.jsonl")


def pixels(trained: Any) -> Dataset:
    images = (trained.x * 255).round().to(torch.uint8)
    return Dataset(images, trained.y, tuple("abcdefghij"), "part")


@pytest.mark.slow
@pytest.mark.parametrize("count", [3])
def test_evaluation_is_shared_and_the_rows_are_the_same(
    trained: Any, tmp_path: Path, count: int
) -> None:
    data = pixels(trained)
    whole = attacked_accuracy(
        trained.model, data, PGD, seed=0, batch_size=9, save=tmp_path / "one.jsonl"
    )
    together(_measure, count, trained.model, data, tmp_path)
    assert (tmp_path / "run.jsonl").read_text() == (tmp_path / "one.jsonl").read_text()
    assert Evaluation.read(tmp_path / "run.jsonl") == whole
    clean = accuracy(trained.model, data, batch_size=9)
    assert all(Evaluation.read(tmp_path / f"clean{k}.jsonl") == clean for k in range(count))
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2])
def test_any_number_of_processes_goes_on_with_the_parts_of_others(
    trained: Any, tmp_path: Path, count: int
) -> None:
    data = pixels(trained)
    settings: dict[str, Any] = {"seed": 0, "batch_size": 9}
    attacked_accuracy(trained.model, data, PGD, save=tmp_path / "one.jsonl", **settings)
    head, *rows = (tmp_path / "one.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "run.jsonl").write_text("".join([head, *rows[:9]]))
    (tmp_path / "run.jsonl.part0").write_text("".join([head, *rows[9:20], rows[20][:30]]))
    (tmp_path / "run.jsonl.part5").write_text("".join([head, *rows[45:60]]))
    together(_measure, count, trained.model, data, tmp_path)
    assert (tmp_path / "run.jsonl").read_text() == (tmp_path / "one.jsonl").read_text()
    assert not list(tmp_path.glob("*.part*"))


def _certify(model: nn.Module, data: Dataset, folder: Path) -> None:
    settings: dict[str, Any] = {"batch_size": 80, "save": folder / "certified.jsonl"}
    rows = certificates(model, data, Gaussian(0.01), Fixed(n=40, n0=16), **settings)
    assert [row.index for row in rows] == list(range(len(data)))


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2])
def test_certification_is_shared_and_the_rows_are_the_same(
    trained: Any, tmp_path: Path, count: int
) -> None:
    data, path = pixels(trained).take(15), tmp_path / "certified.jsonl"
    _certify(trained.model, data, tmp_path)
    whole = CERTIFICATES.read(path)
    head, *rows = path.read_text().splitlines(keepends=True)
    path.write_text("".join([head, *rows[:2]]))
    path.with_name("certified.jsonl.part0").write_text("".join([head, *rows[2:5], rows[5][:30]]))
    path.with_name("certified.jsonl.part4").write_text("".join([head, *rows[12:]]))
    together(_certify, count, trained.model, data, tmp_path)
    assert CERTIFICATES.read(path) == whole
    assert not list(tmp_path.glob("*.part*"))


def _refuse() -> None:
    processes.check_same("one", "words")
    with pytest.raises(InputError, match="the processes differ in words: 0, 1"):
        processes.check_same(str(processes.rank()), "words")
    assert processes.gathered("é" * (3 * processes.rank())) == ["", "ééé"]
    assert [processes.share(5), processes.own(torch.device("cpu"))] == [
        slice(0, 2) if processes.main_process() else slice(2, 5), torch.device("cpu")
    ]  # fmt: skip
    device = processes.own(torch.device("cuda"))
    assert device == torch.device("cuda", processes.rank())


def test_processes_speak_to_each_other() -> None:
    together(_refuse, 2)
    assert processes.gathered("alone") == ["alone"]
    assert processes.share(5) == slice(0, 5)


def _diverge(folder: Path) -> None:
    model = initialised(1, lambda: SmallCNN(width=2))

    def loss(model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        return standard(model, x, y, generator) * (torch.inf if processes.rank() else 1)

    with pytest.raises(TrainingDiverged):
        train(model, small_data(), loss, CONFIG, seed=0)


@pytest.mark.slow
def test_all_processes_stop_when_one_part_of_the_loss_is_not_finite(tmp_path: Path) -> None:
    together(_diverge, 2, tmp_path)


def test_other_commands_are_refused(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    for name, value in {"RANK": 0, "WORLD_SIZE": 2, "MASTER_ADDR": "x", "MASTER_PORT": 1}.items():
        monkeypatch.setenv(name, str(value))
    assert main(["list"]) == 2
    assert "only train, evaluate and certify share work" in capsys.readouterr().err


def _command(words: list[str], folder: Path) -> None:
    """Run a command line; what it prints goes to files."""
    rank = os.environ["RANK"]
    sys.stdout = io.TextIOWrapper((folder / f"out{rank}").open("wb"), write_through=True)
    with (folder / f"err{rank}").open("w") as errors:
        sys.stderr = errors
        code = main(words)
    os._exit(code)


def killed(words: list[str], folder: Path, victim: int, ready: Callable[[], bool]) -> str:
    """Run a command in two processes, kill one when ready; return what the other says."""
    started = start(_command, 2, words, folder)
    while not ready():
        assert started[victim].is_alive()
        time.sleep(0.01)
    os.kill(started[victim].pid, signal.SIGKILL)
    for process in started:
        process.join(60)
    assert started[victim].exitcode == -signal.SIGKILL
    assert started[1 - victim].exitcode == 1
    return (folder / f"err{1 - victim}").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_an_evaluation_that_loses_a_process_says_so_and_is_finished(
    trained: Any, tmp_path: Path, victim: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    architecture = Architecture(net="small", width=4, channels=1, classes=10, size=28)
    save(tmp_path / "net.safetensors", trained.model, architecture=architecture)
    words = ["evaluate", "--weights", "net.safetensors", "--data", "fashion", "--limit", "200"]
    words += ["--attack", "apgd", "--steps", "20", "--batch-size", "10", "--records"]
    assert main([*words, "one.jsonl"]) == 0
    part = tmp_path / f"two.jsonl.part{victim}"
    words.append("two.jsonl")

    def ready() -> bool:
        return part.exists() and part.read_text().count("\n") > 10

    said = killed(words, tmp_path, victim, ready)
    assert f"process {2 - victim} of 2 has lost another" in said
    assert "the same command with --resume continues from what is saved" in said
    saved = sum(path.read_text().count("\n") for path in tmp_path.glob("two.jsonl*"))
    assert 10 < saved < 200
    for process in start(_command, 2, [*words, "--resume", "--json"], tmp_path):
        process.join(60)
        assert process.exitcode == 0
    assert (tmp_path / "two.jsonl").read_text() == (tmp_path / "one.jsonl").read_text()
    assert json.loads((tmp_path / "out0").read_text())["records"] == "two.jsonl"
    assert (tmp_path / "out1").read_text() == ""


@pytest.mark.slow
def test_a_training_under_torchrun_that_loses_a_process_is_finished(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words += ["-m", "robustlens", *RECIPE.command.split()[1:], "--out", str(tmp_path / "two")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    place = tmp_path / "two" / RECIPE.name
    run = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment)
    while not (place / STATE).exists():
        assert run.poll() is None, run.communicate()
        time.sleep(0.01)
    os.kill(children(run.pid)[1], signal.SIGKILL)
    said = run.communicate(timeout=60)[1]
    assert run.returncode == 1
    assert "robustlens: process" in said
    assert "the same command continues from what is saved" in said
    assert not (place / "weights.safetensors").exists()
    assert (place / "log.jsonl").read_text().count("\n") < RECIPE.training.epochs
    done = subprocess.run(words, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.count("weights.safetensors") == 2  # once as the path, once in the command
    torn, card = fit(RECIPE, tmp_path / "two")
    assert "2 processes, each on" in card["provenance"]["device"]
    together(_fit, 2, tmp_path / "whole")
    whole, _ = fit(RECIPE, tmp_path / "whole")
    for mine, theirs in zip(whole.state_dict().values(), torn.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)


def _fit(folder: Path) -> None:
    fit(RECIPE, folder)


def children(parent: int) -> list[int]:
    """The processes that a process started, in order."""
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return sorted(int(pid) for pid in found)


def test_the_exchange_of_batch_norms_stays_out_of_compiled_graphs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("robustlens.training.together.world", lambda: 2)
    norm = nn.BatchNorm2d(3)
    shared = Together(nn.Sequential(norm))
    shared.alone = False
    met: list[bool] = []

    def exchange(norm: nn.BatchNorm2d, x: torch.Tensor) -> torch.Tensor:
        met.append(torch.compiler.is_compiling())
        return x

    monkeypatch.setattr("robustlens.training.together._normalised", exchange)
    with shared.batch_norm():
        run = torch.compile(nn.Sequential(norm), backend="eager")
        x = torch.rand(4, 3, 2, 2)
        assert torch.equal(run(x), x)
    assert met == [False]
    assert "forward" not in vars(norm)

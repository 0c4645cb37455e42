"""Training: what is selected, what is saved, and that a kill changes nothing."""

import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
import torch

from robustlens.attacks import bind, pgd
from robustlens.balls import L2
from robustlens.data import Augmentation, Dataset, load
from robustlens.errors import Doubtful, InputError, TrainingDiverged, UnknownName
from robustlens.losses import adversarial, standard
from robustlens.nets import SmallCNN, normalised
from robustlens.recipes import Recipe, fit
from robustlens.streams import Shared, initialised
from robustlens.training import TrainConfig, Trained, together, train
from robustlens.training.config import OPTIMISERS
from robustlens.training.run import Run
from robustlens.training.schedules import SCHEDULES, one_cycle, piecewise
from robustlens.training.state import memory, read_state, remember, write_state

CONFIG = TrainConfig(epochs=3, batch_size=40, validation=0.2, augment=Augmentation(padding=2))


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load("fashion").take(250)


def run(data: Dataset, folder: Path | None = None, loss=standard, **changes) -> Trained:
    config = TrainConfig(**{**vars(CONFIG), **changes})
    model = initialised(1, lambda: SmallCNN(width=4))
    return train(model, data, loss, config, seed=3, folder=folder)


def weights(done: Trained) -> torch.Tensor:
    return torch.cat([t.flatten().double() for t in done.model.state_dict().values()])


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_stay_between_0_and_1(name: str) -> None:
    values = [SCHEDULES[name](i / 100) for i in range(101)]
    assert all(0 <= v <= 1 for v in values)
    assert max(values) == pytest.approx(1.0)
    assert values[-1] <= 0.01


def test_schedules_at_known_places() -> None:
    assert one_cycle(0.15) == pytest.approx(0.5)
    assert one_cycle(0.65) == pytest.approx(0.5)
    assert [piecewise(t) for t in (0.49, 0.5, 0.75)] == [1.0, 0.1, 0.01]
    assert SCHEDULES["cosine"](0.5) == pytest.approx(0.5)


def test_schedules_turn_where_they_should() -> None:
    assert [one_cycle(t) for t in (0.0, 0.3, 1.0)] == [0.0, 1.0, 0.0]
    assert one_cycle(0.2999) < 1
    assert [piecewise(t) for t in (0.0, 0.7499, 1.0)] == [1.0, 0.1, 0.01]
    assert [SCHEDULES["cosine"](t) for t in (0.0, 1 / 3, 1.0)] == pytest.approx([1.0, 0.75, 0.0])


@pytest.mark.parametrize(
    "changes",
    [{"epochs": 1}, {"batch_size": 2}, {"lr": 1e-9}, {"momentum": 0.001}, {"momentum": 0.999},
     {"weight_decay": 0.0}, {"average": 0.0}, {"average": 0.999}, {"validation": 0.0}],
)  # fmt: skip
def test_config_takes_the_ends_of_what_is_allowed(changes: dict) -> None:
    assert TrainConfig(**changes).as_dict().items() >= changes.items()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"momentum": 0.0}, "momentum is 0.0"),
        ({"average": 1.0}, "average is 1.0"),
        ({"average": -0.1}, "average is -0.1"),
        ({"validation": 1.0}, "validation is 1.0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 1}, "batch_size is 1"),
        ({"lr": 0.0}, "lr is 0.0"),
        ({"momentum": 1.0}, "momentum is 1.0"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0"),
        ({"validation": -0.1}, "validation is -0.1"),
        ({"schedule": "onecycle"}, "did you mean 'one-cycle'"),
        ({"precision": "half"}, "one of auto, bfloat16, float32"),
        ({"optimiser": "rmsprop"}, "one of adam, sgd"),
    ],
)
def test_config_refuses(changes: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        TrainConfig(**changes)


def test_training_learns_and_reports(data: Dataset) -> None:
    done = run(data, epochs=6, average=0.9)
    losses = [epoch.loss for epoch in done.history]
    assert losses[-1] < 0.7 * losses[0]
    assert [epoch.epoch for epoch in done.history] == [1, 2, 3, 4, 5, 6]
    assert done.history[-1].pgd_accuracy is None
    assert not done.model.training


def test_the_best_epoch_on_validation_images_is_returned(data: Dataset, tmp_path: Path) -> None:
    done = run(data, tmp_path)
    assert done.best.score == max(epoch.score for epoch in done.history)
    shorter = run(data, epochs=3)
    assert torch.equal(weights(done), weights(shorter))
    validation = data.split(CONFIG.validation, 3).part
    with torch.no_grad():
        right = done.model(validation.images.float() / 255).argmax(1) == validation.labels
    assert float(right.float().mean()) == pytest.approx(done.best.clean_accuracy)


def test_validation_images_are_never_trained_on(data: Dataset) -> None:
    marked = Dataset(data.images.clone(), data.labels, data.classes, "marked")
    marked.images[:, 0, 0, 0] = torch.arange(250, dtype=torch.uint8)
    seen: set[int] = set()

    def spying(model, x, y, generator):
        seen.update((x[:, 0, 0, 0] * 255).round().int().tolist())
        return standard(model, x, y, generator)

    run(marked, loss=spying, augment=Augmentation())
    held = set(marked.split(CONFIG.validation, 3).part.images[:, 0, 0, 0].tolist())
    assert seen == set(range(250)) - held


def test_validation_attack_selects(data: Dataset) -> None:
    model = initialised(1, lambda: SmallCNN(width=4))
    attack = bind(pgd, L2(0.5), steps=2)
    config = TrainConfig(epochs=2, batch_size=50, validation=0.2)
    done = train(model, data, adversarial(attack), config, seed=0, validation_attack=attack)
    assert all(e.score == e.pgd_accuracy for e in done.history)
    assert all(e.pgd_accuracy <= e.clean_accuracy for e in done.history)
    assert all(p.requires_grad for p in model.parameters())


class Weight(torch.nn.Module):
    """One weight, which the logits do not show: all images are of class 0."""

    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tensor([[1.0, 0.0]]) + 0 * self.w.float() * x.flatten(1)[:, :2]


def falling(model, x, y, generator):
    """A loss of slope 1 in the weight, whatever the images."""
    return 1.0 * model.w


def walked(schedule: str, steps: int, lr: float = 0.1, momentum: float = 0.9) -> list[float]:
    """The weight after each step of SGD with Nesterov momentum on slope 1 (Sutskever 2013)."""
    w, velocity, after = 1.0, 0.0, []
    for step in range(1, steps + 1):
        velocity = momentum * velocity + 1
        w -= lr * SCHEDULES[schedule](step / steps) * (1 + momentum * velocity)
        after.append(w)
    return after


def averaged(weights: list[float], decay: float) -> float:
    """Their moving average: update t, from 0, keeps min(decay, (1 + t) / (10 + t)) of it."""
    mean = weights[0]
    for t, w in enumerate(weights[1:], start=1):
        kept = min(decay, (1 + t) / (10 + t))
        mean = kept * mean + (1 - kept) * w
    return mean


def fall(**changes) -> Trained:
    settings = {"epochs": 2, "batch_size": 4, "weight_decay": 0.0, "validation": 0.0, **changes}
    pixels = torch.zeros(16, 1, 2, 2, dtype=torch.uint8)
    images = Dataset(pixels, torch.arange(16) % 2, ("a", "b"), "black")
    config = TrainConfig(precision="float32", **settings)
    return train(Weight(), images, falling, config, seed=0)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_each_step_has_the_learning_rate_of_its_own_end(schedule: str) -> None:
    """Two epochs of four steps: step t of 8 has the rate at t / 8, so the last of a fall has 0."""
    done = fall(schedule=schedule, average=0.0)
    assert done.model.w.item() == pytest.approx(walked(schedule, 8)[-1], abs=1e-12)
    rates = [0.1 * SCHEDULES[schedule](share) for share in (0.5, 1.0)]
    assert [epoch.lr for epoch in done.history] == pytest.approx(rates, abs=1e-15)


@pytest.mark.parametrize("decay", [0.995, 0.25, 2 / 11])
def test_the_average_of_the_weights_starts_short(decay: float) -> None:
    done = fall(schedule="piecewise", average=decay)
    expected = averaged(walked("piecewise", 8), decay)
    assert done.model.w.item() == pytest.approx(expected, abs=1e-12)


def test_the_loss_of_an_epoch_is_the_mean_over_its_batches() -> None:
    weights = [1.0, *walked("cosine", 8)]
    losses = [epoch.loss for epoch in fall(schedule="cosine").history]
    means = [sum(weights[first : first + 4]) / 4 for first in (0, 4)]
    assert losses == pytest.approx(means, abs=1e-6)


def test_of_equal_epochs_the_first_is_kept() -> None:
    """Half of the images are of class 0, before and after: no epoch is better than the first."""
    done = fall(schedule="piecewise", epochs=3, batch_size=2, validation=0.5, average=0.0)
    assert [epoch.clean_accuracy for epoch in done.history] == [0.5, 0.5, 0.5]
    assert done.best.epoch == 1
    assert done.model.w.item() == pytest.approx(walked("piecewise", 12)[3], abs=1e-12)


def test_a_better_epoch_is_kept_when_worse_ones_follow() -> None:
    scores = iter([0.25, 0.75, 0.5])

    def validate(self) -> tuple[float, float]:
        return 1.0, next(scores)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("robustlens.training.run.Run.validate", validate)
        done = fall(schedule="piecewise", epochs=3, average=0.0)
    assert [epoch.score for epoch in done.history] == [0.25, 0.75, 0.5]
    assert done.best.epoch == 2
    assert done.model.w.item() == pytest.approx(walked("piecewise", 12)[7], abs=1e-12)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_precision_is_what_was_asked(data: Dataset, precision: str) -> None:
    formats = set()

    def spying(model, x, y, generator):
        formats.add(model(x).dtype)
        return standard(model, x, y, generator)

    run(data, loss=spying, epochs=1, precision=precision)
    assert formats == {getattr(torch, precision)}


def test_without_averaging_the_last_weights_are_validated(data: Dataset) -> None:
    model = initialised(1, lambda: SmallCNN(width=4))
    config = TrainConfig(epochs=1, batch_size=50, average=0.0, validation=0.2)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    done = train(model, data, standard, config, seed=0)
    assert int(done.model.state_dict()["body.0.1.num_batches_tracked"]) == 4
    assert not torch.equal(before["head.weight"], done.model.state_dict()["head.weight"])


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("stop_at", [3, 7, 11])
def test_an_interrupted_run_continues_to_the_same_bits(
    data: Dataset, tmp_path: Path, stop_at: int, optimiser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(data, tmp_path / "whole", optimiser=optimiser)
    calls, whole_step = 0, Run.mean_loss

    def stopping(self, x, y, generator):
        nonlocal calls
        calls += 1
        if calls == stop_at:
            raise KeyboardInterrupt
        return whole_step(self, x, y, generator)

    monkeypatch.setattr(Run, "mean_loss", stopping)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "cut", optimiser=optimiser)
    monkeypatch.undo()
    again = run(data, tmp_path / "cut", optimiser=optimiser)
    assert torch.equal(weights(whole), weights(again))
    assert [e.loss for e in whole.history] == [e.loss for e in again.history]
    logged = (tmp_path / "cut" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in logged] == [1, 2, 3]


def test_a_finished_run_is_not_trained_again(data: Dataset, tmp_path: Path) -> None:
    first = run(data, tmp_path)
    began = time.perf_counter()
    second = run(data, tmp_path)
    assert time.perf_counter() - began < 5
    assert first.history == second.history
    assert torch.equal(weights(first), weights(second))


def test_state_of_another_run_is_refused(data: Dataset, tmp_path: Path) -> None:
    run(data, tmp_path, epochs=1)
    with pytest.raises(InputError, match="state of another run"):
        run(data, tmp_path, epochs=2)
    with pytest.raises(InputError, match="state of another run"):
        run(data, tmp_path, adversarial(bind(pgd, L2(0.5), steps=1)), epochs=1)


def smoothed(amount: float):
    def loss(model, x, y, generator):
        return torch.nn.functional.cross_entropy(model(x), y, label_smoothing=amount)

    return loss


def test_a_loss_an_attack_and_a_normalisation_of_ones_own_are_told_apart(
    data: Dataset, tmp_path: Path
) -> None:
    def begin(amount: float = 0.1, std: float = 0.5, scale: float = 1.0) -> Trained:
        model = initialised(1, lambda: normalised(SmallCNN(width=2), [0.0], [std]))
        config = TrainConfig(**{**vars(CONFIG), "epochs": 1})

        def validating(model, x, y, generator):
            return x * scale

        return train(
            model, data, smoothed(amount), config, seed=0, validation_attack=validating,
            folder=tmp_path,
        )  # fmt: skip

    first = begin()
    assert torch.equal(weights(first), weights(begin()))
    for other in ({"amount": 0.2}, {"std": 0.6}, {"scale": 0.9}):
        with pytest.raises(InputError, match="state of another run"):
            begin(**other)


def test_other_weights_to_begin_with_are_said(data: Dataset, tmp_path: Path) -> None:
    first = run(data, tmp_path, epochs=1)
    other = initialised(2, lambda: SmallCNN(width=4))
    config = TrainConfig(**{**vars(CONFIG), "epochs": 1})
    with pytest.warns(Doubtful, match="began with other weights"):
        again = train(other, data, standard, config, seed=3, folder=tmp_path)
    assert torch.equal(weights(first), weights(again))


def test_divergence_stops_with_words_and_keeps_the_last_epoch(
    data: Dataset, tmp_path: Path
) -> None:
    calls = 0

    def breaking(model, x, y, generator):
        nonlocal calls
        calls += 1
        return standard(model, x, y, generator) * (float("nan") if calls > 5 else 1)

    with pytest.raises(TrainingDiverged, match="loss is nan at epoch 2"):
        run(data, tmp_path, breaking)
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1


def test_adam_learns_and_is_another_training(data: Dataset) -> None:
    done = run(data, optimiser="adam", lr=0.01, epochs=4)
    assert done.best.clean_accuracy is not None
    assert done.best.clean_accuracy > 0.3
    assert not torch.equal(weights(done), weights(run(data, lr=0.01, epochs=4)))


def test_a_choice_of_optimiser_leaves_the_names_of_older_trainings() -> None:
    assert "optimiser" not in TrainConfig().as_dict()
    assert Recipe().name == "fashion-standard-3e09ed6a"
    adam = Recipe(training=TrainConfig(optimiser="adam"))
    assert adam.name != Recipe().name
    assert adam.command == "robustlens train --optimiser adam"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="cosine, one-cycle, piecewise"):
        TrainConfig(schedule="linear")


SCRIPT = """
import sys
from pathlib import Path
from robustlens.data import load
from robustlens.losses import standard
from robustlens.nets import SmallCNN
from robustlens.recipes import Recipe, fit
from robustlens.streams import Shared, initialised
from robustlens.training import TrainConfig, train
model = initialised(0, lambda: SmallCNN(width=4))
config = TrainConfig(epochs=6, batch_size=50, validation=0.1)
train(model, load("fashion").take(1000), standard, config, seed=0, folder=Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_kill_9_changes_nothing(tmp_path: Path) -> None:
    def begin(folder: Path) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)])

    assert begin(tmp_path / "whole").wait() == 0
    process = begin(tmp_path / "cut")
    log = tmp_path / "cut" / "log.jsonl"
    deadline = time.monotonic() + 120
    while not (log.exists() and len(log.read_text().splitlines()) >= 2):
        assert time.monotonic() < deadline, "training did not begin"
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert len(log.read_text().splitlines()) < 6
    assert begin(tmp_path / "cut").wait() == 0
    states = [(tmp_path / name / "state.safetensors") for name in ("whole", "cut")]
    from robustlens.nets.checkpoints import read_tensors

    (whole, _), (cut, _) = (read_tensors(path) for path in states)
    assert whole.keys() == cut.keys()
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_tensorboard_gets_each_epoch_when_it_is_installed(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str, float, int]] = []

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            self.folder = folder

        def __enter__(self) -> "SummaryWriter":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def add_scalar(self, name: str, value: float, step: int) -> None:
            seen.append((self.folder, name, value, step))

    fake = types.ModuleType("torch.utils.tensorboard")
    fake.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    monkeypatch.setattr("robustlens.training.track.find_spec", lambda name: fake)
    done = run(data, tmp_path, epochs=2)
    assert {name for _, name, _, _ in seen} == {"loss", "clean_accuracy", "lr", "seconds"}
    assert [v for _, name, v, _ in seen if name == "loss"] == [e.loss for e in done.history]
    assert {folder for folder, *_ in seen} == {str(tmp_path)}


def test_without_validation_the_last_epoch_is_kept_and_nothing_is_cut(
    data: Dataset, tmp_path: Path
) -> None:
    config = TrainConfig(epochs=2, batch_size=20, validation=0)
    done = train(initialised(0, lambda: SmallCNN(width=2)), data, standard, config, seed=0)
    assert done.best == done.history[-1]
    assert done.best.clean_accuracy is None
    _, card = fit(Recipe(width=2, images=60, training=config), tmp_path)
    assert card["validation"]["clean_accuracy"] is None


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_what_an_optimiser_remembers_is_given_back(optimiser: str, tmp_path: Path) -> None:
    def begin() -> tuple[torch.nn.Linear, torch.optim.Optimizer]:
        net = initialised(0, lambda: torch.nn.Linear(3, 2))
        return net, OPTIMISERS[optimiser](net.parameters(), TrainConfig(lr=0.1))

    def walk(net: torch.nn.Linear, steps: range, optimiser: torch.optim.Optimizer) -> None:
        for step in steps:
            optimiser.zero_grad()
            net(torch.arange(3.0) + step).square().sum().mul(0.01).backward()
            optimiser.step()

    whole, straight = begin()
    walk(whole, range(6), straight)
    net, first = begin()
    walk(net, range(3), first)
    path = tmp_path / "state.safetensors"
    write_state(path, {"net": net.state_dict(), "momentum": memory(first)}, {"identity": "me"})
    groups, card = read_state(path, "me")
    assert card["identity"] == "me"
    again, second = begin()
    again.load_state_dict(groups["net"])
    remember(second, groups["momentum"])
    walk(again, range(3, 6), second)
    assert all(map(torch.equal, whole.parameters(), again.parameters()))
    with pytest.raises(InputError, match="state of another run"):
        read_state(path, "you")


def test_a_fresh_optimiser_remembers_nothing() -> None:
    net = torch.nn.Linear(3, 2)
    optimiser = OPTIMISERS["sgd"](net.parameters(), TrainConfig())
    assert memory(optimiser) == {}
    remember(optimiser, {})
    assert optimiser.state_dict()["state"] == {}


def test_optimisers_are_those_of_the_config() -> None:
    config = TrainConfig(lr=0.25, momentum=0.75, weight_decay=0.125)
    net = torch.nn.Linear(3, 2)
    (sgd,) = OPTIMISERS["sgd"](net.parameters(), config).param_groups
    kept = {key: sgd[key] for key in ("lr", "momentum", "nesterov", "weight_decay")}
    assert kept == {"lr": 0.25, "momentum": 0.75, "nesterov": True, "weight_decay": 0.125}
    adam = OPTIMISERS["adam"](net.parameters(), config)
    assert isinstance(adam, torch.optim.AdamW)
    kept = {key: adam.param_groups[0][key] for key in ("lr", "betas", "weight_decay")}
    assert kept == {"lr": 0.25, "betas": (0.75, 0.999), "weight_decay": 0.125}


@pytest.mark.parametrize(("loss", "diverged"), [(1e4, False), (1.1e4, True), (float("inf"), True)])
def test_a_loss_above_ten_thousand_has_diverged(loss: float, diverged: bool) -> None:
    def high(model, x, y, generator):
        return loss + 0 * model.w

    pixels = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    images = Dataset(pixels, torch.zeros(4, dtype=torch.int64), ("a", "b"), "black")
    config = TrainConfig(epochs=1, batch_size=2, validation=0.0, precision="float32")
    if diverged:
        with pytest.raises(TrainingDiverged, match=f"the loss is {loss:g} at epoch 1, step 1"):
            train(Weight(), images, high, config, seed=0)
    else:
        assert train(Weight(), images, high, config, seed=0).history[0].loss == loss


def test_a_loss_that_diverges_late_is_seen_in_the_last_step_of_its_epoch() -> None:
    calls = []

    def late(model, x, y, generator):
        calls.append(len(x))
        return (float("nan") if len(calls) == 3 else 1.0) * model.w

    pixels = torch.zeros(5, 1, 2, 2, dtype=torch.uint8)
    images = Dataset(pixels, torch.zeros(5, dtype=torch.int64), ("a", "b"), "black")
    config = TrainConfig(epochs=2, batch_size=2, validation=0.0, precision="float32")
    with pytest.raises(TrainingDiverged, match="nan at epoch 1, step 3"):
        train(Weight(), images, late, config, seed=0)
    assert calls == [2, 2, 1]


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_of_a_part_is_that_of_the_whole_batch(
    monkeypatch: pytest.MonkeyPatch, affine: bool, momentum: float | None
) -> None:
    """Of two processes the other one is played: what it would send is worked out from its rows."""
    g = torch.Generator().manual_seed(0)
    x, slope = (torch.randn(7, 3, 5, generator=g, dtype=torch.float64) for _ in range(2))
    others, mine, theirs = [0, 2], slice(0, 3), slice(3, 7)
    whole, part = (
        torch.nn.BatchNorm1d(3, affine=affine, momentum=momentum).double() for _ in range(2)
    )
    if affine:
        for norm in (whole, part):
            norm.load_state_dict({**norm.state_dict(), "weight": torch.tensor([1.0, -2.0, 0.5])})
    x.requires_grad_(True)
    expected = whole(x)
    (expected * slope).sum().backward()
    normal = torch.nn.functional.batch_norm(x.detach(), None, None, training=True)
    away = x[theirs].detach()
    variance, mean = torch.var_mean(away, others, correction=0)
    sent = torch.cat([mean, variance, torch.tensor([20.0], dtype=torch.float64)])
    sums = [slope[theirs].sum(others), (slope * normal)[theirs].sum(others)]

    def add_up(tensors: list[torch.Tensor]) -> None:
        tensors[0] += torch.stack(sums)

    monkeypatch.setattr(together, "world", lambda: 2)
    monkeypatch.setattr(together, "stacked", lambda tensor: torch.stack([tensor, sent]))
    monkeypatch.setattr(together, "add_up", add_up)
    here = x.detach()[mine].clone().requires_grad_(True)
    with together.Together(part).batch_norm():
        got = part(here)
        (got * slope[mine]).sum().backward()
    assert torch.allclose(got, expected[mine], rtol=0, atol=1e-12)
    assert torch.allclose(here.grad, x.grad[mine], rtol=0, atol=1e-12)
    for name, buffer in whole.named_buffers():
        assert torch.allclose(part.get_buffer(name).double(), buffer.double(), atol=1e-12), name
    if affine:
        share = [(slope * normal)[mine].sum(others), slope[mine].sum(others)]
        grads = [part.weight.grad, part.bias.grad]
        assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(grads, share, strict=True))
    assert torch.equal(part.eval()(here), type(part).forward(part, here))
    assert "forward" not in vars(part)


@pytest.mark.parametrize(
    ("size", "rows", "weight"), [(4, slice(1, 4), 0.75), (2, slice(1, 2), 0.5), (1, None, 0.5)]
)
def test_the_loss_of_a_part_weighs_as_its_images(
    monkeypatch: pytest.MonkeyPatch, size: int, rows: slice | None, weight: float
) -> None:
    """A batch smaller than the number of processes is computed by each of them, for its share."""
    net, seen, added = torch.nn.Linear(1, 1, bias=False), [], []
    x, y = torch.arange(1.0, 5)[:size, None], torch.arange(size)
    generator = Shared.like(torch.Generator().manual_seed(0))

    def loss(x: torch.Tensor, y: torch.Tensor, g: Shared) -> torch.Tensor:
        seen.append((x.flatten().tolist(), y.tolist(), g.rows, g.whole))
        return net(x).sum()

    monkeypatch.setattr(together, "world", lambda: 2)
    monkeypatch.setattr(together, "share", lambda total: slice(1, total))
    monkeypatch.setattr(together, "add_up", added.extend)
    total = together.Together(net).backward(loss, x, y, generator)
    mine = slice(0, size) if rows is None else rows
    assert seen == [(x[mine].flatten().tolist(), y[mine].tolist(), mine, size)]
    assert generator.rows is None
    slope = weight * x[mine].sum()
    assert net.weight.grad.item() == pytest.approx(slope.item())
    assert total.item() == pytest.approx((slope * net.weight).item())
    assert not total.requires_grad
    assert [t.shape for t in added] == [(), (1, 1)]
    assert added[0] is total
    assert added[1] is net.weight.grad


def test_the_validation_attack_draws_by_the_seed_of_the_run_alike_in_every_epoch() -> None:
    drawn: list[float] = []

    def drawing(model, x, y, generator):
        drawn.append(float(torch.rand((), generator=generator)))
        return x

    pixels = torch.zeros(8, 1, 2, 2, dtype=torch.uint8)
    images = Dataset(pixels, torch.arange(8) % 2, ("a", "b"), "black")
    config = TrainConfig(epochs=2, batch_size=2, validation=0.5, precision="float32")
    for seed in (0, 1):
        train(Weight(), images, falling, config, seed=seed, validation_attack=drawing)
    assert len(drawn) == 4
    assert drawn[0] == drawn[1] != drawn[2] == drawn[3]

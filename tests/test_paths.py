"""Wherever a path is taken, a text is taken too, and does the same."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from robustlens import data as datasets
from robustlens.attacks import bind, pgd
from robustlens.balls import L2
from robustlens.constructed import mistakes, random_labels
from robustlens.evaluation import Evaluation, attacked_accuracy, robustness_curve
from robustlens.figures import save_pictures
from robustlens.losses import standard
from robustlens.nets import SmallCNN
from robustlens.nets.checkpoints import exists
from robustlens.recipes import fit
from robustlens.streams import initialised
from robustlens.studies.kit.presets import TINY_ROBUST
from robustlens.training import TrainConfig, train
from robustlens.zoo import pretrained, resolve


def test_data_sets_and_constructed_sets(trained: Any, tmp_path: Path) -> None:
    data = datasets.load("fashion", "test").take(20)
    datasets.save(data, str(tmp_path / "saved"))
    assert datasets.open_saved(str(tmp_path / "saved")).digest == data.digest
    assert datasets.load(tmp_path / "saved").digest == data.digest
    for number, builder in enumerate((random_labels, mistakes)):
        made = builder(data, trained.model, str(tmp_path / f"built-{number}"))
        again = builder(data, trained.model, tmp_path / f"built-{number}")
        assert made.digest == again.digest
        assert (tmp_path / f"built-{number}" / "train" / "card.json").is_file()


def test_records(trained: Any, tmp_path: Path) -> None:
    data = datasets.load("fashion", "test").take(20)
    path = str(tmp_path / "rows.jsonl")
    attack = bind(pgd, L2(0.5), steps=1)
    found = attacked_accuracy(trained.model, data, attack, seed=0, save=path)
    assert attacked_accuracy(trained.model, data, attack, seed=0, save=path) == found
    assert Evaluation.read(path).records == found.records
    found.write(str(tmp_path / "b.jsonl"))
    assert Evaluation.read(tmp_path / "b.jsonl") == found


def test_models_and_trainings(tmp_path: Path) -> None:
    made = fit(TINY_ROBUST, str(tmp_path / "runs"))
    place = tmp_path / "runs" / TINY_ROBUST.name / "weights.safetensors"
    assert exists(str(place))
    assert resolve(str(place)) == place
    assert fit(TINY_ROBUST, tmp_path / "runs").card == made.card
    assert pretrained(Path("fashion-standard")).card["name"] == "fashion-standard"
    config = TrainConfig(epochs=1, batch_size=20, validation=0.2)
    net, data = initialised(0, lambda: SmallCNN(width=2)), datasets.load("fashion").take(60)
    train(net, data, standard, config, seed=0, folder=str(tmp_path / "run"))
    assert (tmp_path / "run" / "log.jsonl").is_file()
    save_pictures([], str(tmp_path))


def test_radii_of_a_curve_may_be_an_array_a_tensor_or_texts(trained: Any) -> None:
    data = datasets.load("fashion", "test").take(20)
    curves = [
        robustness_curve(trained.model, data, "l2", radii, steps=1)
        for radii in ([0.25, 0.5], np.array([0.25, 0.5], np.float32), torch.tensor([0.25, 0.5]),
                      ["0.25", "1/2"])
    ]  # fmt: skip
    assert all(curve.radii == (0.25, 0.5) for curve in curves)
    assert all(curve.rates == curves[0].rates for curve in curves)

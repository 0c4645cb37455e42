"""The weights in the repository load, and do what the README says of them."""

from pathlib import Path

import pytest

from robustlens.balls import L2
from robustlens.data import load as load_data
from robustlens.evaluation import accuracy, pgd_accuracy
from robustlens.nets import load

WEIGHTS = sorted((Path(__file__).parents[1] / "weights").glob("*.safetensors"))


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda path: path.stem)
def test_weights_load_and_say_where_they_come_from(path: Path) -> None:
    card = load(path).card
    assert set(card) >= {"recipe", "data", "validation", "provenance", "versions"}
    assert path.stat().st_size < 16 * 2**20


@pytest.mark.slow
def test_the_cifar_weights_hold_what_the_readme_says(big: Path) -> None:
    model, _ = load(WEIGHTS[0])
    part = load_data("cifar10", "test").take(500)
    clean = accuracy(model, part).rate
    attacked = pgd_accuracy(model, part, L2(0.5), steps=20).rate
    assert clean.low <= 0.808 <= clean.high
    assert attacked.low <= 0.609 <= attacked.high

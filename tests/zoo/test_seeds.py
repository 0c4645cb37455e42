"""Seeds that are shipped, and the model that is chosen where nobody names one."""

from pathlib import Path

import pytest

from robustlens.errors import InputError, UnknownName
from robustlens.vision import Seeds
from robustlens.zoo import entries, entry, table
from robustlens.zoo.choice import for_pictures
from robustlens.zoo.places import find
from robustlens.zoo.seeds import SEEDS, seeds_of

HERE = [
    name
    for name, item in entries().items()
    if find(item) is not None and item.card["recipe"]["data"] in SEEDS
]
FOUR = ("catdog-l2-0.5", "cifar10-l2-0.5", "fashion-l2-1.5", "imagenette64-l2-1.5")


def test_the_models_in_the_package_have_seeds() -> None:
    assert {"fashion-l2-1.5", "fashion-standard"} <= set(HERE)


@pytest.mark.parametrize("name", HERE)
def test_every_shipped_model_has_seeds_of_its_classes(name: str) -> None:
    card = entry(name).card
    path = seeds_of(card)
    assert path.stat().st_size < 500_000
    seeds = Seeds.load(path)
    assert list(seeds.classes) == card["classes"]
    assert seeds.mean.shape[1] == card["architecture"]["channels"]
    assert seeds.about["images"] == 1000


def test_seeds_that_are_not_there_or_damaged_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = entry("fashion-l2-1.5").card
    for name in ("SHIPPED", "WEIGHTS"):
        monkeypatch.setattr(table, name, tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="not on this machine") as told:
        seeds_of(card)
    assert "robustlens make seeds --data fashion-full" in str(told.value)
    (tmp_path / SEEDS["fashion"].name).write_bytes(b"others")
    with pytest.raises(InputError, match="damaged or was changed"):
        seeds_of(card)
    with pytest.raises(InputError, match="no seeds for a model of 'mine'"):
        seeds_of({"recipe": {"data": "mine"}})
    with pytest.raises(InputError, match="no seeds for a model of ''"):
        seeds_of({})


def test_a_model_is_chosen_by_classes_and_by_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    four = {name: entry(name) for name in FOUR}
    monkeypatch.setattr("robustlens.zoo.choice.entries", lambda: four)
    monkeypatch.setattr("robustlens.zoo.choice.find", lambda item: Path())
    assert for_pictures(["ship"]) == "cifar10-l2-0.5"
    assert for_pictures(["DRESS"]) == "fashion-l2-1.5"
    assert for_pictures(["church", "chain saw"]) == "imagenette64-l2-1.5"
    assert for_pictures(["cat", "dog"]) == "cifar10-l2-0.5"  # rather than one of these two alone
    assert for_pictures([], grey=True) == "fashion-l2-1.5"
    assert for_pictures([], grey=False) == for_pictures(["3"]) == "imagenette64-l2-1.5"
    with pytest.raises(UnknownName, match="unknown class 'zebra'; expected one of Ankle boot"):
        for_pictures(["zebra"])
    with pytest.raises(UnknownName, match="ship and dress"):
        for_pictures(["ship", "dress"])
    monkeypatch.setattr("robustlens.zoo.choice.find", lambda item: None)
    with pytest.raises(InputError, match="no robust model on this machine"):
        for_pictures(["ship"])

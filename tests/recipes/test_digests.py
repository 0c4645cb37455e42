"""The names of recipes stay what they were: trained models are found by them."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from robustlens.decoding import decode, encode
from robustlens.files import digest_json
from robustlens.recipes import Recipe, named, recipe_names
from robustlens.training import TrainConfig
from robustlens.zoo import entries

NAMED = {
    "catdog-l2-0.5-small": "catdog-adversarial-b450d854",
    "catdog-resnet18-l2-0.5": "catdog-adversarial-c0183895",
    "catdog-resnet18-standard": "catdog-standard-aaa1d67c",
    "catdog-standard-small": "catdog-standard-b3ffdc65",
    "cifar10-l2-0.5-small": "cifar10-adversarial-dc507825",
    "cifar10-l2-1-pictures": "cifar10-adversarial-5d59187b",
    "cifar10-noise-0.25-small": "cifar10-noise-12dcfe71",
    "cifar10-resnet18-l2-0.25": "cifar10-adversarial-3a702d41",
    "cifar10-resnet18-l2-0.5": "cifar10-adversarial-f3ff99b6",
    "cifar10-resnet18-l2-1.0": "cifar10-adversarial-415ffb10",
    "cifar10-resnet18-linf-8-255": "cifar10-adversarial-2adcc174",
    "cifar10-resnet18-noise-0.25": "cifar10-noise-3ed0e7bf",
    "cifar10-resnet18-noise-0.5": "cifar10-noise-dcd555e4",
    "cifar10-resnet18-noise-1.0": "cifar10-noise-404180f1",
    "cifar10-resnet18-standard": "cifar10-standard-f75992eb",
    "cifar10-resnet50-l2-0.5": "cifar10-adversarial-3eeabfab",
    "cifar10-standard-small": "cifar10-standard-785e76c5",
    "fashion-l2-1.5": "fashion-full-adversarial-3c5862a2",
    "fashion-standard": "fashion-full-standard-009c58ce",
    "imagenette128-resnet18-l2-3": "imagenette128-adversarial-1276eaf7",
    "imagenette128-resnet18-standard": "imagenette128-standard-e76fece4",
    "imagenette64-l2-1.5-small": "imagenette128-adversarial-74bfa39b",
    "imagenette64-standard-small": "imagenette128-standard-610bc31c",
    "speedrun-linf-8-255": "cifar10-adversarial-b0bee8f8",
}
OTHERS: dict[str, dict[str, Any]] = {
    "fashion-trades-f9e90093": {"loss": "trades", "seed": 1},
    "fashion-macer-a5bbee03": {"loss": "macer", "copies": 2},
    "fashion-consistency-c961c651": {"loss": "consistency", "strength": 0.5},
    "fashion-standard-60cf6c0f": {"weights": "fashion-standard"},
    "fashion-adversarial-b15dcbb7": {"loss": "adversarial", "eps": "8/255"},
    "fashion-smoothadv-0f6bdb2b": {"loss": "smoothadv", "net": "vgg"},
    "fashion-standard-eff752c6": {"training": TrainConfig(optimiser="adam", lr=0.002)},
    "fashion-standard-ea9d7d11": {"training": TrainConfig(compile=True)},
    "fashion-standard-962df0ba": {"training": TrainConfig(epochs=3)},
}
"""Name to what differs from the defaults, of all that a recipe did not have at first."""


@pytest.mark.parametrize("name", recipe_names())
def test_recipes_with_a_name_keep_their_folder(name: str) -> None:
    assert named(name).recipe.name == NAMED[name]


@pytest.mark.parametrize("name", OTHERS)
def test_recipes_with_later_fields_keep_their_folder(name: str) -> None:
    assert Recipe(**OTHERS[name]).name == name


def test_the_recipe_of_a_shipped_model_is_read_as_it_was_written() -> None:
    for entry in entries().values():
        said = entry.card["recipe"]
        assert encode(decode(Recipe, said, "recipe")) == said


def test_a_field_that_is_added_with_a_default_changes_no_digest() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Newer(Recipe):
        LATER: ClassVar[frozenset[str]] = Recipe.LATER | {"warmth"}
        warmth: float = 0.5

    old, new = Recipe(eps="1"), Newer(eps="1")
    assert digest_json(encode(new)) == digest_json(encode(old))
    assert digest_json(encode(replace(new, warmth=0.25))) != digest_json(encode(old))
    assert decode(Newer, encode(old), "recipe") == new

"""A card's entries are what stands in the file, and typed when they are asked for."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from robustlens.errors import InputError
from robustlens.nets import Architecture, Checkpoint, save
from robustlens.nets.cards import Card, Selected, card_of
from robustlens.nets.checkpoints import write_tensors
from robustlens.zoo import entries

NET = Architecture(width=2)
EPOCH = {"epoch": 3, "loss": 1, "clean_accuracy": 0.5, "pgd_accuracy": None, "lr": 0.1,
         "seconds": 2.0}  # fmt: skip


def card(path: Path, entries: Mapping[str, Any]) -> Card:
    write_tensors(path / "net.safetensors", {"w": torch.zeros(2)}, entries)
    return card_of(path / "net.safetensors")


def test_a_card_is_a_mapping_and_its_entries_have_types(tmp_path: Path) -> None:
    said = {
        "architecture": NET.as_dict(),
        "classes": ["cat", "dog"],
        "validation": EPOCH,
        "mine": {"deep": [1, None]},
    }
    found = card(tmp_path, said)
    assert found == said
    assert list(found) == list(said)
    assert json.dumps(dict(found)) == json.dumps(said)
    assert found.architecture == NET
    assert found.classes == ("cat", "dog")
    assert found.validation == Selected(3, 0.5, None)
    assert found.validation.short == "clean accuracy 50.0%"
    assert found["mine"] == found.entry("mine", Mapping[str, Any]) == {"deep": [1, None]}
    assert (found.data, found.origin, found.entry("none", int)) == ("", None, None)


def test_no_card_says_nothing() -> None:
    empty = Card()
    assert not empty
    assert empty == {}
    assert (empty.architecture, empty.classes, empty.validation, empty.origin) == (
        None, (), None, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "asked", "words"),
    [
        ({"architecture": {"net": "small", "new": 1}}, "architecture", "key .*architecture.new"),
        ({"architecture": {"net": "warp"}}, "architecture", "unknown net 'warp'"),
        ({"architecture": {"width": "2"}}, "architecture", r"architecture.width is a str; .*int"),
        ({"architecture": [1]}, "architecture", "architecture is a list"),
        ({"architecture": None}, "architecture", "architecture is a NoneType"),
        ({"classes": "cat"}, "classes", "classes is a str; expected a list"),
        ({"classes": ["cat", 3]}, "classes", r"classes\[1\] is a int; expected a str"),
        ({"data": 3}, "data", "data is a int; expected a str"),
        ({"validation": {**EPOCH, "epoch": "x"}}, "validation", "validation.epoch is a str"),
        ({"validation": [3]}, "validation", "validation is a list"),
        ({"provenance": {"command": "x"}}, "origin", "provenance has no config"),
        ({"training": "long"}, "origin", "training is a str"),
    ],
)
def test_a_damaged_entry_is_refused_by_file_and_field(
    said: dict[str, Any], asked: str, words: str, tmp_path: Path
) -> None:
    found = card(tmp_path, said)  # which can still be read
    with pytest.raises(InputError, match=words) as refused:
        getattr(found, asked)
    assert re.search(r"net\.safetensors: ", str(refused.value))


def test_a_checkpoint_takes_any_mapping_and_saves_it_as_it_was(tmp_path: Path) -> None:
    said = {"classes": ("cat", "dog")}
    one = Checkpoint(NET.build(), said)
    assert one.card.classes == ("cat", "dog")
    assert Checkpoint(one.model, one.card).card is one.card
    changed = one.card.but(classes=["cat"])
    assert (changed.classes, one.card.classes) == (("cat",), ("cat", "dog"))
    save(tmp_path / "a.safetensors", one.model, architecture=NET, card=one.card)
    save(tmp_path / "b.safetensors", one.model, architecture=NET, card=said)
    a, b = ((tmp_path / name).read_bytes() for name in ("a.safetensors", "b.safetensors"))
    assert a == b


def test_every_shipped_card_is_whole() -> None:
    for name, entry in entries().items():
        found = entry.card
        assert found["name"] == name
        assert found.architecture is not None
        assert found.architecture.classes == len(found.classes)
        assert found.origin is not None
        assert found.origin.config == found["recipe"]
        assert found.validation is not None
        rows = entry.tested.numbers
        assert json.dumps([row.as_dict() for row in rows]) == json.dumps(
            found["evaluation"]["numbers"]
        )

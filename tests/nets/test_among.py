"""A net asked about some of its classes: which logits, which card, and what is refused."""

from pathlib import Path

import pytest
import torch
from torch import nn

from robustlens.errors import InputError
from robustlens.nets import Architecture, Checkpoint, among, features, load, logits, save
from robustlens.nets.checkpoints import digest_of

NAMES = ["cat", "dog", "frog"]


def net_of_three(name: str = "resnet") -> Checkpoint:
    shape = Architecture(net=name, width=4, channels=3, size=16, classes=3)
    return Checkpoint(shape.build().eval(), {"classes": NAMES, "architecture": shape.as_dict()})


@pytest.mark.parametrize("name", ["resnet", "small", "vgg-bn", "mlp"])
def test_logits_are_those_of_the_classes_in_the_order_asked_and_features_stay(name: str) -> None:
    whole, x = net_of_three(name), torch.rand(2, 3, 16, 16)
    before = digest_of(whole.model)
    part = among(whole, ["frog", "cat"])
    torch.testing.assert_close(logits(part.model, x), logits(whole.model, x)[:, [2, 0]])
    assert torch.equal(features(part.model, x), features(whole.model, x))
    assert part.card["classes"] == ["frog", "cat"]
    assert digest_of(whole.model) == before
    assert whole.card["classes"] == NAMES


def test_it_is_saved_and_loaded_as_any_net(tmp_path: Path) -> None:
    part = among(net_of_three(), ["cat", "dog"])
    shape = Architecture(**part.card["architecture"])
    save(tmp_path / "part.safetensors", part.model, architecture=shape, card=part.card)
    again = load(tmp_path / "part.safetensors")
    assert digest_of(again.model) == digest_of(part.model)
    assert again.card["classes"] == ["cat", "dog"]


@pytest.mark.parametrize("classes", [["cat", "cow"], []])
def test_classes_that_it_does_not_know_are_refused_by_name(classes: list[str]) -> None:
    with pytest.raises(InputError, match="knows cat, dog, frog"):
        among(net_of_three(), classes)


def test_a_head_of_another_size_is_refused() -> None:
    odd = Checkpoint(nn.Sequential(nn.Flatten(), nn.Linear(192, 5)), {"classes": NAMES})
    with pytest.raises(InputError, match="5 rows for 3 classes"):
        among(odd, ["cat"])

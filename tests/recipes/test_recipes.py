"""Recipes: one command each, trained once, refused when the data changed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from robustlens.cli import main
from robustlens.data import Augmentation
from robustlens.errors import InputError, UnknownName
from robustlens.losses import describe
from robustlens.nets import Architecture, SmallCNN, save
from robustlens.provenance import flags
from robustlens.recipes import ATTACKED, LOSSES, Recipe, fit
from robustlens.streams import initialised, stream
from robustlens.studies.kit.presets import TINY
from robustlens.training import TrainConfig
from robustlens.zoo import pretrained


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains_once(loss: str, tmp_path: Path) -> None:
    recipe = replace(TINY, images=100, loss=loss, training=replace(TINY.training, epochs=1))
    recipe = replace(recipe, net="denoised") if loss == "denoise" else recipe
    model, card = fit(recipe, tmp_path)
    again, same = fit(recipe, tmp_path)
    assert card == same
    assert card["recipe"]["loss"] == loss
    assert (card["validation"]["pgd_accuracy"] is None) == (loss not in ATTACKED)
    assert card["provenance"]["command"].startswith("robustlens train")
    for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert not (tmp_path / recipe.name / "state.safetensors").exists()


def test_a_seed_holds(tmp_path: Path) -> None:
    recipe = replace(TINY, images=100)
    one, two = (fit(recipe, tmp_path / name).model for name in "ab")
    other = fit(replace(recipe, seed=1), tmp_path / "a").model
    head = [m.state_dict()["head.weight"] for m in (one, two, other)]
    assert torch.equal(head[0], head[1])
    assert not torch.equal(head[0], head[2])


def test_the_command_says_what_differs() -> None:
    recipe = Recipe(
        loss="adversarial", eps="8/255", norm="linf",
        training=TrainConfig(epochs=3, augment=Augmentation(flip=True)),
    )  # fmt: skip
    assert recipe.command == (
        "robustlens train --loss adversarial --norm linf --eps 8/255 --epochs 3 --flip"
    )


def test_later_fields_change_a_recipe_only_where_they_say_something() -> None:
    """A recipe has the name that it had before those fields were."""
    plain = Recipe(loss="noise")
    assert {"weights", "copies", "strength"}.isdisjoint(plain.as_dict())
    assert plain.name == "fashion-noise-d8157701"
    other = replace(plain, copies=4)
    assert other.as_dict() == plain.as_dict() | {"copies": 4}
    assert other.name != plain.name


def test_copies_and_strength_reach_the_losses() -> None:
    said = {"copies": 3, "strength": 5.0}
    words = {
        name: [describe(LOSSES[name](Recipe(loss=name, **more))) for more in ({}, said)]
        for name in ("smoothadv", "macer", "consistency")
    }
    assert "m 2" in words["smoothadv"][0]
    assert "m 3" in words["smoothadv"][1]
    assert "m 16, weight 12" in words["macer"][0]
    assert "m 3, weight 5" in words["macer"][1]
    assert "m 2, weight 20" in words["consistency"][0]
    assert "m 3, weight 5" in words["consistency"][1]
    assert "weight 7" in describe(LOSSES["denoise"](Recipe(loss="denoise", strength=7.0)))
    with pytest.raises(InputError, match="copies -1"):
        Recipe(copies=-1)


def test_flags_of_nested_configs() -> None:
    default = {"a": 1, "inner": {"b": True, "deep": {"c_d": 2}}}
    value = {"a": 1, "inner": {"b": False, "deep": {"c_d": 3}}}
    assert flags(value, default) == ["--no-b", "--c-d", "3"]
    assert flags(value, default, ".") == ["--inner.no-b", "--inner.deep.c-d", "3"]


def test_other_data_of_the_same_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    recipe = replace(TINY, data=str(path), images=0, training=replace(TINY.training, epochs=1))
    y = np.arange(60) % 3
    np.savez(path, x=np.full((60, 8, 8), 9, np.uint8) * y[:, None, None].astype(np.uint8), y=y)
    fit(recipe, tmp_path)
    np.savez(path, x=np.full((60, 8, 8), 7, np.uint8) * y[:, None, None].astype(np.uint8), y=y)
    with pytest.raises(InputError, match="trained on other data"):
        fit(recipe, tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"eps": "8/0"}, "eps is '8/0'"),
        ({"eps": "-1"}, "eps is -1"),
        ({"eps": "nan"}, "eps is nan"),
        ({"steps": 0}, "steps 0"),
        ({"images": -1}, "images -1"),
    ],
)
def test_recipes_refuse(changes: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Recipe(**changes)


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(UnknownName, match="did you mean 'adversarial'"):
        Recipe(loss="adversarail")
    with pytest.raises(UnknownName, match="one of l1, l2, linf"):
        Recipe(norm="l3")


def test_fgsm_training_steps_once_by_eps_from_the_image() -> None:
    """By hand: l-inf moves each pixel by eps along the sign of the gradient, cut to [0, 1]."""
    net = initialised(0, lambda: SmallCNN(width=2)).eval()
    x = torch.rand(4, 1, 8, 8, generator=stream(0, "x")).requires_grad_()
    y = torch.tensor([0, 1, 2, 3])
    (slope,) = torch.autograd.grad(cross_entropy(net(x), y), x)
    expected = cross_entropy(net((x + 0.1 * slope.sign()).clamp(0, 1)), y)
    loss = LOSSES["fgsm"](Recipe(loss="fgsm", norm="linf", eps="0.1"))
    found = loss(net, x.detach(), y, stream(0))
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_losses_describe_themselves() -> None:
    words = {name: describe(make(Recipe())) for name, make in LOSSES.items()}
    assert words["standard"] == "standard"
    assert words["noise"] == "gaussian noise (sigma 0.25)"
    assert words["fgsm"] == "adversarial (fgsm l2 eps 1.5)"
    assert words["adversarial"] == "adversarial (pgd l2 eps 1.5, steps 5, restarts 1)"
    assert words["trades"].startswith("trades (beta 6, pgd_kl l2 eps 1.5, steps 5")


def test_weights_are_taken_instead_of_training(tmp_path: Path) -> None:
    recipe = Recipe(images=100, weights="fashion-standard")
    model, card = fit(recipe, tmp_path)
    assert card["recipe"]["data"] == "fashion-full"
    x = torch.rand(2, 1, 28, 28)
    assert torch.equal(model(x), pretrained("fashion-standard").model(x))
    assert not list(tmp_path.iterdir())
    save(tmp_path / "own.safetensors", model, architecture=Architecture(**card["architecture"]))
    own = fit(replace(recipe, weights=str(tmp_path / "own.safetensors")), tmp_path).model
    assert torch.equal(own(x), model(x))
    assert "weights" not in Recipe().as_dict()
    assert recipe.name != Recipe(images=100).name


def test_weights_of_other_classes_are_refused(tmp_path: Path) -> None:
    model, card = pretrained("fashion-standard")
    classes = {"classes": ["cat", "dog"]}
    path = tmp_path / "pets.safetensors"
    save(path, model, architecture=Architecture(**card["architecture"]), card=classes)
    with pytest.raises(InputError, match="knows cat, dog; expected the classes of fashion: T-sh"):
        fit(Recipe(images=100, weights=str(path)), tmp_path)


def test_training_does_not_begin_at_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--weights", "fashion-standard"]) == 2
    assert "drop --weights" in capsys.readouterr().err


def _equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    mine, theirs = a.state_dict(), b.state_dict()
    return all(torch.equal(mine[key], theirs[key]) for key in mine)


@pytest.mark.parametrize("name", ["standard", "adversarial", "noise"])
def test_a_loss_that_is_given_trains_to_the_bits_of_the_one_that_is_named(
    name: str, tmp_path: Path
) -> None:
    recipe = replace(TINY, images=100, loss=name, training=TrainConfig(epochs=1, batch_size=50))
    attack = recipe.attack(10) if name == "adversarial" else None
    named = fit(recipe, tmp_path)
    given = fit(recipe, tmp_path, loss=LOSSES[name](recipe), attack=attack)
    assert _equal(named.model, given.model)
    assert len(list(tmp_path.iterdir())) == 2
    assert given.card["recipe"]["loss"] == describe(LOSSES[name](recipe))
    assert given.card["provenance"]["command"].startswith(f"{recipe.command}  # from Python, loss ")


def test_losses_of_one_name_that_do_otherwise_are_trained_apart(tmp_path: Path) -> None:
    recipe = replace(TINY, images=100, training=TrainConfig(epochs=1, batch_size=50, validation=0))

    def scaled(factor: float):
        def loss(model, x, y, generator):
            return factor * cross_entropy(model(x), y)

        return loss

    first, second, again = (fit(recipe, tmp_path, loss=scaled(f)) for f in (1.0, 0.5, 1.0))
    assert not _equal(first.model, second.model)
    assert _equal(first.model, again.model)
    assert len(list(tmp_path.iterdir())) == 2
    assert _equal(first.model, fit(recipe, tmp_path).model)


def test_a_validation_attack_alone_may_be_given(tmp_path: Path) -> None:
    recipe = replace(TINY, images=100, training=TrainConfig(epochs=1, batch_size=50))
    attack = recipe.attack(2)
    found = fit(recipe, tmp_path, attack=attack)
    assert found.card["validation"]["pgd_accuracy"] is not None
    assert found.card["recipe"]["validation_attack"] == str(attack)
    assert fit(recipe, tmp_path).card["validation"]["pgd_accuracy"] is None


def test_weights_are_not_trained_with_a_loss(tmp_path: Path) -> None:
    recipe = replace(TINY, weights="fashion-standard")
    with pytest.raises(InputError, match="a loss or an attack to train with"):
        fit(recipe, tmp_path, loss=LOSSES["standard"](TINY))
    with pytest.raises(InputError, match="leave one of them out"):
        fit(recipe, tmp_path, attack=TINY.attack(1))

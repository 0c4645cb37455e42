"""What studies of constructed sets share: folders, silent sets, learners, and two intervals."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from robustlens.data import Augmentation, load
from robustlens.data.augment import unit
from robustlens.nets import Architecture, Checkpoint
from robustlens.recipes import Recipe, fit
from robustlens.registry import Bench
from robustlens.studies.kit import made
from robustlens.studies.kit.made import Making
from robustlens.studies.kit.presets import TINY

FEW = Making(steps=2, step_size=0.5)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "models", torch.device("cpu"))


def test_other_settings_or_another_net_lie_elsewhere(bench: Bench) -> None:
    base = made.place(bench, "labels", {"n": 4}, TINY)
    assert base.parent == bench.folder.parent / "made"
    assert base == made.place(bench, "labels", {"n": 4}, TINY)
    others = {
        made.place(bench, "labels", {"n": 5}, TINY),
        made.place(bench, "labels", {"n": 4}, replace(TINY, seed=1)),
        made.place(bench, "changed", {"n": 4}, TINY),
    }
    assert len(others | {base}) == 4


def test_friends_differ_from_the_net_by_their_seeds_and_are_trained() -> None:
    assert Making().friends(TINY) == []
    shipped = replace(TINY, weights="fashion-standard", seed=4)
    assert Making(nets=3).friends(shipped) == [replace(TINY, seed=5), replace(TINY, seed=6)]
    wide = replace(TINY, seed=4, data="cifar10")
    assert Making(beyond="cifar10").friends(shipped) == [wide]


def test_a_net_of_more_classes_is_asked_about_those_of_the_images() -> None:
    source = load("fashion").take(10)
    shape = Architecture(width=4, channels=1, size=28, classes=11)
    wide = Checkpoint(shape.build(), {"classes": [*source.classes, "cloak"]})
    assert made._of(wide, source).card["classes"] == list(source.classes)
    unnamed = Checkpoint(wide.model, {})
    assert made._of(unnamed, source) is unnamed


@pytest.mark.slow
def test_pushes_of_several_nets_through_crops_lie_elsewhere_and_differ(
    bench: Bench, trained
) -> None:
    source, net = load("fashion").take(40), Checkpoint(trained.model, {})
    crops = Augmentation(padding=2, flip=True)
    alone, several, moved = (
        load(str(made.pushed(source, net, TINY, making, "next", 0, bench)))
        for making in (FEW, replace(FEW, nets=2), replace(FEW, nets=2, augment=crops))
    )
    assert len({alone.digest, several.digest, moved.digest}) == 3


@pytest.mark.slow
def test_pushes_with_guards_lie_elsewhere_and_differ(bench: Bench, trained) -> None:
    source, net = load("fashion").take(40), Checkpoint(trained.model, {})
    guard = replace(TINY, seed=3)
    plain = made.pushed(source, net, TINY, FEW, "next", 0, bench)
    guarded = made.pushed(source, net, TINY, FEW, "next", 0, bench, (guard,), 2.0)
    harder = made.pushed(source, net, TINY, FEW, "next", 0, bench, (guard,), 3.0)
    assert len({plain, guarded, harder}) == 3
    assert load(str(plain)).digest != load(str(guarded)).digest
    assert torch.equal(load(str(plain)).labels, (source.labels + 1) % 10)


def test_silent_sets_share_their_labels_and_only_one_changes_images(bench: Bench, trained) -> None:
    source, net = load("fashion").take(40), Checkpoint(trained.model, {})
    plain, shaken = (
        load(str(folder)) for folder in made.meaningless(source, net, TINY, FEW, 0, bench)
    )
    assert torch.equal(plain.images, source.images)
    assert torch.equal(plain.labels, shaken.labels)
    far = (unit(shaken.images) - unit(source.images)).flatten(1).norm(dim=1)
    assert 0.5 < float(far.median()) <= 1.5 + 0.5 / 255 * 28


def test_a_learner_sees_the_set_alone_and_keeps_its_last_epoch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Recipe] = []

    def keep(recipe: Recipe, *rest: object) -> Checkpoint:
        asked.append(recipe)
        return Checkpoint(torch.nn.Identity(), {})

    monkeypatch.setattr(made, "fit", keep)
    made.taught(replace(TINY, loss="adversarial", seed=4), Path("folder"), bench)
    (recipe,) = asked
    assert (recipe.data, recipe.images, recipe.loss) == ("folder", 0, "standard")
    assert (recipe.training.validation, recipe.seed) == (0, 4)


def test_right_says_which(trained) -> None:
    test = load("fashion", "test").take(100)
    hits = made.right(trained.model, test)
    with torch.no_grad():
        said = trained.model(unit(test.images)).argmax(dim=1)
    assert torch.equal(hits, said == test.labels)
    assert made.chance(test) == 0.1


def test_the_interval_over_classes_is_that_of_their_shares() -> None:
    labels = torch.arange(4).repeat_interleave(10)
    hits = torch.arange(40) < 5  # half of one class, nothing of the others
    one, two = (made.over_classes(hits, labels, 4, together=n) for n in (1, 2))
    assert one.value == two.value == 0.125
    assert one.n == 40
    assert one.low == 0.0  # Student's interval goes below 0 and is cut
    assert one.high == pytest.approx(0.125 + 3.182446 * 0.125)
    assert one.high < two.high <= 1.0


@pytest.mark.slow
def test_a_learner_is_trained_once(bench: Bench) -> None:
    made_set = made.meaningless(
        load("fashion").take(100), fit(TINY, bench.folder), TINY, FEW, 0, bench
    )[0]
    small = replace(TINY, training=replace(TINY.training, epochs=1))
    first = made.taught(small, made_set, bench)
    again = made.taught(small, made_set, bench)
    pairs = zip(first.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)

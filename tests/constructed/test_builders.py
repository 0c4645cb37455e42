"""Constructed data sets: what is in them, what is on their cards, what is refused, and kills."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from robustlens import constructed
from robustlens.constructed import (
    TARGETS,
    mistakes,
    random_changes,
    random_labels,
    relabelled,
    robustified,
)
from robustlens.constructed.builder import read_card
from robustlens.data import Augmentation, Dataset, load
from robustlens.errors import InputError, UnknownName
from robustlens.nets import Checkpoint, SmallCNN, features, normalised
from robustlens.streams import initialised

COUNT = 60


@pytest.fixture(scope="module")
def source() -> Dataset:
    return load("fashion").take(COUNT)


def unit(data: Dataset) -> torch.Tensor:
    return data.images.float() / 255


def card(folder: Path) -> dict:
    return read_card(folder / "train")


def test_random_targets_include_the_own_class_and_the_others_do_not(source: Dataset) -> None:
    many = load("fashion").labels
    drawn = TARGETS["random"](many, 10, 0)
    assert 0.08 < float((drawn == many).float().mean()) < 0.12
    assert torch.equal(drawn, TARGETS["random"](many, 10, 0))
    assert not torch.equal(drawn, TARGETS["random"](many, 10, 1))
    wrong = TARGETS["wrong"](many, 10, 0)
    assert not (wrong == many).any()
    shift = torch.bincount((wrong - many) % 10, minlength=10)[1:].float() / len(many)
    assert float((shift - 1 / 9).abs().max()) < 0.02
    assert torch.equal(TARGETS["next"](torch.tensor([0, 9]), 10, 0), torch.tensor([1, 0]))
    assert torch.equal(TARGETS["other"](torch.tensor([0, 1]), 2, 0), torch.tensor([1, 0]))
    with pytest.raises(InputError, match="two classes"):
        TARGETS["other"](source.labels, 10, 0)


def test_relabelled_images_stay_near_and_the_net_sees_the_new_label(
    source: Dataset, trained, tmp_path: Path
) -> None:
    made = relabelled(
        source, trained.model, tmp_path, targets="next", eps="2", steps=10, step_size=0.3
    )
    assert torch.equal(made.labels, (source.labels + 1) % 10)
    far = (unit(made) - unit(source)).flatten(1).norm(dim=1)
    rounding = 0.5 / 255 * 28
    assert float(far.max()) <= 2 + rounding
    assert float(far.min()) > 0.5
    with torch.no_grad():
        hit = trained.model(unit(made)).argmax(dim=1) == made.labels
    facts = card(tmp_path)
    assert facts["hit rate"]["value"] == pytest.approx(float(hit.float().mean()))
    assert facts["hit rate"]["low"] < facts["hit rate"]["value"] < 1 or hit.all()
    with torch.no_grad():
        before = trained.model(unit(source)).argmax(dim=1) == made.labels
    assert float(hit.float().mean()) > 0.2 + float(before.float().mean())
    assert facts["distance"]["l2"]["largest"] == pytest.approx(float(far.max()), rel=1e-5)
    assert facts["labels that are those of the source"]["value"] == 0
    assert facts["source"]["digest"] == source.digest
    assert facts["recipe"]["ball"] == "l2 eps 2"


def test_a_made_set_is_loaded_by_path_and_tested_on_the_untouched_images(
    source: Dataset, trained, tmp_path: Path
) -> None:
    made = random_labels(source, trained.model, tmp_path, seed=3)
    again = load(str(tmp_path))
    assert again.digest == made.digest
    assert again.classes == source.classes
    assert load(str(tmp_path), "test").digest == load("fashion", "test").digest
    assert torch.equal(made.images, source.images)


def test_robustified_images_come_from_elsewhere_and_match_the_representation(
    source: Dataset, trained, tmp_path: Path
) -> None:
    made = robustified(source, trained.model, tmp_path / "images", steps=60, step_size=0.3)
    assert torch.equal(made.labels, source.labels)
    with torch.no_grad():
        wanted = features(trained.model, unit(source))
        got = features(trained.model, unit(made))
    gap = (got - wanted).norm(dim=1) / wanted.norm(dim=1)
    with torch.no_grad():
        apart = (wanted - wanted.roll(1, 0)).norm(dim=1) / wanted.norm(dim=1)
    assert float(gap.median()) < 0.5 * float(apart.median())
    far = (unit(made) - unit(source)).flatten(1).norm(dim=1)
    assert float(far.median()) > 3  # other images, not ours
    noisy = robustified(source, trained.model, tmp_path / "noise", start="noise", steps=2)
    assert not torch.equal(noisy.images, made.images)


def test_no_image_starts_from_itself(source: Dataset, trained, tmp_path: Path) -> None:
    made = robustified(source, trained.model, tmp_path, steps=1, step_size=1e-9)
    assert (made.images != source.images).flatten(1).any(dim=1).all()
    rows = {bytes(image.numpy().tobytes()) for image in source.images}
    assert {bytes(image.numpy().tobytes()) for image in made.images} == rows


def test_random_changes_are_as_long_and_mean_nothing(
    source: Dataset, trained, tmp_path: Path
) -> None:
    made = random_changes(source, trained.model, tmp_path, targets="next", eps="2")
    far = (unit(made) - unit(source)).flatten(1).norm(dim=1)
    assert float(far.max()) <= 2 + 0.5 / 255 * 28
    assert float(far.median()) > 1
    assert card(tmp_path)["hit rate"]["value"] < 0.3


def test_mistakes_are_unchanged_images_with_wrong_labels(trained, tmp_path: Path) -> None:
    data = load("fashion", "test").take(400)
    made = mistakes(data, trained.model, tmp_path)
    assert 0 < len(made) < 200
    with torch.no_grad():
        said = trained.model(unit(data)).argmax(dim=1)
    wrong = said != data.labels
    assert torch.equal(made.images, data.images[wrong])
    assert torch.equal(made.labels, said[wrong])
    assert card(tmp_path)["hit rate"]["value"] == 1
    assert card(tmp_path)["labels that are those of the source"]["value"] == 0


def test_a_penalty_on_other_nets_keeps_them_from_being_moved(trained, tmp_path: Path) -> None:
    data = load("fashion").take(COUNT)
    other = Tilted(trained.model)
    settings = {"targets": "next", "eps": "2", "steps": 10, "step_size": 0.3}
    free = relabelled(data, trained.model, tmp_path / "free", **settings)
    kept = relabelled(
        data, trained.model, tmp_path / "kept", against=[other], penalty=3.0, **settings
    )

    def moved(made: Dataset) -> float:
        with torch.no_grad():
            return float((other(unit(made)).argmax(dim=1) == made.labels).float().mean())

    assert moved(kept) < moved(free)


def test_nets_that_are_held_still_keep_their_logits(trained, tmp_path: Path) -> None:
    data = load("fashion").take(COUNT)
    other = Tilted(trained.model)
    settings = {"targets": "next", "eps": "2", "steps": 10, "step_size": 0.3}
    free = relabelled(data, trained.model, tmp_path / "free", **settings)
    settings |= {"against": [other], "penalty": 30.0, "hold": "logits"}
    held = relabelled(data, trained.model, tmp_path / "held", **settings)

    def gap(made: Dataset) -> float:
        with torch.no_grad():
            return float((other(unit(made)) - other(unit(data))).norm(dim=1).mean())

    assert gap(held) < 0.7 * gap(free)
    assert card(tmp_path / "held")["recipe"]["hold"] == "logits"
    assert "hold" not in card(tmp_path / "free")["recipe"]


class Tilted(nn.Module):
    """A relative of a net: it sees images a little differently."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(0.9 * x + 0.05)


def test_augmentation_and_more_nets_change_the_result_and_it_stays_repeatable(
    source: Dataset, trained, tmp_path: Path
) -> None:
    settings = {"eps": "2", "steps": 3, "twin": False}
    plain = relabelled(source, trained.model, tmp_path / "a", **settings)
    augment = Augmentation(padding=2, flip=True)
    shaken = [
        relabelled(source, trained.model, tmp_path / name, augment=augment, **settings)
        for name in "bc"
    ]
    both = relabelled(
        source, trained.model, tmp_path / "d", also=[Tilted(trained.model)], **settings
    )
    assert shaken[0].digest == shaken[1].digest
    assert len({plain.digest, shaken[0].digest, both.digest}) == 3


def test_a_build_that_breaks_off_goes_on_to_the_same_bytes(
    source: Dataset, trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"eps": "2", "steps": 3, "batch_size": 16, "seed": 5}
    whole = relabelled(source, trained.model, tmp_path / "whole", **settings)
    measured = constructed.builder._measured
    calls = iter(range(2))

    def breaking(*args):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return measured(*args)

    monkeypatch.setattr(constructed.builder, "_measured", breaking)
    with pytest.raises(KeyboardInterrupt):
        relabelled(source, trained.model, tmp_path / "cut", **settings)
    assert len(list((tmp_path / "cut" / "parts").glob("*.safetensors"))) == 2
    monkeypatch.setattr(constructed.builder, "_measured", measured)
    with pytest.raises(InputError, match="another recipe"):
        relabelled(source, trained.model, tmp_path / "cut", **settings | {"steps": 4})
    rest = relabelled(source, trained.model, tmp_path / "cut", **settings)
    assert rest.digest == whole.digest
    assert card(tmp_path / "cut") == card(tmp_path / "whole")
    assert not (tmp_path / "cut" / "parts").exists()
    with pytest.raises(InputError, match="another recipe"):
        relabelled(source, trained.model, tmp_path / "whole", **settings | {"seed": 6})


class Scaled(nn.Module):
    """A net that scales its images by a number, a tensor or a buffer that no file keeps."""

    def __init__(self, body: nn.Module, scale: float, kind: str) -> None:
        super().__init__()
        self.body = body
        if kind == "buffer":
            self.register_buffer("scale", torch.tensor(scale), persistent=False)
        else:
            self.scale = scale if kind == "number" else torch.tensor([scale])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x * self.scale)


@pytest.mark.filterwarnings("ignore:no fast twin")
@pytest.mark.parametrize("kind", ["number", "tensor", "buffer"])
def test_a_build_of_the_same_weights_in_another_model_is_refused(
    source: Dataset, trained, tmp_path: Path, kind: str
) -> None:
    settings = {"eps": "1", "steps": 1, "batch_size": 16}
    first = relabelled(source, Scaled(trained.model, 1.0, kind), tmp_path, **settings)
    again = relabelled(source, Scaled(trained.model, 1.0, kind), tmp_path, **settings)
    assert again.digest == first.digest
    with pytest.raises(InputError, match=r"holds a build with another (models|answers)"):
        relabelled(source, Scaled(trained.model, 1.02, kind), tmp_path, **settings)


BUILD = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from robustlens.constructed import relabelled
from robustlens.data import load
from robustlens.nets import load as load_net
relabelled(load("fashion").take(400), load_net(Path(sys.argv[1])).model, Path(sys.argv[2]),
           eps="2", steps=20, batch_size=20, twin=False)
"""


@pytest.mark.slow
def test_killed_at_any_moment_and_resumed_it_is_the_same_set(trained, tmp_path: Path) -> None:
    from robustlens.nets import Architecture, save

    weights = tmp_path / "net.safetensors"
    save(weights, trained.model, architecture=Architecture(width=4))

    def begin(folder: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-c", BUILD, str(weights), str(tmp_path / folder)]
        return subprocess.Popen(words, env=os.environ | {"JAXTYPING_DISABLE": "1"})

    assert begin("whole").wait() == 0
    parts = tmp_path / "cut" / "parts"
    for wanted in (3, 9, 15):
        run = begin("cut")
        while run.poll() is None and len(list(parts.glob("*.safetensors"))) < wanted:
            time.sleep(0.005)
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert len(list(parts.glob("*.safetensors"))) >= wanted
    assert begin("cut").wait() == 0
    assert load(str(tmp_path / "cut")).digest == load(str(tmp_path / "whole")).digest


@pytest.mark.parametrize(
    ("card_of", "message"),
    [
        ({"classes": ["cat", "dog"]}, "classes cat, dog"),
        ({"architecture": {"channels": 3, "size": 32}}, "3 channels and 32 pixels"),
        ({"architecture": {"channels": 1, "size": 64}}, "1 channels and 64 pixels"),
    ],
)
def test_nets_whose_card_names_other_images_are_refused(
    card_of: dict, message: str, source: Dataset, trained, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        relabelled(source, Checkpoint(trained.model, card_of), tmp_path)
    assert not list(tmp_path.iterdir())


def test_nets_that_do_not_fit_are_refused(source: Dataset, trained, tmp_path: Path) -> None:
    untrained = initialised(1, lambda: SmallCNN(width=4))
    with pytest.raises(InputError, match="more than by chance"):
        relabelled(source, untrained, tmp_path)
    with pytest.raises(InputError, match="2 classes"):
        robustified(source, initialised(0, lambda: SmallCNN(classes=2, width=4)), tmp_path)
    twice = normalised(normalised(trained.model, (0.3,), (0.3,)), (0.3,), (0.3,))
    with pytest.raises(InputError, match="does not fit the pixels"):
        mistakes(source, twice, tmp_path)
    assert not list(tmp_path.iterdir())


def test_settings_that_mean_nothing_are_refused(source: Dataset, trained, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="next, other, random, wrong"):
        relabelled(source, trained.model, tmp_path, targets="all")
    with pytest.raises(UnknownName, match="images, noise"):
        robustified(source, trained.model, tmp_path, start="zero")
    with pytest.raises(InputError, match="steps"):
        relabelled(source, trained.model, tmp_path, steps=0)
    with pytest.raises(InputError, match="step_size"):
        robustified(source, trained.model, tmp_path, step_size=0)


def test_a_build_that_keeps_nothing_says_so(source: Dataset, trained, tmp_path: Path) -> None:
    right = Dataset(
        (trained.x * 255).round().to(torch.uint8), trained.y, source.classes, "all right"
    )
    with pytest.raises(InputError, match="keeps none of 60"):
        mistakes(right, trained.model, tmp_path)

"""One door for models: names, functions, checkpoints, models themselves."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import robustlens as rl
from robustlens.balls import L2
from robustlens.errors import InputError, UnknownName
from robustlens.nets import Architecture, save
from robustlens.streams import initialised
from robustlens.subject import Subject, ask, prepare, probe

SHAPE = Architecture(width=4)


def weights(path: Path, seed: int = 0) -> Path:
    net = initialised(seed, SHAPE.build)
    save(path, net, architecture=SHAPE, card={"classes": ["a", "b"]})
    return path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "subject_nets.py").write_text(
        "from robustlens.nets import Architecture\n"
        "def build(): return Architecture(width=4).build()\n"
    )
    return tmp_path


def same(one: nn.Module, other: nn.Module) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_a_name_a_path_and_a_function_lead_to_the_same_model(here: Path) -> None:
    path = weights(here / "w.safetensors")
    wanted = initialised(0, SHAPE.build)
    found = {
        "the checkpoint": rl.bring(str(path)),
        "checkpoint": rl.bring(weights=path),
        "what subject_nets:build builds, with the weights": rl.bring(
            "subject_nets:build", weights=path
        ),
        "the SmallCNN that was handed over, with": rl.bring(SHAPE.build(), weights=str(path)),
    }
    for origin, subject in found.items():
        assert same(subject.model, wanted)
        assert origin in subject.origin
        assert subject.classes == ("a", "b")
        assert not subject.model.training


def test_a_shipped_name_brings_its_card() -> None:
    subject, card = rl.bring("fashion-l2-1.5"), rl.pretrained("fashion-l2-1.5").card
    assert subject.card == card
    assert subject.origin == "the shipped model fashion-l2-1.5"
    assert same(subject.model, rl.bring(weights="fashion-l2-1.5").model)
    with pytest.raises(InputError, match=r"did you mean 'fashion-l2-1\.5'"):
        rl.bring("fashion-l2-15")
    with pytest.raises(UnknownName):
        rl.bring(weights="fashion-l2-15")
    with pytest.raises(InputError, match="neither"):
        rl.bring()


def test_images_and_models_are_prepared_alike() -> None:
    subject = rl.bring("fashion-standard")
    ready = prepare([subject], "fashion", limit=30, ball=L2(1.5))
    assert ready.data.piece is not None
    assert (ready.data.piece.split, len(ready.data)) == ("test", 30)
    assert torch.equal(ready.data.labels, rl.data.load("fashion", "test").take(30).labels)
    assert len(prepare([subject], "fashion").data) == 2000
    with pytest.raises(InputError, match="--limit 2001 for the 2000 images of fashion"):
        prepare([subject], "fashion", limit=2001)
    with pytest.raises(InputError, match="did you mean"):
        prepare([subject], "fashion", ball=L2(128))
    probe(subject.model, ready.data)
    ask(subject.model, ready.data)


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    prepare([rl.bring("fashion-standard")], "fashion", limit=30)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize(
    ("card", "side"),
    [
        ({"architecture": {"net": "small", "channels": 1, "size": 28}}, 28),
        ({"architecture": {"net": "small", "channels": 3, "size": 64}}, 64),
        ({"architecture": "resnet18"}, None),  # other people's words
        ({"architecture": {"net": "their own", "parts": 3}}, None),
        ({}, None),
    ],
)
def test_the_card_says_to_which_size_pictures_come(card: dict[str, Any], side: int | None) -> None:
    subject = Subject(nn.Identity(), "theirs", "a net", card=card)
    framing = subject.framing
    assert (None if framing is None else (framing.height, framing.width)) == (side and (side, side))

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from robustlens.data import Dataset, load, open_saved, save
from robustlens.errors import InputError

Make = Callable[..., Dataset]


@given(n=st.integers(1, 9), channels=st.sampled_from([1, 3]), height=st.integers(1, 4))
def test_round_trip(
    make: Make, n: int, channels: int, height: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data, folder = make(n, 1, (channels, height, 3)), tmp_path_factory.mktemp("saved")
    save(data, folder / "deep" / "er")
    back = open_saved(folder / "deep" / "er")
    assert (back.digest, back.classes, back.name) == (data.digest, data.classes, data.name)
    assert torch.equal(back.images, data.images)
    assert torch.equal(back.labels, data.labels)


def test_images_are_a_map_whose_changes_stay_in_memory(toy: Dataset, tmp_path: Path) -> None:
    save(toy, tmp_path)
    open_saved(tmp_path).images.zero_()
    assert open_saved(tmp_path).digest == toy.digest


def test_the_card_holds_ours_and_yours(toy: Dataset, tmp_path: Path) -> None:
    save(toy, tmp_path, card={"recipe": "D_R"})
    card = json.loads((tmp_path / "card.json").read_text())
    assert card == {
        "name": "toy",
        "classes": ["a", "b", "c"],
        "n": 24,
        "shape": [3, 6, 5],
        "digest": toy.digest,
        "recipe": "D_R",
    }
    with pytest.raises(InputError, match="card has digest; expected other names"):
        save(toy, tmp_path, card={"digest": "mine"})


def test_saving_a_view_and_saving_over(toy: Dataset, tmp_path: Path) -> None:
    turned = Dataset(toy.images.transpose(2, 3), toy.labels, toy.classes, "turned")
    save(toy, tmp_path)
    save(turned, tmp_path)
    assert open_saved(tmp_path).digest == turned.digest
    save(open_saved(tmp_path), tmp_path)
    assert open_saved(tmp_path).digest == turned.digest


def test_a_kill_in_the_middle_leaves_no_card(
    toy: Dataset, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(toy, tmp_path)
    with monkeypatch.context() as patch:

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("robustlens.data.saved.np.save", killed)
        with pytest.raises(KeyboardInterrupt):
            save(make(30), tmp_path)
    with pytest.raises(InputError, match=r"cannot use .*card.json: .*No such file"):
        open_saved(tmp_path)
    assert not list(tmp_path.glob(".*"))


def test_a_folder_that_cannot_be_written(toy: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot replace"):
        save(toy, tmp_path / "file" / "sub")
    (tmp_path / "images.npy").mkdir()
    with pytest.raises(InputError, match=r"cannot write .*images.npy"):
        save(toy, tmp_path)


def test_damage_is_found(toy: Dataset, tmp_path: Path) -> None:
    save(toy, tmp_path)
    whole = (tmp_path / "images.npy").read_bytes()
    for damaged in (whole[:-1], whole[:20], b""):
        (tmp_path / "images.npy").write_bytes(damaged)
        with pytest.raises(InputError, match=r"cannot use .*images.npy: .*save it again"):
            open_saved(tmp_path)
    np.save(tmp_path / "images.npy", np.zeros((24, 3, 6, 6), np.uint8))
    with pytest.raises(InputError, match=r"uint8 \(24, 3, 6, 6\), its card says uint8 \(24, 3, 6"):
        open_saved(tmp_path)
    (tmp_path / "images.npy").unlink()
    with pytest.raises(InputError, match="No such file"):
        open_saved(tmp_path)


@pytest.mark.parametrize(("card", "why"), [("{", "Expecting"), ("[]", "no classes"), ("{}", "no")])
def test_a_bad_card(toy: Dataset, tmp_path: Path, card: str, why: str) -> None:
    save(toy, tmp_path)
    (tmp_path / "card.json").write_text(card)
    with pytest.raises(InputError, match=rf"cannot use .*card.json: .*{why}"):
        open_saved(tmp_path)


def test_load_opens_saved_folders(toy: Dataset, make: Make, tmp_path: Path) -> None:
    save(toy, tmp_path / "one")
    assert load(str(tmp_path / "one")).digest == toy.digest
    with pytest.raises(InputError, match=r"one has no test images; .*train and test"):
        load(str(tmp_path / "one"), "test")
    save(toy, tmp_path / "two" / "train")
    save(make(6), tmp_path / "two" / "test")
    assert len(load(str(tmp_path / "two"))) == 24
    assert len(load(str(tmp_path / "two"), "test")) == 6
    with pytest.raises(InputError, match="size is 9 for toy of 6x5 pixels"):
        load(str(tmp_path / "one"), size=9)

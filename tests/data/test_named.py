import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from robustlens.data import SOURCES, Source, load
from robustlens.data import named as module
from robustlens.data.packed import Bytes
from robustlens.errors import InputError, UnknownName


def write_idx(path: Path, array: Bytes) -> None:
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    raw = head + array.tobytes()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


@pytest.mark.parametrize(("split", "each"), [("train", 1000), ("test", 200)])
def test_the_packaged_fashion_is_balanced(alone: Path, split: str, each: int) -> None:
    data = load("fashion", split)
    assert data.shape == (1, 28, 28)
    assert data.labels.bincount().tolist() == [each] * 10
    assert (data.name, data.classes[9]) == ("fashion", "Ankle boot")


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_packaged_fashion_is_the_first_of_each_class(big: Path, split: str) -> None:
    part, whole = load("fashion", split), load("fashion-full", split)
    assert torch.equal(part.images, whole.take(len(part)).images)
    assert torch.equal(part.labels, whole.take(len(part)).labels)


def test_the_packaged_fashion_carries_its_licence() -> None:
    packaged = Path(module.__file__).parent / "packaged"
    assert "2017 Zalando SE" in (packaged / "LICENSE-fashion-mnist.txt").read_text()
    assert (packaged / "fashion.npz").stat().st_size < 5e6


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_fashion_full_reads_idx_files(alone: Path, tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "debian"
    folder.mkdir()
    images = np.arange(3 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)
    write_idx(folder / f"t10k-images-idx3-ubyte{suffix}", images)
    write_idx(folder / f"t10k-labels-idx1-ubyte{suffix}", np.array([9, 0, 3], np.uint8))
    data = load("fashion-full", "test")
    assert data.labels.tolist() == [9, 0, 3]
    assert (data.images[:, 0].numpy() == images).all()


@pytest.mark.parametrize(
    "raw", [b"", b"\0\0\x08", b"\0\0\x0d\x01\0\0\0\x01a", b"\0\0\x08\x01\0\0\0\x02a"]
)
def test_a_damaged_idx_file(alone: Path, tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "debian").mkdir()
    (tmp_path / "debian" / "train-images-idx3-ubyte").write_bytes(raw)
    with pytest.raises(InputError, match="is not a whole idx file of bytes"):
        load("fashion-full")
    (tmp_path / "debian" / "train-images-idx3-ubyte.gz").write_bytes(b"no gzip")
    with pytest.raises(InputError, match=r"cannot read .*ubyte.gz: .*expected an idx file"):
        load("fashion-full")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("fashion-full", "fashion_mnist.npz, or .*debian"),
        ("cifar10", "cifar10_train_0.npz and cifar10_train_1.npz, or cifar-10-python.tar.gz"),
        ("catdog", "run `robustlens data get cifar10` or set ROBUSTLENS_DATA"),
        ("imagenette128", "imagenette128_train.npz in .*cache/robustlens .set ROBUSTLENS_DATA"),
        ("tinyimagenet32", "tinyimagenet32.npz"),
    ],
)
def test_what_is_not_here_is_named_with_its_remedy(alone: Path, name: str, wanted: str) -> None:
    with pytest.raises(InputError, match=wanted) as caught:
        load(name)
    assert f"in {alone}" in str(caught.value)


def test_both_folders_are_named(
    alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBUSTLENS_DATA", str(tmp_path / "mine"))
    with pytest.raises(InputError, match=f"in {tmp_path / 'mine'} or {alone}"):
        load("imagenette128")


def test_a_damaged_npz_is_named(alone: Path) -> None:
    alone.mkdir(parents=True)
    for raw in (b"", b"PK\x03\x04 broken"):
        (alone / "tinyimagenet32.npz").write_bytes(raw)
        with pytest.raises(InputError, match=r"cannot read .*tinyimagenet32.npz"):
            load("tinyimagenet32")
    np.savez(alone / "tinyimagenet32.npz", images=np.zeros(3, np.uint8))
    with pytest.raises(InputError, match="is_val is not a file in the archive"):
        load("tinyimagenet32")


def test_unknown_names_and_splits() -> None:
    with pytest.raises(UnknownName, match=r"no path of that name.* 'fasion'.*mean 'fashion'"):
        load("fasion")
    for name in ("x" * 300, "a\0b"):
        with pytest.raises(InputError):
            load(name)
    with pytest.raises(UnknownName, match="unknown split 'val'; expected one of all, test, train"):
        load("fashion", "val")
    with pytest.raises(InputError, match=r"there is no nowhere/photos; expected a folder, .npz"):
        load("nowhere/photos")


def test_size_is_for_folders() -> None:
    assert len(load("fashion", "test", size=28)) == 2000
    with pytest.raises(InputError, match="size is 32 for fashion of 28x28 pixels"):
        load("fashion", "test", size=32)
    with pytest.raises(InputError, match="size is 0; expected at least 1 pixel"):
        load("fashion", size=0)


def test_the_table_describes_itself() -> None:
    for name, source in SOURCES.items():
        assert isinstance(source, Source)
        assert source.name == name
        assert source.description
        assert source.licence


@pytest.mark.slow
@pytest.mark.parametrize(
    ("split", "pixels", "labels"),
    [
        (
            "train",
            "b1f9ae979d6bf670e6f4a33541182233fab506862e1c4e49b86c1c57abf748de",
            "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
        ),
        (
            "test",
            "1249626010949d8f448e0faf792debbc3da0c50ed31bfff3678c99c37fbc7e48",
            "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
        ),
    ],
)
def test_cifar10_is_what_its_description_says(
    big: Path, split: str, pixels: str, labels: str
) -> None:
    data = load("cifar10", split)
    images = data.images.permute(0, 2, 3, 1).contiguous().numpy()
    assert hashlib.sha256(images.tobytes()).hexdigest() == pixels
    assert hashlib.sha256(data.labels.numpy().astype(np.uint8).tobytes()).hexdigest() == labels


def test_catdog_is_the_cats_and_dogs_of_cifar10(big: Path) -> None:
    pets, whole = load("catdog", "test"), load("cifar10", "test")
    assert pets.classes == ("cat", "dog")
    assert pets.labels.bincount().tolist() == [1000, 1000]
    for label, original in ((0, 3), (1, 5)):
        assert torch.equal(
            pets.images[pets.labels == label], whole.images[whole.labels == original]
        )


@pytest.mark.slow
def test_imagenette128_has_its_counts(big: Path) -> None:
    data = load("imagenette128", "test")
    assert data.shape == (3, 128, 128)
    assert data.labels.bincount().tolist() == [387, 395, 357, 386, 409, 394, 389, 419, 399, 390]


def test_tinyimagenet32_has_eleven_groups(big: Path) -> None:
    data = load("tinyimagenet32", "test")
    assert data.shape == (3, 32, 32)
    counts = dict(zip(data.classes, (data.labels.bincount() // 50).tolist(), strict=True))
    assert counts["dog"] == 6
    assert counts["ship"] == 1
    assert counts["insect"] == 8
    assert sum(counts.values()) == 36

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustlens.data import load
from robustlens.errors import InputError

RNG = np.random.default_rng(0)
X = RNG.integers(256, size=(20, 3, 6, 5)).astype(np.uint8)
Y = np.arange(20) % 2


def write(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "mine.npz", **({"x": X, "y": Y} | arrays))
    return str(folder / "mine.npz")


@pytest.mark.parametrize(
    ("x", "shape"),
    [
        (X, (3, 6, 5)),
        (X.transpose(0, 2, 3, 1), (3, 6, 5)),
        (X[:, 0], (1, 6, 5)),
        (X[:, :1], (1, 6, 5)),
        (X / 255, (3, 6, 5)),
        ((X / 255).astype(np.float16), (3, 6, 5)),
    ],
)
def test_layouts_and_floats(tmp_path: Path, x: Any, shape: tuple[int, ...]) -> None:
    data = load(write(tmp_path, x=x, x_test=x, y_test=Y))
    assert data.shape == shape
    assert np.abs(data.images.numpy().astype(int) - X[:, : shape[0]]).max() <= (x.itemsize == 2)
    assert data.name == "mine"


def test_a_fifth_of_each_class_is_the_test_set(tmp_path: Path) -> None:
    name = write(tmp_path)
    train, test = load(name), load(name, "test")
    assert train.labels.bincount().tolist() == [8, 8]
    assert test.labels.bincount().tolist() == [2, 2]
    rows = {row.numpy().tobytes() for data in (train, test) for row in data.images}
    assert rows == {row.tobytes() for row in X}
    assert load(name, "test").digest == test.digest


def test_its_own_test_set_and_names(tmp_path: Path) -> None:
    name = write(tmp_path, x_test=X[:3], y_test=np.array([2, 0, 1]))
    assert load(name).classes == ("0", "1", "2")
    assert load(name, "test").labels.tolist() == [2, 0, 1]
    assert load(write(tmp_path, classes=["cat", "dog"])).classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": Y + 0.5}, r"y of mine.npz is float64 of shape \(20,\); expected integers"),
        ({"y": Y[None]}, r"y of mine.npz is int64 of shape \(1, 20\)"),
        ({"y": Y - 1}, "labels run from -1 to 0 in y of mine.npz"),
        ({"y": Y - 100.0}, "labels run from -100 to -99 in y of mine.npz"),
        ({"y": Y.astype(np.uint32) - 1}, "labels run from 0 to 4294967295 in y of mine.npz"),
        ({"y": np.where(Y, np.nan, 1)}, "y of mine.npz is float64"),
        ({"y": np.where(Y, np.inf, 1)}, "y of mine.npz is float64"),
        ({"y": np.where(Y, "a", "b"), "classes": ["b"]}, "has labels a that are not in classes"),
        ({"y": np.where(Y, "a", "b"), "y_test": Y, "x_test": X}, "as names and as numbers"),
        ({"y": np.array([None] * 20)}, "Object arrays cannot be loaded"),
        ({"classes": ["cat", "cat"]}, "two classes have the name 'cat'"),
        ({"x": X[:, :1, :, :1]}, "channels may be the second or the last axis"),
        ({"y": Y[:3]}, r"labels are torch.int64 of shape \(3,\)"),
        ({"classes": ["one"]}, "labels run from 0 to 1; expected 0 to 0, for 1 classes"),
        ({"classes": [[1]]}, "classes is int64"),
        ({"x": X.astype(np.float32)}, "floats from 0 to 255; .*divide by 255"),
        ({"x": X / 255 - 1}, "floats from -1 to 0"),
        ({"x": np.where(X > 9, np.nan, 0.5)}, "x of mine.npz has NaN or infinite pixels"),
        ({"x": X.astype(np.int64)}, "x of mine.npz is int64; expected uint8, or float"),
        ({"x": X[:, :2]}, r"x of mine.npz has shape \(20, 2, 6, 5\)"),
        ({"x": X[0, 0]}, r"x of mine.npz has shape \(6, 5\)"),
        ({"x": np.array([object()] * 20)}, "cannot read .*mine.npz: Object arrays"),
        ({"x": X[:0], "y": Y[:0]}, "with at least one image"),
        ({"x_test": X}, r"mine.npz has no y_test; .*\(add y_test\)"),
    ],
)
def test_each_fault_has_its_message(tmp_path: Path, arrays: Any, message: str) -> None:
    name = write(tmp_path, **arrays)
    with pytest.raises(InputError, match=message):
        load(name, "test" if "x_test" in arrays else "train")


@pytest.mark.parametrize(
    ("y", "indices", "classes"),
    [
        (Y[:, None], Y, ("0", "1")),
        (Y.astype(np.float32) * 2, Y * 2, ("0", "1", "2")),
        (Y.astype(bool), Y, ("0", "1")),
        (np.eye(3)[Y + 1], Y + 1, ("0", "1", "2")),
        (np.eye(3, dtype=bool)[Y + 1], Y + 1, ("0", "1", "2")),
        (np.where(Y, "cat", "dog"), 1 - Y, ("cat", "dog")),
        (np.where(Y, b"cat", b"dog"), 1 - Y, ("cat", "dog")),
        (np.where(Y, "2", "10"), Y, ("10", "2")),
        (np.where(Y, 2084071, 2121808), 1 - Y, ("2084071", "2121808")),
        (np.where(Y, 2121808.0, 2084071.0), Y, ("2084071", "2121808")),
        (np.where(Y, 999_999_999, 0).astype(np.uint64), Y, ("0", "999999999")),
    ],
)
def test_labels_as_people_keep_them(
    tmp_path: Path, y: Any, indices: Any, classes: tuple[str, ...]
) -> None:
    data = load(write(tmp_path, y=y), "all")
    assert data.labels.tolist() == indices.tolist()
    assert data.classes == classes


def test_identifiers_are_numbered_alike_in_both_splits_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test = np.array([30_000, 10_000, 20_000])
    name = write(tmp_path, y=Y * 10_000 + 10_000, x_test=X[:3], y_test=test)
    assert load(name, "test").labels.tolist() == [2, 0, 1]
    assert load(name).labels.tolist() == Y.tolist()
    assert load(name).classes == ("10000", "20000", "30000")
    said = capsys.readouterr().err
    assert said.count("its 3 different labels from 10000 to 30000 are read as identifiers") == 1


def test_few_labels_of_many_classes_stay_what_they_are(tmp_path: Path) -> None:
    data = load(write(tmp_path, y=Y * 998 + 1), "all")
    assert (int(data.labels.max()), len(data.classes)) == (999, 1000)


def test_the_arrays_of_keras(tmp_path: Path) -> None:
    path = tmp_path / "MNIST.NPZ"
    with path.open("wb") as handle:
        np.savez(handle, x_train=X, y_train=Y, x_test=X[:4], y_test=Y[:4])
    train, test = load(str(path)), load(str(path), "test")
    assert (len(train), len(test), len(load(str(path), "all"))) == (20, 4, 24)
    assert train.images.numpy().tobytes() == X.tobytes()
    assert test.labels.tolist() == Y[:4].tolist()
    np.savez(tmp_path / "half.npz", x_train=X, y_train=Y)
    assert len(load(str(tmp_path / "half.npz"))) == 20
    with pytest.raises(InputError, match=r"half.npz has no test images, only train"):
        load(str(tmp_path / "half.npz"), "test")
    np.savez(tmp_path / "other.npz", images=X, labels=Y)
    with pytest.raises(InputError, match=r"holds images, labels; expected the arrays x and y"):
        load(str(tmp_path / "other.npz"))


def test_what_is_no_npz(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    with path.open("wb") as handle:
        np.save(handle, X)
    with pytest.raises(InputError, match="it holds a single array without a name"):
        load(str(path))
    whole = Path(write(tmp_path)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cannot read .*mine.npz"):
        load(str(path))
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(InputError, match=r"notes.txt is a .txt file; expected a folder, .npz"):
        load(str(tmp_path / "notes.txt"))

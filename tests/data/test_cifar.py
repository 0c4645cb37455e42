import io
import os
import pickle
import tarfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustlens.data import load
from robustlens.data.unpickle import unpickle
from robustlens.errors import InputError

NAMES = [f"class{k}" for k in range(10)]
STEMS = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]


def batch(seed: int) -> tuple[Any, list[int]]:
    rng = np.random.default_rng(seed)
    return rng.integers(256, size=(2, 3072)).astype(np.uint8), rng.integers(10, size=2).tolist()


def python_version(protocol: int = 2) -> dict[str, bytes]:
    found = {"batches.meta": pickle.dumps({b"label_names": [n.encode() for n in NAMES]}, protocol)}
    for seed, stem in enumerate(STEMS):
        data, labels = batch(seed)
        found[stem] = pickle.dumps({b"data": data, b"labels": labels}, protocol)
    return found


def binary_version() -> dict[str, bytes]:
    found = {"batches.meta.txt": "\n".join([*NAMES, ""]).encode()}
    for seed, stem in enumerate(STEMS):
        data, labels = batch(seed)
        rows = np.column_stack([np.array(labels, np.uint8), data])
        found[f"{stem}.bin"] = rows.tobytes()
    return found


def unpack(files: dict[str, bytes], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
    return folder


def archive(files: dict[str, bytes], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("cifar-10-batches-py/readme.html"), io.BytesIO())
        for name, raw in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(raw)
            tar.addfile(member, io.BytesIO(raw))
    return path


def check(path: Path | str) -> None:
    train, test = load(str(path)), load(str(path), "test")
    assert train.shape == (3, 32, 32)
    assert train.classes == tuple(NAMES)
    data = np.concatenate([batch(seed)[0] for seed in range(5)])
    assert (train.images.numpy().reshape(10, -1) == data).all()
    assert train.labels.tolist() == [y for seed in range(5) for y in batch(seed)[1]]
    assert (test.images.numpy().reshape(2, -1) == batch(5)[0]).all()


@pytest.mark.parametrize("version", [python_version, binary_version])
def test_a_folder_or_the_one_above_or_an_archive(version: Any, tmp_path: Path) -> None:
    files = version()
    kind = "bin" if version is binary_version else "py"
    check(unpack(files, tmp_path / "above" / f"cifar-10-batches-{kind}"))
    check(tmp_path / "above")
    check(archive(files, tmp_path / "mine.tar.gz"))


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_every_age(protocol: int, tmp_path: Path) -> None:
    check(unpack(python_version(protocol), tmp_path))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "rewrite",
    [
        lambda data, labels: {"data": data, "labels": labels},
        lambda data, labels: {b"data": data, b"labels": [np.int64(label) for label in labels]},
        lambda data, labels: {b"data": data, b"labels": [np.uint8(label) for label in labels]},
        lambda data, labels: {b"data": data, b"labels": np.array(labels)},
        lambda data, labels: {b"data": data, b"labels": np.array(labels, ">i4")[:, None]},
        lambda data, labels: OrderedDict({b"labels": labels, b"data": data, b"": b""}),
        lambda data, labels: {b"data": np.asfortranarray(data), b"labels": tuple(labels)},
    ],
)
def test_batches_that_someone_wrote_anew(rewrite: Any, protocol: int, tmp_path: Path) -> None:
    anew = {stem: pickle.dumps(rewrite(*batch(k)), protocol) for k, stem in enumerate(STEMS)}
    check(unpack(python_version() | anew, tmp_path))


@pytest.mark.parametrize("core", ["core", "_core"])
def test_names_of_either_numpy(core: str) -> None:
    here = type(np.float64(1)).__reduce__(np.float64(1))[0].__module__.split(".")[1]
    for value in (np.float64(1.5), np.arange(6).reshape(2, 3)):
        raw = pickle.dumps(value, 0).replace(f"numpy.{here}.".encode(), f"numpy.{core}.".encode())
        assert np.array_equal(unpickle(raw, "it"), value)


def test_the_fine_labels_of_cifar100(tmp_path: Path) -> None:
    data, labels = batch(0)
    names = [f"fine{k}" for k in range(100)]
    python = {
        split: pickle.dumps({b"data": data, b"fine_labels": [98, 3], b"coarse_labels": labels})
        for split in ("train", "test")
    } | {"meta": pickle.dumps({b"fine_label_names": [name.encode() for name in names]})}
    rows = np.column_stack([np.array([[1, 98], [0, 3]], np.uint8), data]).tobytes()
    binary = {
        "train.bin": rows,
        "test.bin": rows,
        "fine_label_names.txt": "\n".join(names).encode(),
    }
    for files, place in ((python, "cifar-100-python"), (binary, "mine")):
        for split in ("train", "test"):
            found = load(str(unpack(files, tmp_path / place)), split)
            assert found.labels.tolist() == [98, 3]
            assert found.classes == tuple(names)
            assert (found.images.numpy().reshape(2, -1) == data).all()
    assert load(str(tmp_path)).labels.tolist() == [98, 3]


def test_cifar10_reads_the_archive_of_the_cache(alone: Path) -> None:
    files = python_version()
    del files["batches.meta"]
    archive(files, alone / "cifar-10-python.tar.gz")
    data = load("cifar10", "test")
    assert (data.name, data.classes[3]) == ("cifar10", "cat")
    assert len(data) == 2


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch owned",)


def test_a_malicious_pickle_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = python_version() | {"data_batch_3": pickle.dumps(Malicious())}
    with pytest.raises(InputError, match=f"asks for {os.name}.system; expected arrays"):
        load(str(unpack(files, tmp_path / "set")))
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "call",
    [
        (os.system, ("touch owned",)),
        (eval, ("open('owned', 'w')",)),
        (getattr, (os, "system")),
        (bytes, (10,)),
        (bytearray, (10,)),
        (np.load, ("owned",)),
        (np.frombuffer, (b"1234",)),
        (OrderedDict.fromkeys, ([1],)),
    ],
)
def test_nothing_else_is_ever_called(
    call: Any, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Call:
        def __reduce__(self) -> Any:
            return call

    monkeypatch.chdir(tmp_path)
    raw = None
    if call[0] is getattr:  # a module is not to be pickled: its name stands in
        raw = b"cbuiltins\ngetattr\n(cos\nsystem\nVx\ntR."
    with pytest.raises(InputError):
        unpickle(raw or pickle.dumps(Call(), protocol), "it")
    assert not (tmp_path / "owned").exists()


def test_numbers_are_only_numbers() -> None:
    dtype = pickle.dumps(np.dtype(object), 0)[:-1]
    raw = b"cnumpy.core.multiarray\nscalar\n(" + dtype + b"Vx\ntR."
    with pytest.raises(InputError, match="a number of the type object"):
        unpickle(raw, "it")


def test_text_is_only_ever_latin1() -> None:
    raw = b"c_codecs\nencode\n(Va\nVrot13\ntR."
    with pytest.raises(InputError, match="cannot read it: text in"):
        unpickle(raw, "it")


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("data_batch_2", b"", "cannot read data_batch_2"),
        ("data_batch_2", python_version()["test_batch"][:999], "cannot read data_batch_2"),
        ("data_batch_2", pickle.dumps([1]), r"data_batch_2 holds int64 \(\) and labels \(0,\)"),
        ("data_batch_2", pickle.dumps({b"data": batch(0)[0], b"labels": [1]}), r"labels \(1,\)"),
        ("data_batch_2", pickle.dumps({b"data": batch(0)[0], b"labels": [1, -1]}), "from 0 to 255"),
        ("data_batch_1.bin", b"\0" * 3072, "data_batch_1.bin has 3072 bytes; .* multiple of 3073"),
    ],
)
def test_damaged_batches(tmp_path: Path, name: str, raw: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(str(unpack(python_version() | {name: raw}, tmp_path)))


def test_missing_batches_and_broken_archives(tmp_path: Path) -> None:
    files = python_version()
    del files["data_batch_4"]
    with pytest.raises(InputError, match="has no data_batch_4; expected the CIFAR-10 batches"):
        load(str(unpack(files, tmp_path / "set")))
    whole = archive(python_version(), tmp_path / "set.tar.gz").read_bytes()
    for raw in (whole[:5000], b"no archive"):
        (tmp_path / "set.tar.gz").write_bytes(raw)
        with pytest.raises(InputError, match=r"cannot read .*set.tar.gz: .*a whole tar.gz"):
            load(str(tmp_path / "set.tar.gz"))

import errno
import hashlib
import json
import os
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch

from robustlens.errors import InputError
from robustlens.files import (
    append_text,
    as_path,
    digest,
    digest_json,
    read_json,
    replacing,
    to_json,
    write_json,
    write_text,
)


def test_text_and_json_are_written_in_new_folders(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b.txt", "größer\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "größer\n".encode()
    write_json(tmp_path / "a" / "b.txt", {"π": [1, 2]})
    assert json.loads((tmp_path / "a" / "b.txt").read_text("utf-8")) == {"π": [1, 2]}
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_text(path, "old")
    with pytest.raises(RuntimeError, match="half"), replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("ne")
        assert path.read_text() == "old"
        raise RuntimeError("half way")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["state"]


def test_a_kill_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_text(path, "old")
    child = os.fork()
    if child == 0:  # pragma: no cover
        with replacing(path) as temporary:
            temporary.write_text("new")
            os._exit(9)
    os.waitpid(child, 0)
    assert path.read_text() == "old"
    write_text(path, "newer")
    assert path.read_text() == "newer"


def test_a_full_disk_is_an_input_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    write_text(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"cannot write .*state: No space left on device"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["state"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_a_really_full_device(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No space"), replacing(tmp_path / "x") as temporary:  # noqa: PT012
        temporary.symlink_to("/dev/full")
        temporary.write_text("x" * 10)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_or_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="choose another output folder"):
        write_text(tmp_path / "file" / "x", "")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="Is a directory"):
        write_text(tmp_path / "folder", "")
    with pytest.raises(InputError, match="/proc/nowhere/x"):
        write_text(Path("/proc/nowhere/x"), "")


def test_a_body_that_writes_nothing_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"), replacing(tmp_path / "x"):
        pass
    assert not (tmp_path / "x").exists()


def test_digests_are_stable() -> None:
    assert digest(b"ab", memoryview(b"c")) == hashlib.sha256(b"abc").hexdigest()[:16]
    assert digest() == "e3b0c44298fc1c14"
    first: dict[str, Any] = {"b": 1, "a": [1.5, None]}
    assert digest_json(first) == digest_json(dict(reversed(first.items()))) == "ad3879169fd83895"
    assert digest_json(first) != digest_json({"b": 1, "a": [1.5]})


def test_a_path_may_be_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(str(tmp_path / "a"), "1")
    append_text(str(tmp_path / "a"), "2")
    assert read_json(str(tmp_path / "a")) == 12
    write_json(os.fspath(tmp_path / "b" / "c.json"), [1])
    assert (tmp_path / "b" / "c.json").is_file()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert as_path("~/a") == tmp_path / "a"
    assert as_path("a~") == Path("a~")


@pytest.mark.parametrize("path", ["", b"a", 3, None])
def test_what_is_no_path_is_refused(unchecked: None, path: Any) -> None:
    with pytest.raises(InputError, match="change the path"):
        write_text(path, "1")


def test_json_holds_numbers_of_numpy_and_torch(tmp_path: Path) -> None:
    value = {
        "a": [np.float32(0.5), np.int64(3), np.True_, np.float16(0.25), np.longdouble(2)],
        "b": (np.arange(3), torch.tensor(0.5), torch.ones(2, dtype=torch.bfloat16)),
        "c": MappingProxyType({"path": Path("x"), "half": Fraction(1, 2)}),
    }
    plain = {"a": [0.5, 3, True, 0.25, 2.0], "b": [[0, 1, 2], 0.5, [1.0, 1.0]],
             "c": {"path": "x", "half": 0.5}}  # fmt: skip
    assert json.loads(to_json(value)) == plain
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == plain
    assert digest_json(value) == digest_json(plain)


@pytest.mark.parametrize("value", [{"a": object()}, {"a": 1j}, {(1, 2): 3}, {np.int64(1): 2}])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="a value that JSON cannot hold"):
        to_json(value)


def test_a_name_that_is_no_unicode_comes_back_from_json(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    write_json(tmp_path / "a.json", {"class": name})
    assert read_json(tmp_path / "a.json") == {"class": name}
    write_text(tmp_path / "a.txt", name)
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "caf\\udce9"

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from robustlens.errors import InputError
from robustlens.files import digest, digest_json, replacing, write_json, write_text


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

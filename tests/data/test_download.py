import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from robustlens.data import download as module
from robustlens.data import get
from robustlens.data.download import Download
from robustlens.errors import InputError, UnknownName
from serving import Server, serving

BODY = bytes(range(256)) * 4000


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving({"toy.bin": BODY}) as server:
        md5 = hashlib.md5(BODY).hexdigest()
        toy = Download(server.at("range/toy.bin"), "toy.bin", md5)
        monkeypatch.setitem(module.DOWNLOADS, "toy", toy)
        yield server


def test_fetches_into_the_cache_and_only_once(server: Server, alone: Path) -> None:
    assert get("toy") == alone / "toy.bin"
    assert get("toy").read_bytes() == BODY
    assert server.asked == [("/range/toy.bin", 0)]
    (alone / "toy.bin").write_bytes(b"damaged since")
    assert get("toy").read_bytes() == BODY
    assert [path.name for path in alone.iterdir()] == ["toy.bin"]


@pytest.mark.parametrize(("way", "start"), [("range", len(BODY) // 2), ("plain", 0)])
def test_a_broken_download_is_kept_and_resumed(
    server: Server, tmp_path: Path, way: str, start: int
) -> None:
    with pytest.raises(InputError, match=r"broke off: 512000 of 1024000 .*kept in .*same command"):
        get("toy", tmp_path, url=server.at("broken/toy.bin"))
    assert (tmp_path / "toy.bin.part").read_bytes() == BODY[: len(BODY) // 2]
    assert get("toy", tmp_path, url=server.at(f"{way}/toy.bin")).read_bytes() == BODY
    assert server.asked[-1] == (f"/{way}/toy.bin", start)


def test_a_whole_part_needs_no_more_bytes(server: Server, tmp_path: Path) -> None:
    (tmp_path / "toy.bin.part").write_bytes(BODY)
    assert get("toy", tmp_path).read_bytes() == BODY


def test_a_wrong_digest_deletes_the_part(server: Server, tmp_path: Path) -> None:
    official = module.DOWNLOADS["cifar10"].md5
    ours = hashlib.md5(BODY).hexdigest()
    with pytest.raises(InputError, match=f"has MD5 {ours}; expected MD5 {official} .*deleted"):
        get("cifar10", tmp_path, url=server.at("range/toy.bin"))
    assert not list(tmp_path.iterdir())


def test_connection_errors(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="refused") as caught:
        get("toy", tmp_path, url="http://127.0.0.1:9/")
    assert "is kept" not in str(caught.value)
    (tmp_path / "toy.bin.part").write_bytes(BODY[:9])
    with pytest.raises(InputError, match=r"broke off: HTTP Error 404.*toy.bin.part"):
        get("toy", tmp_path, url=server.at("range/missing"))
    placed = rf"without a network, place toy\.bin \(MD5 [0-9a-f]{{32}}\) in {tmp_path}"
    with pytest.raises(InputError, match=placed):
        get("toy", tmp_path, url="nowhere")
    assert (tmp_path / "toy.bin.part").read_bytes() == BODY[:9]
    with pytest.raises(UnknownName, match=r"unknown download 'cifar'; .*did you mean 'cifar10'"):
        get("cifar")

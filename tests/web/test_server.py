"""The lab over HTTP: what answers say, streams, who is refused, and bad input in words."""

import io
import json
import re
import struct
import zlib
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from PIL import Image

from robustlens.vision.forms import FORMS
from robustlens.vision.photo import drawn
from robustlens.web import lab_app
from robustlens.web.room import DESKS
from robustlens.web.wire import uri

SIDE = 12
FEW = {"steps": 2}
NEEDED: dict[str, dict[str, Any]] = {
    "generate": {"label": "ship", "n": 2},
    "translate": {"to": "frog"},
    "sketch": {"label": "cat"},
    "upscale": {"factor": 2.0},
    "morph": {"first": "ship", "to": "cat", "points": 3},
    "interpolate": {"points": 3},
    "add": {"levels": [0.5, 1.0]},
}


def events(answer: Any) -> list[tuple[str, Any]]:
    """Return the name and the data of each event of a stream."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in answer.text.replace("\r\n", "\n").split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def painted(client: Any, desk: str, seed: int = 0) -> Any:
    body = torch.randint(0, 256, (SIDE * SIDE * 4,), generator=torch.Generator().manual_seed(seed))
    answer = client.post(f"{desk}/paint", content=bytes(body.tolist()))
    assert answer.status_code == 200, answer.text
    return answer.json()


def png(size: tuple[int, int] = (30, 20)) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.arange(size[0] * size[1] * 3, dtype=np.uint8).reshape(*size[::-1], 3)).save(
        out, "PNG"
    )
    return out.getvalue()


def test_a_new_desk_is_a_grey_sheet(client: Any) -> None:
    answer = client.post("/api/desks", json={"model": "toy"}).json()
    assert len(answer["pictures"]) == 2
    assert answer["chances"][0] == pytest.approx(answer["chances"][0])
    assert all(sum(net) == pytest.approx(1, abs=1e-5) for net in answer["chances"])
    assert answer["moved"] == [0, 0]
    assert (answer["undo"], answer["redo"], answer["masked"]) == (0, 0, False)
    assert client.get(f"/api/desks/{answer['desk']}").json()["pictures"] == answer["pictures"]


def test_models_say_what_is_here(client: Any) -> None:
    (model,) = client.get("/api/models").json()
    assert model == {
        "name": "toy", "standard": "toy-standard", "shape": [3, 12, 12],
        "classes": ["ship", "frog", "cat"], "units": 64, "seeds": True, "images": True,
    }  # fmt: skip


def test_each_step_of_a_push_is_an_event_and_can_be_taken_back(client: Any, desk: str) -> None:
    painted(client, desk)
    ask = {"label": 1, "steps": 5, "strength": 0.2, "eps": 3.0}
    found = events(client.post(f"{desk}/push", json=ask))
    assert [name for name, _ in found] == ["step"] * 5
    chances = [sheet["chances"][0][1] for _, sheet in found]
    assert chances == sorted(chances)
    assert 0.5 < found[-1][1]["moved"][0] <= 1.0 + 1e-5
    for k in range(4, 0, -1):
        back = client.post(f"{desk}/undo").json()
        assert back["pictures"] == found[k - 1][1]["pictures"]
        assert back["chances"] == found[k - 1][1]["chances"]
    for _ in range(4):
        back = client.post(f"{desk}/redo").json()
    assert back["pictures"] == found[-1][1]["pictures"]
    assert (back["undo"], back["redo"]) == (6, 0)


def test_a_replayed_log_leads_to_the_same_floats(client: Any, app: Any) -> None:
    desks = []
    for _ in range(2):
        name = client.post("/api/desks", json={"model": "toy"}).json()["desk"]
        desk = f"/api/desks/{name}"
        painted(client, desk, 3)
        client.post(f"{desk}/anchor", json={"pinned": True})
        events(client.post(f"{desk}/push", json={"label": 0, "steps": 3}))
        client.post(f"{desk}/undo")
        painted(client, desk, 4)
        events(client.post(f"{desk}/push", json={"unit": 5, "steps": 2, "norm": "linf"}))
        desks.append(app.state.room.at(name).desk)
    a, b = (desk.sheet.pictures for desk in desks)
    assert all(map(torch.equal, a, b))


def test_pictures_come_as_they_are_and_large_ones_by_their_middle(client: Any, desk: str) -> None:
    exact = Image.fromarray(np.arange(SIDE * SIDE * 3, dtype=np.uint8).reshape(SIDE, SIDE, 3))
    out = io.BytesIO()
    exact.save(out, "PNG")
    answer = client.post(f"{desk}/photo", content=out.getvalue()).json()
    assert answer["pictures"][0] == uri(
        torch.tensor(np.asarray(exact)).permute(2, 0, 1)[None] / 255
    )
    assert "the middle" in client.post(f"{desk}/photo", content=png()).json()["said"]


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of many pixels in few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(7000, 7000), (50_000, 50_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_before_it_is_opened(
    client: Any, desk: str, size: tuple[int, int]
) -> None:
    answer = client.post(f"{desk}/photo", content=bomb(*size))
    assert answer.status_code == 422
    assert "pixels" in answer.json()["detail"]
    assert client.get(desk).json()["undo"] == 0


@pytest.mark.parametrize(
    "body", [b"", b"no picture", png()[:60], b"GIF89a" + bytes(50), bytes(10_000)], ids=len
)
def test_what_is_no_picture_is_refused_in_words(client: Any, desk: str, body: bytes) -> None:
    answer = client.post(f"{desk}/photo", content=body)
    assert answer.status_code == 422
    assert "what was sent" in answer.json()["detail"]
    assert "/tmp" not in answer.json()["detail"]


def test_strokes_and_masks_of_another_size_are_refused(client: Any, desk: str) -> None:
    for path in ("paint", "mask"):
        answer = client.post(f"{desk}/{path}", content=bytes(7))
        assert answer.status_code == 422
        assert "7 bytes" in answer.json()["detail"]


def test_a_body_that_is_too_large_is_refused(client: Any, desk: str) -> None:
    for path in ("paint", "photo", "push"):
        assert client.post(f"{desk}/{path}", content=bytes(16_000_001)).status_code == 413


@pytest.mark.parametrize("tool", FORMS)
def test_every_tool_works_on_a_sheet_and_its_picture_can_be_taken(
    client: Any, desk: str, tool: str
) -> None:
    painted(client, desk)
    client.post(f"{desk}/keep")
    sheet = painted(client, desk, 1)
    mask = bytes(255 if k % 3 == 0 else 0 for k in range(SIDE * SIDE))
    client.post(f"{desk}/mask", content=mask)
    settings = {**FEW, **NEEDED.get(tool, {})}
    if tool == "sensitivity":
        seen = sheet["chances"][0].index(max(sheet["chances"][0]))
        settings["truth"] = str((seen + 1) % 3)
    *parts, (name, made) = events(client.post(f"{desk}/tools/{tool}", json={"settings": settings}))
    assert name == "made", made
    assert all(kind == "part" and 0 <= part["share"] <= 1 for kind, part in parts)
    assert made["said"]
    assert len(made["pictures"]) == len(made["fits"]) >= 1
    answer = client.post(f"{desk}/take", json={"index": 0})
    assert answer.status_code == (200 if made["fits"][0] else 422)
    if made["fits"][0]:
        assert answer.json()["pictures"][0] == made["pictures"][0]


@pytest.mark.parametrize(
    ("tool", "settings", "words"),
    [
        ("generate", {"steps": 0}, "at least 1"),
        ("generate", {"steps": 10**30}, ""),
        ("generate", {"steps": "many"}, "steps"),
        ("generate", {"n": 400}, "at most 36"),
        ("generate", {"steps": 20000, "n": 30}, "at most 20000"),
        ("upscale", {"factor": 32, "steps": 100}, "at most 20000"),
        ("upscale", {"factor": float("1e308")}, "at most 32"),
        ("generate", {"colour": 1}, "unknown setting"),
        ("generate", {"label": ["ship"]}, "label"),
        ("generate", {"seed": -1}, "at least 0"),
        ("dream", {}, "unknown tool"),
    ],
)
def test_settings_that_are_none_are_refused(
    client: Any, desk: str, tool: str, settings: Any, words: str
) -> None:
    answer = client.post(f"{desk}/tools/{tool}", json={"settings": settings})
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("tool", "settings", "words"),
    [
        ("generate", {"label": "dragon"}, "dragon"),
        ("translate", {}, "no class"),
        ("interpolate", {}, "second"),
        ("paint", {}, "mask"),
        ("feature", {"unit": 10**6}, "unit"),
        ("feature", {"layer": "nowhere"}, "nowhere"),
        ("feature", {"unit": 10**18}, ""),
    ],
)
def test_what_a_tool_cannot_do_is_said_at_once(
    client: Any, desk: str, tool: str, settings: Any, words: str
) -> None:
    answer = client.post(f"{desk}/tools/{tool}", json={"settings": {**FEW, **settings}})
    *_, (name, said) = events(answer)
    assert name == "fault"
    assert words in said["error"]


@pytest.mark.parametrize(
    ("path", "ask"),
    [
        ("push", {}),
        ("push", {"label": 1, "unit": 1}),
        ("push", {"label": 3}),
        ("push", {"label": -1}),
        ("push", {"unit": 64}),
        ("push", {"label": 0, "steps": 1001}),
        ("push", {"label": 0, "eps": 0}),
        ("push", {"label": 0, "eps": "NaN"}),
        ("push", {"label": 0, "norm": "l1"}),
        ("push", {"label": 0, "path": "/etc/passwd"}),
        ("take", {"index": 0}),
        ("unit", {"unit": 64}),
        ("anchor", {}),
        ("start", {"kind": "seed", "label": 9}),
        ("start", {"kind": "image", "index": 999}),
        ("start", {"kind": "file"}),
        ("film", {"kind": "exe"}),
    ],
)
def test_bad_asks_are_refused_in_words(client: Any, desk: str, path: str, ask: Any) -> None:
    answer = client.post(f"{desk}/{path}", json=ask)
    assert answer.status_code == 422
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    "ask",
    [
        {"kind": "grey"},
        {"kind": "seed", "label": 2, "index": 7},
        {"kind": "image", "index": 4},
    ],
    ids=lambda ask: ask["kind"],
)
def test_starters_are_the_same_each_time(client: Any, desk: str, ask: Any) -> None:
    first = client.post(f"{desk}/start", json=ask).json()
    painted(client, desk)
    assert client.post(f"{desk}/start", json=ask).json()["pictures"] == first["pictures"]


def test_the_starter_of_an_image_is_that_image(client: Any, desk: str, pair: Any) -> None:
    answer = client.post(f"{desk}/start", json={"kind": "image", "index": 4}).json()
    assert answer["pictures"][0] == uri(pair.images().images[4:5] / 255)
    assert "frog" in answer["said"]


def test_units_and_reasons_are_shown(client: Any, desk: str) -> None:
    painted(client, desk)
    found = client.post(f"{desk}/unit", json={"unit": 5}).json()
    assert (found["unit"], found["units"], len(found["most"])) == (5, 64, 6)
    assert found["most"][0]["value"] >= found["most"][-1]["value"] >= found["least"][0]["value"]
    why = client.post(f"{desk}/why").json()
    assert why["first"] != why["second"]
    assert len(why["units"]) == 8


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_the_way_can_be_saved_moving(client: Any, desk: str, kind: str) -> None:
    painted(client, desk)
    events(client.post(f"{desk}/push", json={"label": 1, "steps": 4, "strength": 0.5}))
    answer = client.post(f"{desk}/film", json={"kind": kind})
    assert answer.headers["content-type"] == f"image/{kind}"
    with Image.open(io.BytesIO(answer.content)) as film:
        assert film.n_frames == 6
        assert film.width == 2 * film.height + 8


def test_who_comes_from_elsewhere_is_refused(client: Any) -> None:
    new = {"json": {"model": "toy"}}
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""):
        assert client.post("/api/desks", headers={"host": host}, **new).status_code == 400
        assert client.get("/", headers={"host": host}).status_code == 400
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        assert client.post("/api/desks", headers=headers, **new).status_code == 403
    for headers in (
        {},
        {"origin": str(client.base_url).rstrip("/")},
        {"sec-fetch-site": "same-origin"},
    ):
        assert client.post("/api/desks", headers=headers, **new).status_code == 200
    assert client.get("/", headers={"host": "localhost:8123"}).status_code == 200


def test_a_form_of_another_page_is_no_json(client: Any) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = client.post(
            "/api/desks", content='{"model":"toy"}', headers={"content-type": kind}
        )
        assert answer.status_code == 422


def test_the_page_loads_nothing_from_elsewhere(client: Any) -> None:
    page = client.get("/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "http" not in page.text.replace("http-equiv", "")
    names = set(re.findall(r"page/([\w.]+)", page.text))
    assert names
    for name in names:
        part = client.get(f"/page/{name}")
        assert part.status_code == 200
        assert "://" not in part.text.replace("http://www.w3.org", "")
    for name in ("../app.py", "app.py", "..%2fapp.py", "%2e%2e/app.py", "index.html"):
        assert client.get(f"/page/{name}").status_code == 404
    assert client.get("/docs").status_code == 404


def test_the_page_of_claims_is_shown_where_it_is_written(
    tmp_path: Any, pair: Any, serve: Any
) -> None:
    page = tmp_path / "index.html"
    with serve(lab_app({"toy": pair}, talk=page)) as address:
        assert httpx.get(f"{address}/talk").status_code == 404
        page.write_text("<p>claims", "utf-8")
        answer = httpx.get(f"{address}/talk")
    assert answer.text == "<p>claims"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_desk_of_before_is_unknown_and_many_make_room(client: Any, desk: str, app: Any) -> None:
    answer = client.post("/api/desks/nobody/undo")
    assert answer.status_code == 404
    assert "started again" in answer.json()["detail"]
    assert client.post("/api/desks/nobody/push", json={"label": 0}).status_code == 404
    assert client.post("/api/desks", json={"model": "nothing"}).status_code == 404
    for _ in range(DESKS):
        client.post("/api/desks", json={"model": "toy"})
    assert client.post(f"{desk}/undo").status_code == 404
    assert len(app.state.room.desks) == DESKS
    assert len(app.state.room.turns.latest) == DESKS


def test_a_picture_on_the_page_is_that_of_the_floats_to_the_nearest_level(
    client: Any, desk: str, app: Any
) -> None:
    sheet = painted(client, desk)
    floats = app.state.room.at(desk.split("/")[-1]).desk.sheet.pictures[0]
    assert sheet["pictures"][0] == uri(floats)
    levels = torch.tensor(np.asarray(drawn(floats[0]))).permute(2, 0, 1) / 255
    assert float((levels - floats[0]).abs().max()) <= 0.5 / 255 + 1e-6

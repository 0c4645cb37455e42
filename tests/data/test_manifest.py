"""Lists of files and labels: CSV, TSV, JSON; what they may look like, and what is refused."""

import json
from pathlib import Path

import pytest
from PIL import Image

from robustlens.data import load
from robustlens.data.framing import Framing
from robustlens.errors import InputError

FILES = ("a.png", "sub/b.png", "c.png")
NAMES = ("dog", "cat", "dog")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for k, file in enumerate(FILES):
        Image.new("RGB", (8, 8), (k, 0, 9)).save(tmp_path / file)
    return tmp_path


def lines(heading: str, between: str, marks: tuple[object, ...] = NAMES) -> str:
    rows = [f"{file}{between}{mark}" for file, mark in zip(FILES, marks, strict=True)]
    return "\n".join([*([heading] if heading else []), *rows]) + "\n"


OBJECTS = [{"label": mark, "file": file} for file, mark in zip(FILES, NAMES, strict=True)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.csv", lines("file,label", ",")),
        ("l.csv", lines("", ",")),
        ("l.csv", "\ufeff" + lines("Filename;Class", ";")),
        ("L.TSV", lines("path\ttarget", "\t")),
        ("l.csv", lines("file,label", ",").replace("\n", "\r\n")),
        ("l.csv", 'id,image,y\n1,"a.png",dog\n2,sub/b.png,cat\n\n3,c.png,dog\n'),
        ("l.json", json.dumps(OBJECTS)),
        ("l.json", json.dumps(dict(zip(FILES, NAMES, strict=True)))),
        ("l.json", json.dumps(list(zip(FILES, NAMES, strict=True)))),
        ("l.jsonl", "\n".join(map(json.dumps, OBJECTS))),
    ],
)
def test_lists_in_any_form(here: Path, name: str, content: str) -> None:
    (here / name).write_text(content, encoding="utf-8")
    data = load(here / name, "all")
    assert data.classes == ("cat", "dog")
    assert data.labels.tolist() == [1, 0, 1]
    assert data.images[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert data.name.lower() == "l"


def test_numbers_are_classes(here: Path) -> None:
    (here / "l.csv").write_text(lines("file,label", ",", (2, 0, 1)))
    data = load(here / "l.csv", "all")
    assert (data.classes, data.labels.tolist()) == (("0", "1", "2"), [2, 0, 1])
    (here / "l.json").write_text(json.dumps(dict(zip(FILES, (2, 0, 1), strict=True))))
    assert load(here / "l.json", "all").labels.tolist() == [2, 0, 1]


def test_sizes_and_colours(here: Path) -> None:
    Image.new("L", (16, 12), 5).save(here / "a.png")
    (here / "l.csv").write_text(lines("file,label", ","))
    with pytest.raises(InputError, match="give --size"):
        load(here / "l.csv", "all")
    assert load(here / "l.csv", "all", size=8).shape == (3, 8, 8)
    assert load(here / "l.csv", "all", size=Framing(4, 6, channels=1)).shape == (1, 4, 6)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("l.csv", "", "lists no pictures"),
        ("l.csv", "file,label\n", "lists no pictures"),
        ("l.csv", "file,label\na.png,dog\nx.png,cat\n", "row 2 of .* names 'x.png'"),
        ("l.csv", "file,label\na.png\n", "row 1 of .* is"),
        ("l.csv", "file,label\na.png,\n", "row 1 of .* has the label ''"),
        ("l.csv", "file,score\na.png,1\n", "has the columns file, score"),
        ("l.csv", "file,label\na.png,dog\na.png,cat\n", "lists .*a.png twice"),
        ("l.csv", "file,label\na.png,-1\n", "labels run from -1"),
        ("l.json", "{", "cannot read"),
        ("l.json", '[{"file": "a.png"}]', "has the columns file"),
        ("l.json", '["a.png"]', "entry 1 of"),
        ("l.json", '{"a.png": null}', "has the label None"),
        ("l.json", '{"a.png": [0, 1]}', "has the label"),
    ],
)
def test_what_is_refused(here: Path, name: str, content: str, said: str) -> None:
    (here / name).write_text(content)
    with pytest.raises(InputError, match=said):
        load(here / name, "all")

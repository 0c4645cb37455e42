"""A result, written and read: the same numbers, the pictures as files."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from robustlens.errors import InputError, UnknownName
from robustlens.figures import save_pictures
from robustlens.pictures import Cell, Drawn, Gallery
from robustlens.provenance import provenance
from robustlens.rate import Rate
from robustlens.result import Number, Result, Verdict


def a_result() -> Result:
    cell = Cell(torch.zeros(1, 8, 8), "a")
    return Result(
        "robust-erm",
        "quick",
        Verdict.NOT_COMPARABLE,
        "It holds.",
        {
            "accuracy": Number.of(Rate.share(3, 4), "70 %", "Table 1"),
            "bound": Number.exact(2.0),
            "small": Number(1e-300, 0.0, 0.1 + 0.2, 5),
        },
        (Gallery("cells", "Some cells, \u201cquoted\u201d.", ("image",), ((cell,),)),),
        provenance("robustlens x", {"eps": "1.5", "deep": {"a": [1, None]}}, seed=7, seconds=1.5),
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    result = a_result()
    assert result.write(tmp_path) == tmp_path / "result.json"
    found = Result.read(str(tmp_path))
    assert found == replace(
        result, figures=(Drawn("cells", "Some cells, \u201cquoted\u201d.", tmp_path),)
    )
    assert found.as_dict() == result.as_dict()
    assert found.verdict is Verdict.NOT_COMPARABLE
    assert found.seconds == 1.5


def test_the_pictures_of_a_result_that_was_read_can_be_saved_again(tmp_path: Path) -> None:
    result = a_result()
    save_pictures(result.figures, tmp_path / "first")
    result.write(tmp_path / "first")
    save_pictures(Result.read(tmp_path / "first").figures, tmp_path / "second")
    for theme in ("light", "dark"):
        name = f"cells-{theme}.png"
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


@pytest.mark.parametrize("name", ["absent", "../cells", "/etc/cells"])
def test_a_picture_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "cells-light.png").write_bytes(b"")
    folder = tmp_path / "run"
    folder.mkdir()
    with pytest.raises(InputError, match="no such picture"):
        Drawn(name, "", folder).file("light")


@pytest.mark.parametrize("content", [None, "{", "[]", '{"study": "robust-erm"}', "\udcff", "3"])
def test_missing_and_broken_results_are_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        encoded = content.encode("utf-8", "surrogateescape")
        (tmp_path / "result.json").write_bytes(encoded)
    with pytest.raises(InputError, match=r"result\.json.*run the study again"):
        Result.read(tmp_path)


def test_a_number_outside_its_interval_is_refused_when_read(tmp_path: Path) -> None:
    path = a_result().write(tmp_path)
    found = json.loads(path.read_text(encoding="utf-8"))
    found["numbers"]["accuracy"]["value"] = 0.999
    path.write_text(json.dumps(found), encoding="utf-8")
    with pytest.raises(InputError, match=r"result\.numbers\.accuracy.*0\.999"):
        Result.read(tmp_path)


def test_an_unknown_verdict_is_refused(tmp_path: Path) -> None:
    path = a_result().write(tmp_path)
    text = path.read_text(encoding="utf-8").replace("not comparable", "perhaps")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnknownName, match=r"verdict 'perhaps'.*not comparable"):
        Result.read(tmp_path)

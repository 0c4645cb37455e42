"""Journals of rows of any kind: whole batches, parts of processes, torn lines, other runs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from robustlens import journal as module
from robustlens.errors import AnotherRun, InputError
from robustlens.journal import Journal, Kind, header_of, put_aside, rows_saved, unlike


@dataclass(frozen=True)
class Cell:
    index: int
    word: str
    weight: float = 0.5


CELLS = Kind(Cell, "cells, as JSON lines")
HEADER = {"name": "a run", "sizes": (1, 2)}


def cells(*indices: int) -> list[Cell]:
    return [Cell(index, f"é {index}") for index in indices]


def opened(path: Any, total: int = 10, size: int = 4, **changes: Any) -> Journal[Cell]:
    return Journal.open(path, HEADER | changes, CELLS, batch_size=size, total=total)


def indices(rows: list[Cell]) -> list[int]:
    return [row.index for row in rows]


def test_a_journal_wants_the_batches_that_are_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    first = opened(path)
    assert first.todo == [0, 4, 8]
    assert first.rows == []
    first.add(cells(0, 1, 2, 3))
    first.add(cells(8, 9))  # the last batch is a short one
    first.add(cells(4, 5, 6))  # killed before the whole batch was there
    again = opened(str(path))
    assert again.todo == [4]
    assert indices(again.rows) == [0, 1, 2, 3, 8, 9]
    again.add(cells(4, 5, 6, 7))
    assert again.close() == cells(*range(10))
    assert CELLS.read(path) == ({"name": "a run", "sizes": [1, 2]}, cells(*range(10)))
    assert opened(path).todo == []
    assert opened(path, size=3).todo == []


def test_a_row_that_is_there_twice_or_is_none_of_them_makes_no_batch_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    CELLS.write(path, HEADER, cells(0, 1, 2, 2, 8, 11, 4, 5, 6, 7, 7))
    again = opened(path)
    assert again.todo == [0, 8]
    assert indices(again.rows) == [4, 5, 6, 7]


def test_a_journal_takes_up_the_parts_of_all_processes(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    opened(path).add(cells(0, 1, 2, 3))
    for number, rows in ((0, cells(8, 9)), (1, cells(4, 5))):
        CELLS.write(path.with_name(f"run.jsonl.part{number}"), HEADER, rows)
    (tmp_path / "run.jsonl.part-mine").write_text("a copy of somebody")
    assert rows_saved(path) == 8
    again = opened(path)
    assert again.todo == [4]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.jsonl", "run.jsonl.part-mine"]
    assert indices(CELLS.read(path)[1]) == [0, 1, 2, 3, 8, 9]
    assert path.read_text().count("header") == 1


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_whole_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: int
) -> None:
    def become(rank: int) -> None:
        part = slice(rank * 4 // world, (rank + 1) * 4 // world)
        for name, value in (("world", world), ("rank", rank), ("main_process", rank == 0)):
            monkeypatch.setattr(module, name, lambda value=value: value)
        monkeypatch.setattr(module, "share", lambda total: part)
        monkeypatch.setattr(module, "gathered", lambda text: [text])

    path, journals = tmp_path / "run.jsonl", []
    for rank in range(world):
        become(rank)
        journals.append(opened(path, total=14))
    assert [start for journal in journals for start in journal.todo] == [0, 4, 8, 12]
    for rank, journal in enumerate(journals):
        become(rank)
        for start in journal.todo:
            journal.add(cells(*range(start, min(start + 4, 14))))
        assert path.with_name(f"run.jsonl.part{rank}").exists()
    texts = [CELLS.lines(journal.rows) for journal in journals]
    for rank, journal in enumerate(journals):
        become(rank)
        monkeypatch.setattr(module, "gathered", lambda text: texts)
        assert journal.close() == cells(*range(14))
    monkeypatch.undo()
    assert opened(path, total=14).close() == cells(*range(14))
    assert [p.name for p in tmp_path.iterdir()] == ["run.jsonl"]


def test_a_journal_without_a_file_keeps_all_in_memory() -> None:
    journal = opened(None, total=5, size=2)
    assert journal.todo == [0, 2, 4]
    journal.add(cells(4))
    journal.add(cells(0, 1))
    assert journal.close() == cells(0, 1, 4)


@pytest.mark.parametrize("torn", range(0, 95, 7))
def test_a_torn_file_keeps_the_lines_that_are_whole(tmp_path: Path, torn: int) -> None:
    path = tmp_path / "run.jsonl"
    opened(path, size=1).add(cells(0, 1, 2))
    whole = path.read_bytes()
    head = whole.index(b"\n") + 1
    path.write_bytes(whole[: head + torn])
    kept = whole[head : head + torn].count(b"\n")
    again = opened(path, size=1)
    assert indices(again.rows) == list(range(kept))
    again.add(cells(*range(kept, 10)))
    again.close()
    assert path.read_bytes().startswith(whole)


@pytest.mark.parametrize("size", [0, -1])
def test_batches_of_nothing_are_refused(size: int) -> None:
    with pytest.raises(InputError, match=f"batch size {size}; expected at least 1"):
        opened(None, size=size)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"header": {}}\n[1, 2]\n', "a row that is [1, 2]"),
        ('{"header": [1]}\n', "a header that is [1]"),
        ('{"header": {}}\n{"index": 0, "votes": 3}\n', "a row that has votes, has no word"),
        ('{"header": {}}\n{"index": "0", "word": "a"}\n', "an index that is no number"),
        ("half a line", "no line that is whole"),
        ('{"header": {}}\nnonsense\n{"index": 0}\n', "Expecting value"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_alone(
    tmp_path: Path, content: str, why: str
) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(content)
    with pytest.raises(InputError) as told:
        opened(path)
    assert why in str(told.value)
    assert "cells, as JSON lines" in str(told.value)
    assert path.read_text() == content


def test_rows_of_an_older_version_get_what_they_lack(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(f'{json.dumps({"header": HEADER})}\n{{"index": 0, "word": "a"}}\n')
    assert opened(path, size=1).rows == [Cell(0, "a")]


def test_another_run_is_refused_and_its_file_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    opened(path).add(cells(0, 1, 2, 3))
    before = path.read_bytes()
    for changes, words in (
        ({"name": "another"}, "its name differ"),
        ({"sizes": [1, 3], "alpha": 0.1}, "its sizes, alpha differ"),
    ):
        with pytest.raises(AnotherRun, match=f"holds another run: {words}"):
            opened(path, **changes)
        assert path.read_bytes() == before
    assert unlike({"sizes": [1, 2]}, {"sizes": (1, 2)}) == ""


def test_what_is_put_aside_makes_room_and_is_never_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.jsonl"
    put_aside(path)
    assert capsys.readouterr().err == ""
    for turn in ("first", "second", "third"):
        for file in (path, tmp_path / "run.jsonl.part0"):
            file.write_text(f"{turn} {file.name}")
        put_aside(path)
    kept = {p.name: p.read_text() for p in tmp_path.iterdir()}
    assert kept == {
        f"run.old{number}{part}": f"{turn} run.jsonl{part}"
        for number, turn in (("", "first"), (".1", "second"), (".2", "third"))
        for part in ("", ".part0")
    }
    assert "its rows are put aside as" in capsys.readouterr().err


def test_headers_are_read_without_opening(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    assert header_of(path) == {}
    assert rows_saved(path) == 0
    opened(path).add(cells(0, 1))
    assert header_of(path)["name"] == "a run"
    assert rows_saved(path) == 2
    path.rename(tmp_path / "run.jsonl.part1")
    assert header_of(str(path))["name"] == "a run"
    path.write_text("torn")
    assert header_of(path)["name"] == "a run"
    with pytest.raises(InputError, match="cannot write"):
        opened("/proc/none/run.jsonl")

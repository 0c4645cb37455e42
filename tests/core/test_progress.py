import sys

import pytest

from robustlens import progress


def test_silent_when_not_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with progress.bar("working", total=2) as advance:
        advance()
        advance(1, "note")
    assert capfd.readouterr() == ("", "")


def pretend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make standard error a terminal."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(
        progress, "console", progress.Console(stderr=True, force_terminal=True, width=80)
    )


def test_a_terminal_sees_title_and_note_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(monkeypatch)
    with progress.bar("working", total=2) as advance:
        advance(1, "clean 0.91")
    out, err = capsys.readouterr()
    assert out == ""
    assert "working" in err
    assert "clean 0.91" in err


def test_columns_become_a_table_with_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(monkeypatch)
    with progress.bar("attacking", total=4) as advance:
        advance(2, {})
        assert "time left" not in capsys.readouterr().err
        advance(1, {"clean so far": "91.0%", "robust so far": "54.0%"})
    seen = capsys.readouterr().err
    assert all(word in seen for word in ("clean so far", "robust so far", "54.0%", "time left"))


def test_exceptions_pass_through() -> None:
    with pytest.raises(RuntimeError, match="inside"), progress.bar("working", total=1):
        raise RuntimeError("inside")


def test_parts_of_a_piece_of_work_move_the_bar_and_only_forwards() -> None:
    seen: list[tuple[float, str]] = []

    def advance(amount: float = 1, note: progress.Note | None = None) -> None:
        seen.append((amount, str(note)))

    progress.part_done(0.5, "no bar, nothing moves")
    with progress.within(advance, 16) as rest:
        progress.part_done(0.25, "apgd")
        with progress.within(advance, 4) as inner:
            progress.part_done(0.5, "inside")
        assert inner() == 2
        progress.part_done(0.125, "back")
        progress.part_done(0.75, "square")
    assert rest() == 4
    assert seen == [(4, "apgd"), (2, "inside"), (0, "back"), (8, "square")]
    progress.part_done(1.0, "nobody listens")
    assert len(seen) == 4


def test_after_an_error_inside_nobody_listens() -> None:
    seen: list[float] = []
    with (
        pytest.raises(ValueError, match="inside"),
        progress.within(lambda amount=1, note=None: seen.append(amount), 2),
    ):
        raise ValueError("inside")
    progress.part_done(1.0, "late")
    assert not seen

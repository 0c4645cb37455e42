import sys

import pytest

from robustlens import progress


def test_silent_when_not_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with progress.bar("working", total=2) as advance:
        advance()
        advance(1, "note")
    assert capfd.readouterr() == ("", "")


def test_a_terminal_sees_title_and_note_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(
        progress, "console", progress.Console(stderr=True, force_terminal=True, width=80)
    )
    with progress.bar("working", total=2) as advance:
        advance(1, "clean 0.91")
    out, err = capsys.readouterr()
    assert out == ""
    assert "working" in err
    assert "clean 0.91" in err


def test_exceptions_pass_through() -> None:
    with pytest.raises(RuntimeError, match="inside"), progress.bar("working", total=1):
        raise RuntimeError("inside")

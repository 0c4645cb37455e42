"""What a person sees while something long runs."""

import io

import pytest
from rich.console import Console

from robustlens import progress


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal that can be read."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=100)
    monkeypatch.setattr(progress, "console", console)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    return written


def test_words_stand_beside_the_bar(screen: io.StringIO) -> None:
    with progress.bar("training", 4) as advance:
        advance(2, "epoch 1 loss 0.700")
    assert "epoch 1 loss 0.700" in screen.getvalue()
    assert "time left" not in screen.getvalue()


def test_columns_become_a_table_with_the_time_left(screen: io.StringIO) -> None:
    with progress.bar("attacking", 4) as advance:
        advance(2, {})
        advance(1, {"clean so far": "91.0%", "robust so far": "54.0%"})
    seen = screen.getvalue()
    assert all(word in seen for word in ("clean so far", "robust so far", "54.0%", "time left"))


def test_it_is_silent_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.bar("attacking", 4) as advance:
        advance(4, {"clean so far": "91.0%"})
    assert capsys.readouterr() == ("", "")

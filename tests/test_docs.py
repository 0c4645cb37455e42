"""The README's code runs and prints what it says; the page of the command line is fresh."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(block, space)
    said = capsys.readouterr().out
    shown = re.findall(r"```python\n[^`]*```\n```\n([^`]*)```", README)
    assert len(shown) == 3
    number = re.compile(r"[\d.]+")
    assert number.sub("0", said) == number.sub("0", "".join(shown))


def test_the_page_on_own_attacks_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "own-attacks.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) >= 7
    space: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(block, space)
    said = capsys.readouterr().out
    assert "PGD" in said or "pgd darker eps 0.2" in said
    assert "best_of_noise l2 eps 3, tries 10" in said


def test_the_readme_says_how_to_begin_early() -> None:
    lines = README.splitlines()
    assert lines.index("```python") < 25
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert all((ROOT / link).exists() for link in links)


def test_the_page_of_the_command_line_is_fresh() -> None:
    script = ROOT / "tools" / "write_cli_docs.py"
    done = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_file_names_this_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout
    texts = [ROOT / name for name in listed.split() if Path(name).suffix in {".py", ".md", ".toml"}]
    assert texts
    for path in texts:
        if path != Path(__file__):
            assert not re.search(r"/(work|home|root)/", path.read_text(encoding="utf-8")), path

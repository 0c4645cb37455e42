"""Write docs/cli.md from the help of every command; --check only says whether it is stale."""

import contextlib
import io
import os
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
HEAD = """# The command line

Written by `tools/write_cli_docs.py` from the help of the program; a test fails when it is stale.
Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted (the same
command continues from what was saved: a training from its last whole epoch).
"""


def help_of(words: list[str]) -> str:
    """Return what `robustlens WORDS --help` prints, 88 columns wide and without colour."""
    from robustlens.cli import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main([*words, "--help"])
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def page() -> str:
    """Return the whole page."""
    os.environ.update(COLUMNS="88", NO_COLOR="1", TERM="dumb")
    from robustlens.cli.app import COMMANDS, GROUPS
    from robustlens.cli.build import KINDS
    from robustlens.registry import tasks
    from robustlens.studies import STUDIES

    commands: list[list[str]] = []
    for name in COMMANDS:
        commands += [[name, inner] for inner in GROUPS[name]] if name in GROUPS else [[name]]
    commands += [["data", "build", kind] for kind in KINDS]
    commands += [["run", name] for name in {**STUDIES, **tasks()}]
    parts = [f"## robustlens {' '.join(w)}\n\n```\n{help_of(w)}\n```\n" for w in commands]
    return "\n".join([HEAD, *parts])


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text(encoding="utf-8") != page() and f"{PAGE} is stale")
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")

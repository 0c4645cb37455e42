"""What it costs to import the package, beside torch, and to ask the command line something.

    python benchmarks/imports.py                # 5 turns
    python benchmarks/imports.py --turns 2

Seconds are of CPU, of the user and of the system together, of a fresh Python each time. Turns are
taken in a row: in each, every line once. A ratio is the median over the turns of the ratio to
`import torch` inside a turn. The first turn, which also fills the disk's cache and writes bytecode,
is not counted.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence

if sys.platform != "win32":
    import resource

FLOOR = "import torch"
CODE = (
    "pass",
    FLOOR,
    "import robustlens",
    "import torch, robustlens",
    "import robustlens; robustlens.pgd",
    "import robustlens; robustlens.attacked_accuracy",
    "import robustlens; robustlens.fit",
    "from robustlens import *",
)
"""What a program does first."""
COMMANDS = (
    "--version",
    "--help",
    "list",
    "models list",
    "data list",
    "recipes",
    "evaluate --help",
    "train --help",
    "evaluate --epz 0.5",
    "evaluat",
)
"""What somebody types first; some of it is refused."""


def cpu_seconds(words: Sequence[str]) -> float:
    """Return the CPU seconds of a fresh Python, in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], capture_output=True, cwd=folder, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args(arguments).turns
    runs = {code: ["-c", code] for code in CODE}
    runs |= {f"robustlens {words}": ["-m", "robustlens", *words.split()] for words in COMMANDS}
    rounds = [{name: cpu_seconds(words) for name, words in runs.items()} for _ in range(turns + 1)]
    counted = rounds[1:]
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors, median of {turns}")
    print(f"  {'':<48} {'CPU s':>6}  {'of torch':>8}")
    for name in runs:
        seconds = statistics.median(turn[name] for turn in counted)
        ratio = statistics.median(turn[name] / turn[FLOOR] for turn in counted)
        print(f"  {name:<48} {seconds:6.2f}  {ratio:8.2f}")


if __name__ == "__main__":
    main()

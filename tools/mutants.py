"""Put faults into the core and the attacks, one at a time, and print the share that tests notice.

    python tools/mutants.py                           # all; goes on where it was stopped
    python tools/mutants.py --sample 400 --seed 0     # so many drawn at random, with an interval
    python tools/mutants.py "robustlens.rules.*"      # those of some names, anew
    mutmut show NAME                                  # what a survivor changed

The faults are made by mutmut (see [tool.mutmut] in pyproject.toml), in a copy in `mutants/`.
"""

import argparse
import json
import random
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

from robustlens.bounds import clopper_pearson

MUTMUT = str(Path(sys.executable).with_name("mutmut"))
STATS = Path("mutants/mutmut-stats.json")
FEW = "robustlens.bounds.*__mutmut_1"
"""Enough to make all mutants, and to see which tests call which function."""
KILLED = ("killed", "timeout", "segfault")
MIRRORS = {
    "robustlens.attacks.": ("tests/attacks/test_{name}.py",),
    "robustlens.evaluation.": (
        "tests/evaluation/test_evaluation.py",
        "tests/evaluation/test_records.py",
    ),
    "robustlens.evaluation.transfer_matrix.": ("tests/studies/test_transferability.py",),
    "robustlens.training.": ("tests/training/test_training.py",),
    "robustlens.norms.": ("tests/core/test_norms.py", "tests/core/test_balls.py"),
    "robustlens.radii.": ("tests/core/test_balls.py",),
    "robustlens.": ("tests/core/test_{name}.py",),
}
"""The tests of a module: those of other modules are slower, and meant for other faults."""


def mirror(function: str) -> tuple[str, ...]:
    """Return the files with the tests of a function, given as module.function."""
    module = function.rpartition(".")[0]
    name = module.rpartition(".")[2]
    place = max((p for p in MIRRORS if f"{module}.".startswith(p)), key=len)
    return tuple(file.format(name=name) for file in MIRRORS[place])


def narrow() -> None:
    """Leave to each function the tests of its own files, among those that call it."""
    stats = json.loads(STATS.read_text(encoding="utf-8"))
    callers: dict[str, list[str]] = stats["tests_by_mangled_function_name"]
    for function, tests in callers.items():
        callers[function] = [t for t in tests if t.partition("::")[0] in mirror(function)]
    STATS.write_text(json.dumps(stats, indent=4), encoding="utf-8")


def results() -> dict[str, str]:
    """Return what became of each mutant, by its name."""
    out = subprocess.run([MUTMUT, "results", "--all", "1"], check=True, capture_output=True)
    lines = (line.strip().split(": ") for line in out.stdout.decode().splitlines())
    return {name: verdict for name, verdict in lines if "__mutmut_" in name}


def run(*names: str) -> None:
    """Let mutmut run the tests of some mutants, or of all that have no verdict yet."""
    subprocess.run([MUTMUT, "run", *names], check=True)


def report(verdicts: dict[str, str], whole: int) -> str:
    """Return a table of modules, and the share killed, with its interval where it is a sample."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for name, verdict in verdicts.items():
        module = re.sub(r"\.x(_|ǁ).*", "", name).removeprefix("robustlens.")
        rows[module]["killed" if verdict in KILLED else verdict] += 1
    lines = ["| module | killed | of | % |", "| --- | ---: | ---: | ---: |"]
    for module, counts in sorted(rows.items()):
        killed, n = counts["killed"], counts.total()
        lines.append(f"| `{module}` | {killed} | {n} | {killed / n:.1%} |")
    killed, n = sum(counts["killed"] for counts in rows.values()), len(verdicts)
    words = f"{killed} of {n} mutants killed: {killed / n:.1%}"
    if n < whole:
        low, high = clopper_pearson(killed, n, 0.05)
        words += f" (95 % interval {low:.1%} to {high:.1%} for all {whole})"
    return "\n".join([*lines, "", words])


def main() -> None:
    """Run, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", help="mutants to test anew, * for any letters")
    parser.add_argument("--sample", type=int, default=0, help="test so many, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    asked = parser.parse_args()
    if not STATS.exists():
        run(FEW)
    narrow()
    every = results()
    chosen = sorted(every)
    if asked.sample:
        chosen = random.Random(asked.seed).sample(chosen, min(asked.sample, len(chosen)))
        new = [name for name in chosen if every[name] == "not checked"]
        if new:
            run(*new)
    else:
        run(*asked.names)
    verdicts = results()
    known = {name: verdicts[name] for name in chosen if verdicts[name] != "not checked"}
    survivors = sorted(name for name, verdict in known.items() if verdict not in KILLED)
    print("\nsurvivors:", *survivors, sep="\n  ")
    print(report(known, len(every)))


if __name__ == "__main__":
    main()

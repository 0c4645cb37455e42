"""The command line: `robustlens list | run | talk | train | evaluate | data | models`.

Results go to standard output, as words or, with --json, as one JSON object; progress and errors
go to standard error. Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted (the same
command continues from what was saved: a training from its last epoch).
"""

from robustlens.cli.app import main, program

__all__ = ["main", "program"]

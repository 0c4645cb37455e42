"""Run the command line with `python -m robustlens`."""

from robustlens.cli import program

if __name__ == "__main__":
    raise SystemExit(program())

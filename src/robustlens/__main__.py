"""Run the command line with `python -m robustlens`."""

from robustlens.cli import main

if __name__ == "__main__":
    raise SystemExit(main())

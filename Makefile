# Every target makes its own virtual environment in .venv; nothing else needs to be installed.
PYTHON ?= python3
BIN := .venv/bin
WORDS ?=
# Tests run in a process for each core; those that share the run of the talk stay together.
WORKERS ?= -n auto --dist loadgroup

.PHONY: talk talk-all test fast check bench mutants clean

talk: .venv/base.done  ## every claim on one page, runs/talk/index.html: recorded, and computed here
	$(BIN)/robustlens talk --preset quick $(WORDS)

talk-all: .venv/base.done  ## compute what is recorded here as well: hours, goes on after a kill
	$(BIN)/robustlens talk --preset quick --recompute $(WORDS)

test: .venv/dev.done  ## all tests, with coverage
	$(BIN)/python -m pytest $(WORKERS) --cov --cov-report=term:skip-covered --cov-fail-under=90
	$(BIN)/coverage report --fail-under=100 --include='$(CORE)'

fast: .venv/dev.done  ## the tests that take seconds
	$(BIN)/python -m pytest $(WORKERS) -m "not slow"

check: .venv/dev.done  ## style, types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: .venv/dev.done  ## speed as ratios, measured side by side
	$(BIN)/python benchmarks/engine.py

mutants: .venv/mutants.done  ## faults put in one at a time: the share that tests notice (hours)
	$(BIN)/python tools/mutants.py $(WORDS)

clean:  ## remove the environment and all results
	rm -rf .venv runs build dist mutants

S := src/robustlens
CORE := $(S)/types.py,$(S)/norms.py,$(S)/radii.py,$(S)/balls.py,$(S)/rules.py,$(S)/ascend.py,$(S)/objectives.py,$(S)/streams.py,$(S)/modes.py,$(S)/bounds.py,$(S)/answers.py

.venv/base.done: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/dev.done: .venv/base.done
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

.venv/mutants.done: .venv/dev.done
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[mutants]'
	touch $@

# Needs make and Python 3.10 to 3.13, nothing else. Another Python: make PYTHON=python3.12 demo
# Options of the benchmark: make bench BENCH="--profile --scaling"
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
INSTALLED := $(VENV)/installed.stamp

.PHONY: help setup demo test lint bench clean

help:
	@echo "make demo   the whole job: annotated text to a verified wheel, then a table of scores"
	@echo "make test   all tests, slow ones included"
	@echo "make lint   ruff and mypy"
	@echo "make bench  speed, memory, size and scores beside stock spaCy and transformers (docs/speed.md)"
	@echo "make setup  only the environment in $(VENV)"
	@echo "make clean  remove everything that was made, $(VENV) too"

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@"$(PYTHON)" -c "import sys; ok = (3, 10) <= sys.version_info[:2] <= (3, 13); sys.exit(None if ok else 'xinzhi needs Python 3.10 to 3.13, this is ' + sys.version.split()[0] + '. Name one: make PYTHON=python3.12 ...')"
	"$(PYTHON)" -m venv "$(VENV)"
	"$(BIN)/python" -m pip install --disable-pip-version-check -c constraints.txt -e ".[dev,e5]"
	@"$(BIN)/python" -c "open('$(INSTALLED)', 'w').close()"

demo: setup
	"$(BIN)/python" scripts/demo.py

test: setup
	"$(BIN)/python" -m pytest --slow --durations=10 -n 2 --dist loadfile

lint: setup
	"$(BIN)/python" -m ruff check .
	"$(BIN)/python" -m ruff format --check .
	"$(BIN)/python" -m mypy

bench: setup
	"$(BIN)/python" -m xinzhi benchmark $(BENCH)

clean:
	"$(PYTHON)" scripts/clean.py --environment

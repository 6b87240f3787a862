# `make demo` and `make test` install what they need into .venv and do their work.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint bench clean

demo: .venv/.demo
	$(BIN)/spectramend demo

test: .venv/.test
	$(BIN)/python -m pytest

lint: .venv/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/numpydoc lint $$(find src -name '*.py')

bench: .venv/.test
	$(BIN)/python benchmarks/report.py

.venv/.made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=python3.x")'
	$(PYTHON) -m venv .venv
	touch $@

# pesq has no wheel and needs a C compiler; without it the demo runs and one column stays empty.
.venv/.demo: .venv/.made pyproject.toml
	$(PIP) -e '.[metrics]' || $(PIP) -e . pystoi
	touch $@

.venv/.test: .venv/.made pyproject.toml
	$(PIP) -e '.[test]'
	touch $@

.venv/.lint: .venv/.made pyproject.toml
	$(PIP) -e '.[lint]'
	touch $@

clean:
	rm -rf .venv spectramend-demo build dist .mypy_cache .pytest_cache .ruff_cache

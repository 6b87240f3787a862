# `make demo` and `make test` install what they need into .venv and do their work.
PYTHON ?= python3
PYTHON_LOWEST ?= python3.10
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-slow test-lowest coverage lint bench clean

demo: .venv/.demo
	$(BIN)/spectramend demo

# A process for each core, and one thread for matrix products in each.
PYTEST := -m pytest --numprocesses auto --dist loadfile

test: .venv/.test
	OPENBLAS_NUM_THREADS=1 $(BIN)/python $(PYTEST)

test-slow: .venv/.test
	$(BIN)/python $(PYTEST) -m slow

# What is never run by a test, the worst modules first.
coverage: .venv/.test
	$(BIN)/python $(PYTEST) -m '' --cov spectramend --cov-report term:skip-covered

# The lowest versions that pyproject.toml allows, on the lowest Python.
test-lowest: .venv-lowest/.test
	OPENBLAS_NUM_THREADS=1 .venv-lowest/bin/python $(PYTEST) -W ignore::DeprecationWarning

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

.venv-lowest/.test: pyproject.toml tools/lowest_versions.py
	$(PYTHON_LOWEST) -m venv .venv-lowest
	$(PYTHON_LOWEST) tools/lowest_versions.py > .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check -c .venv-lowest/constraints.txt -e '.[test]'
	touch $@

.venv/.lint: .venv/.made pyproject.toml
	$(PIP) -e '.[lint]'
	touch $@

clean:
	rm -rf .venv .venv-lowest spectramend-demo build dist .mypy_cache .pytest_cache .ruff_cache

# make demo   fetch through every scheme from embedded servers on this machine
# make test   lint, types, floors, tests
# make lint   the first three only
# make test-loops    tests, each async one on uvloop too
# make test-httpx2   tests that touch httpx, with httpx2 in its place
# make bench  measure against peers

PYTHON ?= python3
# each worker has far ends of its own; a file's tests stay together, as they share them
PARALLEL ?= --numprocesses auto --maxprocesses 4 --dist loadfile
ENV := .venv
BIN := $(ENV)/bin

.PHONY: demo test test-loops test-httpx2 lint bench bench-quick servers clean

demo: $(ENV)/.installed
	$(BIN)/asyncfetch demo

test: lint servers
	$(BIN)/python -m pytest $(PARALLEL) $(TESTS)

test-loops: servers
	ASYNCFETCH_EVERY_LOOP=1 $(BIN)/python -m pytest $(PARALLEL) $(TESTS)

test-httpx2: $(ENV)-httpx2/.installed
	$(ENV)-httpx2/bin/python -m pytest $(PARALLEL) $(or $(TESTS),tests/transports/http tests/integrations tests/client)

lint: $(ENV)/.installed
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(ENV)/.installed servers
	$(BIN)/python -m benchmarks

bench-quick: $(ENV)/.installed servers
	$(BIN)/python -m benchmarks --quick

# real far ends for the tests, where this machine lets us have them; a test whose server is missing says so
servers: $(ENV)/.installed
	@tests/servers/install.sh || echo "the tests that need the missing servers will be skipped, and say so"

$(ENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	@echo "making $(ENV), once; this takes a minute or three"
	$(PYTHON) -m venv $(ENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

$(ENV)-httpx2/.installed: pyproject.toml
	$(PYTHON) -m venv $(ENV)-httpx2
	$(ENV)-httpx2/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(ENV)-httpx2/bin/python -m pip uninstall --quiet --yes httpx
	touch $@

clean:
	rm -rf $(ENV) $(ENV)-httpx2 .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# make demo   fetch through every scheme from embedded servers on this machine
# make test   lint, types, floors, tests
# make lint   the first three only
# make bench  measure against peers

PYTHON ?= python3
ENV := .venv
BIN := $(ENV)/bin

.PHONY: demo test lint bench bench-quick servers clean

demo: $(ENV)/.installed
	$(BIN)/asyncfetch demo

test: lint servers
	$(BIN)/python -m pytest $(TESTS)

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
	$(PYTHON) -m venv $(ENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf $(ENV) .mypy_cache .ruff_cache .hypothesis .import_linter_cache

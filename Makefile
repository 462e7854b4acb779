# `make` lists the targets. PYTHON selects the interpreter; each interpreter has an environment of its own.
PYTHON ?= python3.11
VENV := $(if $(filter python3.11,$(notdir $(PYTHON))),.venv,.venv-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PEERS_INSTALLED := .venv-peers/.installed
# The API's first implementation is measured too, in memoized runs, if there is the Python 3.8 that it needs.
FIRST_PYTHON ?= $(firstword $(shell python3.8 -c 'import sys; print(sys.executable)' 2>/dev/null) $(wildcard $(HOME)/.pyenv/versions/3.8.*/bin/python))
FIRST_INSTALLED := $(if $(FIRST_PYTHON),.venv-first/.installed)

# Tests that have a larger size, with CLOUDSTORE_TEST_FAULTS set; and those that are for then only.
FAULT_TESTS = tests/cloudstore/test_under_faults.py $(shell grep -rl --include='test_*.py' CLOUDSTORE_TEST_FAULTS tests)

.DEFAULT_GOAL := help
.PHONY: help install demo demo-cluster demo-nightly test test-faults test-localstack lint bench bench-peers lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# pip is told twice to be quiet, so that it prints errors only.
$(INSTALLED): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not on the PATH; name another interpreter, as in: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing into $(VENV); this takes a minute or two."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@

install: $(INSTALLED)  ## create the environment, with the versions in constraints.txt

demo: $(INSTALLED)  ## run the flights pipeline four times on an embedded S3 server; a minute
	$(BIN)/python -m examples.flights.demo

demo-cluster: $(INSTALLED)  ## run the flights by month on a Dask cluster, and kill one of its workers; a minute
	$(BIN)/python -m examples.cluster.demo

demo-nightly: $(INSTALLED)  ## run the flights on three simulated days by a schedule, a sensor and a queue; half a minute
	$(BIN)/python -m examples.nightly.demo

lint: $(INSTALLED)  ## ruff, mypy --strict, import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Tests wait for servers and for processes that they kill: three at a time keep two cores busy.
test: lint  ## lint, then pytest; for two cores
	$(BIN)/python -m pytest -n 3 --dist worksteal

test-faults: $(INSTALLED)  ## test the S3 parts with injected faults, and killed at 100 random moments; generators at full size; ten minutes
	CLOUDSTORE_TEST_FAULTS=1 $(BIN)/python -m pytest -n 3 --dist worksteal $(FAULT_TESTS)

# The script sets up .venv-localstack, with the versions in localstack/constraints.txt, if it does not exist yet.
test-localstack: $(INSTALLED)  ## run the integration tests on LocalStack, without docker
	$(BIN)/python localstack/run_host.py -- $(BIN)/python -m pytest -n 2 --dist worksteal tests/localstack

bench: $(INSTALLED)  ## print the figures of benchmarks/README.md
	$(BIN)/python -m benchmarks

$(PEERS_INSTALLED): benchmarks/peers/requirements.txt
	$(PYTHON) -m venv --clear .venv-peers
	.venv-peers/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --requirement $<
	@touch $@

.venv-first/.installed: benchmarks/peers/first-constraints.txt
	$(FIRST_PYTHON) -m venv --clear .venv-first
	.venv-first/bin/python -m pip install --quiet --quiet --disable-pip-version-check --constraint $< dagster
	@touch $@

bench-peers: $(INSTALLED) $(PEERS_INSTALLED) $(FIRST_INSTALLED)  ## print the figures for storages, S3, logs and memoized runs, next to Dagster's
	$(BIN)/python -m benchmarks storages s3 logs memo

lock:  ## write constraints.txt again (needs uv)
	uv pip compile --quiet --universal --all-extras --python-version 3.11 --no-annotate --no-header pyproject.toml --output-file constraints.txt

clean:  ## delete the environments and caches
	rm -rf .venv .venv-* .pycache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .demo

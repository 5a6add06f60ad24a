PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
IMAGE := $(VENV)/.image
INSTALLED := $(VENV)/installed
DIST := dist
NATIVE := cdc/encode/native
CARGO := $(shell cargo --version 2>/dev/null)
PIP := $(BIN)/python -m pip --quiet
PURE := the encoder in Python serves: for the native one, several times faster, install cargo 1.85 and make clean
PINS := --constraint deploy/constraints.txt --build-constraint deploy/constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test servers check fmt bench bench-peers bench-growth bench-migrate bench-tables chaos soak wheel clean

help: ## List what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## Real changes of a real MongoDB in a real Kafka, with a kill in the middle
	@$(BIN)/python -m tests.demo

test: $(READY) servers ## Run every test, on real servers
	@# hundreds of processes import it, some of them where Python writes no bytecode
	@$(BIN)/python -m compileall -q cdc
	$(BIN)/pytest -n 2

servers: ## Install MariaDB and PostgreSQL from Debian's packages, where they are missing
	@.ci/debian.sh mariadbd=mariadb-server postgres=postgresql

check: $(READY) ## Lint, format, types, the imports between the rooms, and what is in deploy
	@.ci/debian.sh promtool=prometheus systemd-analyze=systemd
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	.ci/deploy.sh
	@$(MAKE) --no-print-directory $(IMAGE)
ifdef CARGO
	cd $(NATIVE) && cargo fmt --check && cargo clippy --locked --all-targets -- --deny warnings && cargo test --locked --quiet
endif

fmt: $(READY) ## Put the code into the house format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
ifdef CARGO
	cd $(NATIVE) && cargo fmt
endif

bench: $(READY) ## Measure, and write tests/bench/RESULTS.md
	$(BIN)/python -m tests.bench

bench-peers: $(READY) ## Measure Debezium and the MongoDB connector beside it, and write tests/bench/PEERS.md
	$(BIN)/python -m tests.bench.peers

bench-growth: $(READY) ## Measure ever longer backlogs, and write tests/bench/GROWTH.md
	$(BIN)/python -m tests.bench.growth

bench-migrate: $(READY) ## Measure a migration into MariaDB against LOAD DATA, and write tests/bench/MIGRATE.md
	$(BIN)/python -m tests.bench.migrate

bench-tables: $(READY) servers ## Measure first loads of SQL tables of up to 10,000,000 rows, and write tests/bench/TABLES.md
	$(BIN)/python -m tests.bench.tables

chaos: $(READY) ## Break watcher, servers, network, disk and clock, and write tests/e2e/RESULTS.md
	$(BIN)/python -m tests.chaos

soak: $(READY) ## Half an hour of load, and write tests/e2e/SOAK.md
	$(BIN)/python -m tests.soak

wheel: $(READY) ## Build a wheel with the native encoder, into dist
	@PYTHONWARNINGS=ignore $(PIP) wheel --no-deps $(PINS) --wheel-dir $(DIST) .

clean: ## Delete what was built and installed here
	rm -rf $(VENV) $(NATIVE)/target cdc/*.so build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(IMAGE): $(READY) $(wildcard deploy/Dockerfile*)
	$(BIN)/pytest --quiet --override-ini timeout=600 tests/deploy/image.py
	@touch $@

$(INSTALLED)/.ready: $(READY) $(shell find cdc -name '*.py')
	@echo "installing a wheel into $(INSTALLED)"
	@rm -rf $(INSTALLED)
	@$(MAKE) --silent wheel DIST=$(INSTALLED)/dist
	@$(PYTHON) -m venv $(INSTALLED)
	@$(INSTALLED)/bin/python -m pip --quiet install --constraint deploy/constraints.txt "$$(ls $(INSTALLED)/dist/*.whl)[sql]"
	@touch $@

$(READY): pyproject.toml deploy/constraints.txt $(wildcard $(NATIVE)/Cargo.* $(NATIVE)/src/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cdc needs Python 3.11 or newer: make PYTHON=…")'
	@echo "installing into $(VENV), once"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --constraint deploy/constraints.txt --upgrade pip
	@# setuptools warns of every editable install from a flat layout, and of its own settings
	@PYTHONWARNINGS=ignore $(PIP) install $(PINS) --editable '.[local,sql]' --group dev
	@$(BIN)/python -c 'from cdc.encode import ENCODER; ENCODER == "native" or print("$(PURE)")'
	@touch $@

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test check fmt bench clean

help: ## List what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## Real changes of a real MongoDB in a real Kafka, with a kill in the middle
	@$(BIN)/python -m tests.demo

test: $(READY) ## Run every test, on real servers
	$(BIN)/pytest

check: $(READY) ## Lint, format, types, and the imports between the rooms
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(READY) ## Put the code into the house format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(READY) ## Measure, and write tests/bench/RESULTS.md
	$(BIN)/python -m tests.bench

clean: ## Delete what was built and installed here
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(READY): pyproject.toml deploy/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cdc needs Python 3.11 or newer: make PYTHON=…")'
	@echo "installing into $(VENV), once"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --constraint deploy/constraints.txt --upgrade pip
	@# setuptools warns of every editable install from a flat layout
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --constraint deploy/constraints.txt \
		--editable '.[local]' --group dev
	@touch $@

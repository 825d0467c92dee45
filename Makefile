# Two commands are enough: `make demo` shows the pipeline on a simulated company, `make test` runs
# the tests. Both need only Python >= 3.11 and make; everything else is installed into .venv from
# the lock. `make help` lists the rest.
#
#   PYTHON=python3.13 make demo    another interpreter (only when .venv does not exist yet)
#   make test ARGS="-k churn -x"   arguments for pytest
#   make dev PORT=3001             another port for the Dagster UI

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PORT ?= 3000
WORKERS ?= 2
ARGS ?=

PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- set-up: a stamp names the lock that is installed, so a second call costs nothing ----------

$(BIN)/python:
	@scripts/venv.sh $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing from requirements.lock ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "Installing from requirements-dev.lock ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.runtime

.PHONY: setup setup-dev
setup: $(VENV)/.runtime ## install what the pipeline needs into .venv
setup-dev: $(VENV)/.dev ## install the tools of development as well

# ---- the pipeline ------------------------------------------------------------------------------

.PHONY: demo dev
demo: setup ## run the whole pipeline on a simulated company and print the result
	@$(BIN)/expansion demo

dev: setup ## open the Dagster UI over the demo's data, on 127.0.0.1, port 3000 or PORT=
	@PORT=$(PORT) scripts/dev.sh

# ---- tests -------------------------------------------------------------------------------------

.PHONY: test soak browser rivals
test: setup-dev ## run every kind of test with small counts
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

soak: setup-dev ## run the full counts, with the result kept in bench/results/
	@$(BIN)/python scripts/soak.py $(ARGS)

browser: ## find Chromium for the browser tests, or unpack Debian's under .cache/
	@scripts/browser.sh

RIVALS := .cache/rivals

$(RIVALS)/%/.installed: bench/rivals/%.lock
	@scripts/venv.sh $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r $<
	@touch $@

rivals: $(patsubst %,$(RIVALS)/%/.installed,sdk tap dlt) ## install what `bench.sync` is compared with, under .cache/

# ---- quality -----------------------------------------------------------------------------------

.PHONY: lint format lock dictionary
lint: setup-dev ## check format, style, types and the direction of imports
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup-dev ## format the code and apply the safe fixes
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

lock: setup-dev ## pin every dependency anew (UPGRADE=1 takes the newest releases)
	@scripts/lock.sh

dictionary: setup-dev ## write docs/data-dictionary.md from the schemas
	@$(BIN)/python scripts/dictionary.py

# ---- what is in it -------------------------------------------------------------------------------

AUDIT := .cache/audit

$(AUDIT)/.installed: scripts/audit.lock
	@scripts/venv.sh $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r $<
	@touch $@

.PHONY: sbom audit
sbom: $(AUDIT)/.installed ## write the bill of materials of the lock, CycloneDX, to build/sbom.json
	@mkdir -p build
	@$(AUDIT)/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml \
	  --mc-type application --output-reproducible --output-format JSON --output-file build/sbom.json

audit: $(AUDIT)/.installed ## look the pinned versions up in a database of advisories (needs a network)
	@$(AUDIT)/bin/pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock

.PHONY: clean
clean: ## remove .venv, caches and the demo's data; data/ and .dagster/ of real runs are kept
	@rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
	  build dist *.egg-info data/demo
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

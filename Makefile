PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=
WORKERS = 4
PYTEST  = $(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile
LOCK    = uv pip compile --python-version 3.11 --universal --generate-hashes --no-emit-index-url \
          --no-strip-extras --custom-compile-command "make lock" --quiet

# Runs the tests beside mypy, which needs one core for a minute and then prints what it found; errors again at the end,
# from its cache. Fails if either does.
define BESIDE_TYPES
@$(BIN)/mypy & types=$$!; \
trap 'kill $$types 2>/dev/null' EXIT; trap 'exit 130' INT TERM; \
$(1); tested=$$?; \
wait $$types || $(BIN)/mypy; typed=$$?; \
[ $$tested = 0 ] || exit $$tested; exit $$typed
endef

# Else each of the four workers compiles all modules, and so does each process that a test starts.
unexport PYTHONDONTWRITEBYTECODE

help:     ## Print this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: $(VENV)/.complete ## Make the environment in .venv from the lock file.

$(VENV)/.complete: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## A year of claims into a real FHIR server, the dashboard and the Dagster UI. ARGS=--once ends after the load.
	$(BIN)/claims demo $(ARGS)

check: lint ## Lint, types, import contracts.
	$(BIN)/mypy

lint: setup ## The quick part of check: format, lint, import contracts.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

test-unit: setup ## The quick unit tests, in a minute: no server, no browser, no feeds of months.
	$(PYTEST) -m "not server and not browser and not heavy and not slow" $(ARGS)

test: lint ## Check, all unit tests, integration tests on the embedded server, browser tests.
	$(call BESIDE_TYPES,$(PYTEST) -m "not slow" $(ARGS))

test-all: lint ## The same with the long fault and scale tests.
	$(call BESIDE_TYPES,$(PYTEST) $(ARGS))

lock: ## Resolve the exact versions again (needs uv): of everything, of what the image runs, and of what builds it.
	$(LOCK) pyproject.toml --group dev --extra server --upgrade --output-file requirements.lock
	$(LOCK) pyproject.toml --constraint requirements.lock --output-file requirements-runtime.lock
	$(LOCK) --group pyproject.toml:build --constraint requirements.lock --output-file requirements-build.lock

lock-jars: setup ## Resolve the Java archives of the embedded server again from its pom.xml (needs Maven).
	$(BIN)/python -m claims_pipeline.server.lock_jars

screenshot: setup ## The pictures in docs/: from the dashboard that runs, and from a Dagster UI with a small lake of its own.
	$(BIN)/python -m claims_pipeline_tests.dashboard.screenshots docs
	$(BIN)/python -m claims_pipeline_tests.orchestration.screenshots docs

docs: setup ## The generated parts of docs/ that need no lake: the command line, what each figure means.
	$(BIN)/python -m claims_pipeline_tests.cli.reference docs/cli.md
	$(BIN)/python -m claims_pipeline_tests.dashboard.figures_page

generator-docs: setup ## The derived parts of docs/generator.md and its plots, from two years of the default feed.
	$(BIN)/python docs/make_generator.py

clean: ## Remove the environment and the caches.
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis

.PHONY: help setup demo check lint test-unit test test-all lock lock-jars screenshot docs generator-docs clean
.DEFAULT_GOAL := help

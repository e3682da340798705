# Every command of the project. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo test up bench lint types lock reconcile run-job contract openapi captures ts-client clean

export PYTHONPATH := $(CURDIR)/functions:$(CURDIR)

PYTHON = .venv/bin/python
COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-emit-find-links

help:  ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  \033[1mmake %-10s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## Install what is missing: Python and npm packages, emulators, a Chromium
	@sh local/setup.sh

demo: setup  ## Start the whole stack, play a paid session by the minute through real clients, prove the ledger
	@$(PYTHON) -m local.demo

test: setup  ## Run every test (ARGS="-k wallet" for some)
	@$(PYTHON) -m pytest -n 4 --dist worksteal $(ARGS)

up: setup  ## Start the whole stack and keep it up, seeded (PORT_BASE=9400, DATA=folder)
	@exec $(PYTHON) -m local.run

bench: setup  ## Measure: ticks, deposits, messages, cold starts
	@$(PYTHON) -m bench

lint: setup  ## Check style, formatting and the direction of imports
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/lint-imports

types: setup  ## Check types: Python's, and those of the TypeScript client
	@.venv/bin/mypy
	@node clients/typescript/generate.mjs && node_modules/.bin/tsc -p clients/typescript

lock: setup  ## Pin all packages (ARGS=--upgrade for newer versions)
	@for name in functions/requirements signaling/requirements requirements-dev; do $(COMPILE) $(ARGS) -o $$name.txt $$name.in || exit 1; done
	@npm install --package-lock-only && sed -i.old '/"resolved": "http/d' package-lock.json && rm package-lock.json.old

reconcile: setup  ## Prove the ledger of the running stack: sums, balances, settlements
	@$(PYTHON) -m local.reconcile

run-job: setup  ## Run a scheduled function of the running stack now: make run-job JOB=sweep_sessions
	@$(PYTHON) -m local.scheduler $(JOB)

contract: setup  ## Check the served documents against what the frontends call
	@$(PYTHON) -m local.openapi --check && $(PYTHON) -m local.examples && $(PYTHON) -m tests.contract.check

openapi: setup  ## Write the API's documents from its models
	@$(PYTHON) -m local.openapi

captures: setup  ## Run the tests, and take the examples of the API's documents from their traffic
	@rm -rf .local/captures && KONNECT_CAPTURES=$(CURDIR)/.local/captures $(PYTHON) -m pytest -q -n 4 --dist worksteal $(ARGS)
	@$(PYTHON) -m local.examples .local/captures && $(PYTHON) -m local.openapi

ts-client: setup  ## Write the TypeScript types of API and events (OUT=folder)
	@node clients/typescript/generate.mjs $(OUT)

clean:  ## Remove what the commands made: environments, packages, caches, logs
	@rm -rf .venv node_modules .local .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find functions signaling local tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

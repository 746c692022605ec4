# `make` lists the verbs. Each sets up what it needs; see scripts/setup.sh.
#
#   PYTHON     the Python for .venv (default: the first of 3.11 or newer)
#   ARGS       more arguments for pytest, dialtone or the benchmarks, as in: make test ARGS="-k stack -x"
#   BICEPCHECK a folder with bicepcheck.py: make check and make test then check infra/ with it
#   ZIP        where make package writes to (default: dist/functions.zip)

.DEFAULT_GOAL := help
.PHONY: help setup run call test check fuzz bench docs package deploy clean
BIN := .venv/bin
CODE := function_app.py functions bots dialtone devhost media_worker simulator scripts bench tests

# Where the environment forbids it, each of the hundreds of programs that tests start would compile all that it imports.
test check: export PYTHONDONTWRITEBYTECODE :=

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s  %s\n", $$1, $$2}' Makefile

setup: ## Create .venv and node_modules, or bring them up to date
	@scripts/setup.sh

run: setup ## Start storage, functions, worker and simulator; place a call; stay up until Ctrl-C
	@$(BIN)/dialtone run $(ARGS)

call: setup ## Place one scripted call that leaves a message, and show what was stored
	@$(BIN)/dialtone call $(ARGS)

# A worker for each core; more gain nothing. The tests of a file stay together, with the servers that they share.
test: setup ## Run all tests
	@python313=$$(scripts/setup.sh python313) && \
	if [ -n "$$python313" ]; then export DIALTONE_PY313="$$python313"; fi && \
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup ## Lint, formatting, types, import arrows
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(CODE)
	@$(BIN)/python -m pytest -q tests/test_imports.py
	@if [ -n "$(BICEPCHECK)" ]; then $(BIN)/python "$(BICEPCHECK)/bicepcheck.py" infra/*.bicep; fi

fuzz: setup ## Fuzz all that reads what a stranger sends, for 2 minutes; by atheris where it is installed
	@$(BIN)/python -m tests.fuzz.fuzz_parsers $(ARGS)

bench: setup ## Measure, and print tables
	@$(BIN)/python -m bench $(ARGS)

package: ## Build the functions' package as the cloud runs it; print its size and cold import
	@python313=$$(scripts/setup.sh python313) && \
	if [ -z "$$python313" ]; then echo "fix: install Python 3.13, which the cloud runs" >&2; exit 1; fi && \
	"$$python313" -m scripts.package --output $(or $(ZIP),dist/functions.zip)

deploy: setup ## Deploy to Azure with az; see docs/how-to/deploy.md, also for azd
	@PATH="$$PWD/$(BIN):$$PATH" scripts/deploy.sh

docs: setup ## Write what is made from the code: docs/reference, and the pictures of bots
	@$(BIN)/python -m scripts.write_contract
	@$(BIN)/python -m scripts.write_reference
	@$(BIN)/python -m scripts.write_explored

clean: ## Remove all that these verbs made, local storage included
	rm -rf .venv .venv-313 node_modules bench/node/node_modules .dialtone build dist *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

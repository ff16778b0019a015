# Two commands: `make demo` and `make test`. Everything installs into .venv/ from the hash-locked requirements.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
HOME_DIR ?= data/demo
.DEFAULT_GOAL := help

# Where Python may not keep bytecode, it is made once with the installation: else each process compiles every module again.
COMPILE := $(if $(PYTHONDONTWRITEBYTECODE),yes)

PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: help demo test test-long check docs ui bench lock clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

$(VENV)/.ready: requirements.lock requirements-uv.lock pyproject.toml
	@echo "setting up $(VENV) (once; about half a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes $(if $(COMPILE),--compile-bytecode) -r requirements.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@$(if $(COMPILE),$(BIN)/python -m compileall -q billing_recon billing_recon_tests quality,:)
	@touch $@

demo: $(VENV)/.ready  ## simulate a company with injected billing bugs, run 60 days, show what broke and why, close a month
	@$(BIN)/python -m billing_recon.demo --home $(HOME_DIR)

test: $(VENV)/.ready  ## the tests, on SQLite and on a real PostgreSQL, but for the long ones (eight minutes on two cores)
	@$(PYTEST) -m "not long"
	@echo "not run: the tests marked long, which run whole months and companies; 'make test-long' runs them, and so does .ci/run"

test-long: $(VENV)/.ready  ## the long tests: months, kills, random orders, whole companies (half an hour more)
	@$(PYTEST) -m long

check: $(VENV)/.ready  ## style, types, layers, SQL parsed for operators that lose cents, links of the docs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar --quiet billing_recon/compute
	@$(BIN)/python -m pytest -q billing_recon_tests/compute/test_sql_keeps_money_exact.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir site

docs: $(VENV)/.ready  ## the documentation as a site in site/, with pictures if a browser is here
	@RECON_PICTURES=$(CURDIR)/.pictures $(BIN)/python -m pytest -q -n 0 billing_recon_tests/report/test_browser.py \
	  billing_recon_tests/report/test_shadow_page.py billing_recon_tests/day/rollout/test_page.py billing_recon_tests/defs/test_deployment.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --site-dir site

ui: $(VENV)/.ready  ## the Dagster UI on the demo's home, http://127.0.0.1:3000
	@$(BIN)/python -m billing_recon.defs.ui --home $(HOME_DIR)

bench: $(VENV)/.ready  ## benchmarks, each beside what a user would pick instead
	@$(BIN)/python -m benchmarks

lock: $(VENV)/.ready  ## refresh the hash-locked requirements
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra test --extra check --extra docs --extra build --extra beancount pyproject.toml -o requirements.lock

clean:  ## remove the environment and the demo
	rm -rf $(VENV) data/demo

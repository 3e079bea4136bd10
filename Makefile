# Everything a checkout needs. `make run` and `make test` do their own set-up on a machine that has
# make and Python 3.11 or newer (another Python: `make run PYTHON=python3.12`). All paths are relative,
# so the checkout may stand in a folder whose name has blanks.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help setup run test lint audit docs fuzz pictures ui clean lock bench bench-large bench-smoke lock-bench

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

setup: $(INSTALLED) ## only set up the virtual environment

run: $(INSTALLED) ## nightly job on the data that ships with the repository, without network
	$(BIN)/plimsoll nightly --offline

test: $(INSTALLED) ## all tests
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(INSTALLED) ## style, formatting and types
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

audit: $(INSTALLED) ## known vulnerabilities of the pinned packages, as far as the advisory service can be reached
	$(BIN)/python -m pip_audit --requirement requirements.lock --disable-pip --require-hashes --progress-spinner off

docs: $(INSTALLED) ## write the generated documents again
	$(BIN)/python -m pipelines.report.documents

FUZZ_SECONDS ?= 600
fuzz: $(INSTALLED) ## search every parser for bytes that break it, so many seconds each: make fuzz FUZZ_SECONDS=3600
	@mkdir -p build; for target in $$($(BIN)/python -m tests.fuzz.run 2>/dev/null); do \
		echo "fuzzing $$target for $(FUZZ_SECONDS) s"; \
		$(BIN)/python -m tests.fuzz.run $$target -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 2>build/fuzz-$$target.log || { \
			tail -n 40 build/fuzz-$$target.log >&2; \
			echo "The bytes are in build/fuzz/found. Mend the parser, then add them to tests/corpus/found and make.py." >&2; exit 1; }; \
	done

pictures: run ## make the pictures of the README again
	$(BIN)/python -m pipelines.report.pictures

ui: $(INSTALLED) ## Dagster's pages, with schedule and daemon
	$(BIN)/plimsoll ui

clean: ## remove the virtual environment and the caches; keep the data
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .tmp_dagster_home_*
	find pipelines tests -type d -name __pycache__ -prune -exec rm -rf {} +

# Resolves for every Python and platform at once, keeping the versions already locked.
# To take newer ones: `make lock LOCK_FLAGS=--upgrade`.
lock: ## write requirements.lock again after a change in pyproject.toml
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.13,<1'
	build/lock/bin/uv pip compile pyproject.toml --quiet --extra cluster --extra dev --universal --python-version 3.11 \
		--fork-strategy fewest --generate-hashes --no-strip-extras --no-annotate --custom-compile-command 'make lock' \
		$(LOCK_FLAGS) --output-file requirements.lock

# An environment that was left half made is made anew; a good one is only brought up to the lock.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Plimsoll needs Python 3.11 or newer, and '$(PYTHON)' is not that. Name one, for example: make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make virtual environments. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Setting up (once, about a minute)..."
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@
	@echo "Set up in .venv."

# Seconds on a loaded machine mean little: close what else runs. Options: make bench BENCH="--rows 1 --runs 1".
bench: $(INSTALLED) build/bench-venv/.installed ## measure against the floor and the peers; writes docs/benchmarks.md (25 minutes)
	$(BIN)/python -m benchmarks.run $(BENCH)

bench-large: $(INSTALLED) build/bench-venv/.installed ## after bench: 100 million shipments in bounded memory; 15 GB of disk
	$(BIN)/python -m benchmarks.run --rows 100 --tasks price,judge_cargoes --add

# All but the nights, which the tests run, and dbt once. The page of it says nothing of speed.
SMOKE := help,assess_small,floor_cargoes,floor_shipments,floor_as_peers,duckdb_sql,dbt_duckdb,pandas_merges,$\
	judge_as_peers_without_writing,duckdb_without_writing,judge_without_writing,read_cargoes,intake,intake_reading,assess
bench-smoke: $(INSTALLED) build/bench-venv/.installed ## does the benchmark still run and do all peers agree? half a minute, into build/bench-smoke
	$(BIN)/python -m benchmarks.run --rows 0.02 --runs 1 --tasks $(SMOKE) --into build/bench-smoke

build/bench-venv/.installed: benchmarks/requirements.lock
	@echo "Setting up the peers in build/bench-venv (once, about a minute)..."
	@$(PYTHON) -m venv --clear build/bench-venv
	@build/bench-venv/bin/python -m pip -qq --disable-pip-version-check --no-input install --require-hashes -r benchmarks/requirements.lock
	@touch $@

lock-bench: ## write benchmarks/requirements.lock again after a change in benchmarks/requirements.in
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet 'uv>=0.13,<1'
	build/lock/bin/uv pip compile benchmarks/requirements.in --quiet --universal --python-version 3.11 \
		--fork-strategy fewest --generate-hashes --no-strip-extras --no-annotate \
		--custom-compile-command 'make lock-bench' --output-file benchmarks/requirements.lock

# Every everyday command; `make` alone lists them. Set-up talks on stderr, so `make demo ARGS=--json` can be piped.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=

.PHONY: help setup demo test test-fast parts check lint types imports drift bench soak docs schemas lock clean

help:  ## List these targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: $(READY)  ## Make .venv from the locks; instant when nothing changed.

$(READY): requirements.lock requirements-bootstrap.lock pyproject.toml
	@command -v git >/dev/null || { echo "sluice: git is missing; install it with your system's package manager" >&2; exit 1; }
	@for python in "$$PYTHON" python3 python3.13 python3.12 python3.11; do \
	  command -v "$$python" >/dev/null 2>&1 || continue; \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' && found=$$python && break; \
	done; \
	[ -n "$$found" ] || { echo "sluice: Python 3.11 or newer is needed; set PYTHON to one" >&2; exit 1; }; \
	[ -x $(BIN)/pip ] || "$$found" -m venv $(VENV) >&2 \
	  || { echo "sluice: this Python cannot make environments; on Debian install python3-venv" >&2; exit 1; }
	@echo "sluice: installing what requirements.lock names (a minute or two, once)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock >&2
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.lock >&2 \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
	@touch $(READY)

demo: $(READY)  ## The whole story on this machine: make demo ARGS="--yes --json"
	@$(BIN)/sluice demo $(ARGS)

test: $(READY)  ## Every test but the long drills: make test ARGS="-k codec"
	@$(BIN)/pytest $(ARGS)

test-fast: $(READY)  ## Tests that start no process and need no network.
	@$(BIN)/pytest -m "not real and not soak" $(ARGS)

parts: $(READY)  ## Fetch the real parts that tests, benches and demo start.
	@$(BIN)/python -m tests.parts.fetch

check: lint types imports drift  ## Lint, format, types, import contracts, drift of generated files.

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY)
	@$(BIN)/mypy
	@$(BIN)/pyright

imports: $(READY)
	@$(BIN)/lint-imports

drift: $(READY)
	@$(BIN)/python -m schemas.generate --check
	@$(BIN)/python -m docs.generate --check

bench: $(READY)  ## Measure the promises: P1-P3 on a registry of 50,000 versions, P5, P7, P8.
	@$(BIN)/python -m tests.bench.p1 $(ARGS)
	@$(BIN)/python -m tests.bench.p2 $(ARGS)
	@$(BIN)/python -m tests.bench.p3 $(ARGS)
	@$(BIN)/python -m tests.bench.p5 $(ARGS)
	@$(BIN)/python -m tests.bench.p7 $(ARGS)
	@$(BIN)/python -m tests.bench.p8 $(ARGS)
	@echo "bench: P4 and P6 come with Kafka; P1, P5 and P8 run on the local log and SQLite"

soak: $(READY)  ## The long drills, with a table of what they showed: make soak ARGS="-k r1"
	@$(BIN)/pytest -m soak $(ARGS)

docs: $(READY)  ## Write the generated pages of docs/ anew.
	@$(BIN)/python -m docs.generate

schemas: $(READY)  ## Write schemas/ anew.
	@$(BIN)/python -m schemas.generate

lock: $(READY)  ## Resolve both locks anew after a change of dependencies.
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --extra demo --group dev -p 3.11 pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --group bootstrap -p 3.11 -o requirements-bootstrap.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header -p 3.11 tests/parts/mlflow-2.11.3.in -o tests/parts/mlflow-2.11.3.lock

clean:  ## Remove the environment and every cache.
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

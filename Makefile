# Everything here sets itself up: a venv in .venv, from requirements.lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help

help: ## What can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): requirements.lock pyproject.toml hatch_build.py src/userstream/plain/_compiled.c src/userstream/plain/order.h src/userstream/plain/frame.h
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"Python 3.11 or later is needed, this is {v[0]}.{v[1]}: make PYTHON=python3.12 …")'
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed: on Debian, apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install -q --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(STAMP) ## Install everything into .venv

# With AGAIN=1: what failed the last time, alone. Some figures of time need a machine to themselves.
FAILED := -n 0 --last-failed --last-failed-no-failures all

sandbox: $(STAMP) ## Run a sandbox exchange (ARGS='--venue mexc' passes arguments on)
	@$(BIN)/userstream sandbox run $(ARGS)

test: $(STAMP) ## Run the tests; with ARGS='-k binance' only some, without coverage
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(if $(AGAIN),,$(BIN)/coverage erase)
	$(BIN)/python -m pytest -n 4 --cov --cov-report= -m 'not reliability$(if $(SLOW),, and not slow)' $(if $(AGAIN),$(FAILED) --cov-append)
	$(BIN)/coverage report --include='*/core/*,*/venues/*,*/sandbox/exchange/*,*/sandbox/market/*' --fail-under=100
	$(BIN)/coverage report --fail-under=95
endif

reliability: $(STAMP) ## Faults, crashes, slow readers, herds: the promises at their figures (minutes)
	$(BIN)/python -m pytest -n 2 -rfEs -m 'reliability$(if $(SLOW),, and not slow)' tests/reliability tests/server/bus tests/server/nats $(if $(AGAIN),$(FAILED)) $(ARGS)

soak: $(STAMP) ## A server, or a cluster, under load and one trouble after the other (ARGS='--for 8h --cluster')
	@$(BIN)/python -m tests.reliability.soak $(ARGS)

test-pure: $(STAMP) ## Run the tests of what the compiled helper does, without it
	USERSTREAM_PURE=1 $(BIN)/python -m pytest -n 2 -m 'not reliability and not slow' tests/core tests/server tests/venues tests/test_plain.py $(if $(AGAIN),$(FAILED)) $(ARGS)

package: $(STAMP) ## Build wheel and sdist, and try both in clean venvs
	.ci/package

lint: $(STAMP) ## Format check, linter, types, import arrows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

lock: $(STAMP) ## Write requirements.lock anew
	$(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 --all-extras --group dev \
		--no-emit-index-url --no-header --upgrade -o requirements.lock

# protoc 31.0, from grpcio-tools 1.73.1: code of a protoc runs on its own protobuf runtime and on later
# ones, up to the next major, so this one serves all that pyproject.toml allows (6.31 to 7.x).
proto: $(STAMP) ## Write the protobuf code of MEXC anew
	$(BIN)/uv tool run --quiet --python $(BIN)/python --from grpcio-tools==1.73.1 python-grpc-tools-protoc \
		-Isrc --python_out=src --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy --mypy_out=quiet:src \
		src/userstream/venues/mexc/push.proto

.PHONY: help setup sandbox test reliability soak test-pure lint lock package proto

# Clients that we did not write, locked by files that name no registry. They have a venv and a
# node_modules of their own: their dependencies are not ours.
INTEROP := tests/interop

$(INTEROP)/.venv/.installed: $(INTEROP)/requirements.lock | $(STAMP)
	$(BIN)/python -m venv --clear $(INTEROP)/.venv
	$(INTEROP)/.venv/bin/pip install -q --disable-pip-version-check --no-deps -r $<
	@touch $@

# Bots that moved: the package runs beside the libraries that they place orders with.
$(INTEROP)/moved/.venv/.installed: $(INTEROP)/moved/requirements.lock | $(STAMP)
	$(BIN)/python -m venv --clear $(INTEROP)/moved/.venv
	$(INTEROP)/moved/.venv/bin/pip install -q --disable-pip-version-check --no-deps -r $<
	@touch $@

$(INTEROP)/node_modules/.installed: $(INTEROP)/package.json $(INTEROP)/package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' && npm --version >/dev/null || { echo "node 20 or later and npm are needed"; exit 1; }
	cd $(INTEROP) && npm ci --loglevel=error --no-audit --no-fund --ignore-scripts
	@touch $@

interop: $(STAMP) $(INTEROP)/.venv/.installed $(INTEROP)/moved/.venv/.installed $(INTEROP)/node_modules/.installed ## Clients that we did not write, against this server (needs node)
	USERSTREAM_INTEROP=1 $(BIN)/python -m pytest $(INTEROP) -m interop $(if $(AGAIN),$(FAILED)) $(ARGS)

interop-lock: $(STAMP) ## Write the locks of make interop anew
	cd $(INTEROP) && $(CURDIR)/$(BIN)/uv pip compile -q requirements.in --universal --python-version 3.11 \
		--no-emit-index-url --no-header --no-annotate --upgrade -o requirements.lock
	cd $(INTEROP)/moved && $(CURDIR)/$(BIN)/uv pip compile -q requirements.in $(CURDIR)/pyproject.toml --universal \
		--python-version 3.11 --no-emit-index-url --no-header --no-annotate --upgrade -o requirements.lock
	cd $(INTEROP) && rm -rf package-lock.json node_modules && npm install --omit-lockfile-registry-resolved \
		--loglevel=error --no-audit --no-fund --ignore-scripts

.PHONY: interop interop-lock

bench: $(STAMP) ## Measure this server beside others, about ten minutes (ARGS='--quick')
	@$(BIN)/python -m benches.run $(ARGS)

.PHONY: bench

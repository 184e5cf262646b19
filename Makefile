# Everything a person types here is `make SOMETHING`; `make help` names it all.
# Each step leaves a stamp file and runs again only when what it was made from has changed.

PYTHON    ?= python3
INSTALLER ?= uv
ARGS      ?=

VENV    := .venv
BIN     := $(VENV)/bin
SAY     := @printf '\033[1m▸ %s\033[0m\n'
WORDS   := $(wildcard fablab/translations/*/LC_MESSAGES/*.po)
FRONT   := $(wildcard frontend/package.json frontend/package-lock.json frontend/*.mjs frontend/*.js) \
           $(shell find frontend/src -type f 2>/dev/null)
WORKERS ?= 2

# Hashed requirement files, installed by uv in seconds; `INSTALLER=pip` (or a uv that cannot run) takes plain pip.
define install
	if [ "$(INSTALLER)" = uv ] && $(BIN)/uv --version >/dev/null 2>&1; then \
	  VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes --compile-bytecode -r $(1) || exit 1; \
	else \
	  $(BIN)/python -m pip install --quiet --use-pep517 --require-hashes -r $(1) || exit 1; \
	fi
endef

.DEFAULT_GOAL := help
.SUFFIXES:
.PHONY: help demo run test quick check fix bench screenshots migration i18n docs wheel lock clean install assets

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

## ---------------------------------------------------------------- what people do

demo: install assets ## a demo lab with simulated devices; prints its address and logins (ARGS="--speed 60")
	$(SAY) "Starting the demo lab; Ctrl-C ends it"
	@exec $(BIN)/fablab demo $(ARGS)

run: install assets ## your own lab, kept in var/ (configuration: config.toml)
	$(SAY) "Starting the lab; Ctrl-C ends it"
	@exec $(BIN)/fablab up $(ARGS)

test: $(VENV)/.test assets ## all tests: SQLite, PostgreSQL, brokers, browser
	$(SAY) "Tests without a browser, $(WORKERS) at a time"
	@failed=0; \
	$(BIN)/python -m pytest -q -m 'not browser' -n $(WORKERS) --dist loadfile $(ARGS) || failed=1; \
	printf '\033[1m▸ %s\033[0m\n' "Tests in the browser, one at a time"; \
	$(BIN)/python -m pytest -q -m browser $(ARGS) || [ $$? -eq 5 ] || failed=1; \
	exit $$failed

quick: $(VENV)/.test ## the fast tests alone
	@$(BIN)/python -m pytest -q -m 'not (postgres or broker or browser or slow)' $(ARGS)

check: $(VENV)/.test ## lint, format and types
	$(SAY) "Lint"
	@$(BIN)/ruff check .
	$(SAY) "Format"
	@$(BIN)/ruff format --check .
	$(SAY) "Types"
	@$(BIN)/mypy

fix: $(VENV)/.test ## puts lint and format right where that needs no thought
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.test assets ## the benchmarks, each beside its floor; writes docs/performance.md
	$(SAY) "Measuring; keep the machine quiet for a few minutes"
	@$(BIN)/python -m benchmarks $(ARGS)

screenshots: $(VENV)/.test assets ## docs/images/*.png from a running demo (needs Chromium)
	@$(BIN)/python -m tools.screenshots $(ARGS)

## ---------------------------------------------------------------- what developers keep up to date

migration: $(VENV)/.test ## a new migration from the models: make migration NAME=adds_workshops
	@[ -n "$(NAME)" ] || { echo 'Say what it does: make migration NAME=adds_workshops' >&2; exit 2; }
	@$(BIN)/python -m tools.migration "$(NAME)"

i18n: $(VENV)/.test ## collects the texts into the catalogues and compiles them
	@$(BIN)/python -m tools.catalogues
	@$(MAKE) --no-print-directory assets

docs: $(VENV)/.test ## tries every command and example of the docs
	@$(BIN)/python -m pytest -q tests/meta/test_docs.py $(ARGS)

wheel: $(VENV)/.test assets ## dist/fablab-*.whl with templates and assets inside
	@$(BIN)/python -m hatchling build -t wheel -d dist

lock: $(VENV)/.made ## the lock files anew, without host names
	$(SAY) "Python packages"
	@cd requirements && for name in uv node; do \
	  UV_CUSTOM_COMPILE_COMMAND='make lock' ../$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header \
	    --universal --python-version 3.11 $$name.in -o $$name.txt || exit 1; done
	@UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header \
	  --universal --python-version 3.11 --extra build --extra demo --extra pdf --extra postgres pyproject.toml -o requirements/run.txt
	@UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header \
	  --universal --python-version 3.11 --extra test -c requirements/run.txt pyproject.toml -o requirements/test.txt
	$(SAY) "npm packages"
	@cd frontend && npm install --package-lock-only --ignore-scripts

clean: ## removes what was made here: environment, assets, caches (never var/, your lab)
	rm -rf $(VENV) frontend/node_modules fablab/static/dist dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find fablab -name '*.mo' -delete

## ---------------------------------------------------------------- the steps behind them

install: $(VENV)/.run $(VENV)/.fablab
assets: fablab/static/dist/.stamp fablab/translations/.stamp

$(VENV)/.made: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo 'Fablab needs Python 3.11 or newer. On Debian: apt install python3 python3-venv' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo 'This Python cannot make environments. On Debian: apt install python3-venv' >&2; exit 1; }
	$(SAY) "Making the environment in $(VENV)"
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@[ "$(INSTALLER)" != uv ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --require-hashes --no-deps -r requirements/uv.txt || echo 'uv could not be installed; going on with pip.'
	@touch $@

$(VENV)/.run: requirements/run.txt $(VENV)/.made
	$(SAY) "Installing the packages Fablab runs on"
	@$(call install,requirements/run.txt)
	@touch $@

$(VENV)/.fablab: pyproject.toml hatch_build.py $(VENV)/.run
	$(SAY) "Installing Fablab itself"
	@if [ "$(INSTALLER)" = uv ] && $(BIN)/uv --version >/dev/null 2>&1; then \
	  VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e . || exit 1; \
	else \
	  $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e . || exit 1; \
	fi
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.fablab
	$(SAY) "Installing the packages for tests and checks"
	@$(call install,requirements/test.txt)
	@touch $@

$(VENV)/.node: requirements/node.txt $(VENV)/.made
	@if $(BIN)/python tools/assets.py --has-node; then :; else \
	  printf '\033[1m▸ %s\033[0m\n' "No Node 20 on this machine: installing one into $(VENV)"; \
	  $(call install,requirements/node.txt); \
	fi
	@touch $@

fablab/static/dist/.stamp: $(FRONT) tools/assets.py $(VENV)/.node
	$(SAY) "Building the pages' scripts and styles"
	@$(BIN)/python tools/assets.py front
	@mkdir -p $(@D) && touch $@

fablab/translations/.stamp: $(WORDS) tools/assets.py $(VENV)/.run
	$(SAY) "Compiling the translations"
	@$(BIN)/python tools/assets.py words
	@mkdir -p $(@D) && touch $@

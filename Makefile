# Every command sets up what it needs in .venv the first time and is quick after that.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# A process a core, each with whole files, since the tests of a file share compiled programs.
TESTS := -q --numprocesses auto --dist loadfile --jaxtyping-packages=fesolve,beartype.beartype

.PHONY: demo test test-slow bench trust trust-quick compare compare-quick docs gallery release-check lint format types clean help

help: ## show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.installed-cli ## solve the stochastic growth model, print its report, draw its figure
	$(BIN)/fesolve solve stochastic_growth --out results/stochastic_growth

test: $(VENV)/.installed-dev ## run the tests, with shapes and types checked at run time
	$(BIN)/python -m pytest $(TESTS)

test-slow: $(VENV)/.installed-dev ## run the long tests as well
	$(BIN)/python -m pytest --slow --durations=20 $(TESTS)

bench: $(VENV)/.installed-dev ## print the figures of docs/benchmarks.md, measured here
	$(BIN)/python tests/benchmarks.py

trust: $(VENV)/.installed-dev ## measure verdicts and error estimates on problems with known answers (an hour)
	$(BIN)/python tests/trust.py --out results/trust.jsonl

trust-quick: $(VENV)/.installed-dev ## a selection of them, in two minutes; fails where a verdict is wrong
	$(BIN)/python tests/trust.py --quick

compare: $(VENV)/.installed-dev ## measure fesolve and six other tools on the same problems, into docs/ (an hour)
	$(BIN)/python tests/compare/run.py --out results/compare.jsonl --docs

compare-quick: $(VENV)/.installed-dev ## three of these problems, in five minutes and what pip takes the first time
	$(BIN)/python tests/compare/run.py --quick

docs: $(VENV)/.installed-docs ## build the site strictly into site/, after its spelling is checked
	$(BIN)/codespell
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

gallery: $(VENV)/.installed-docs ## run all examples and problems in float64 and float32 (10 minutes; kept)
	$(BIN)/python docs/gallery.py

release-check: $(VENV)/.installed-release ## build wheel and sdist, and try them in empty environments
	.ci/release-check $(BIN)/python

lint: $(VENV)/.installed-dev ## what the style checks say
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(VENV)/.installed-dev ## put the style right
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(VENV)/.installed-dev ## what the type checker says
	$(BIN)/pyright

clean: ## remove what these commands made
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache site results

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "fesolve needs Python 3.11 or later; try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	@echo "Installing fesolve[$*] into $(VENV) (a minute or two, once) ..."
	@$(PIP) install --editable '.[$*]'
	@touch $@

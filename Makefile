# make        set up and run the default study          make test    set up and run the fast tests
# make smoke  both architectures, tiny, minutes         make verify  recompute sampled rows naively
# make check  ruff, snakefmt, snakemake --lint          make docs    regenerate the generated documentation
# make bench  speed as ratios (bench/)                  make test-slow  SLURM, faults, whole studies
# make test-oldest  the engine under transformers 4.57

VENV ?= .venv
BIN := $(VENV)/bin
CORES ?= $(shell nproc)
export PYTHONPATH := workflow
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: run setup test test-slow test-oldest check docs smoke verify models bench

run: setup
	snakemake --cores $(CORES)

setup: $(VENV)/.done

$(VENV)/.done: envs/requirements.txt envs/requirements-dev.txt envs/constraints.txt
	python3 -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check \
	  -c envs/constraints.txt -r envs/requirements.txt -r envs/requirements-dev.txt
	touch $@

test: setup
	pytest -m "not slow"

test-slow: setup
	pytest -m slow

# The engine's differential tests under the oldest transformers that it supports, laid over the environment.
test-oldest: setup build/transformers-4.57
	PYTHONPATH=build/transformers-4.57:workflow pytest \
	  tests/test_layers.py tests/test_decoder.py tests/test_information.py tests/test_sweep.py

build/transformers-4.57:
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $@ \
	  "transformers==4.57.*" "huggingface_hub<1" "tokenizers<0.23"

check: setup
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint

docs: setup
	python -m infohorizon.pipeline.docs

smoke: setup
	python tests/smoke_inputs.py build/smoke
	snakemake --cores $(CORES) --configfile studies/smoke.yaml

verify: setup
	snakemake verify --cores $(CORES)

# Answer quality of the shipped models on the test split, as their cards have it.
models:
	@cat resources/models/*/README.md

bench: setup
	python bench/token_information.py
	python bench/pruning_sweep.py
	python bench/prefill_rate.py
	python bench/growth.py docs/growth.png
	python bench/efficiency.py

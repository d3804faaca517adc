# make        set up and run the default study          make test    set up and run the fast tests
# make smoke  all architectures, tiny, minutes          make verify  recompute sampled rows naively
# make check  ruff, mypy, snakefmt, snakemake --lint    make docs    regenerate the generated documentation
# make bench  speed as ratios (bench/)                  make test-slow  SLURM, faults, whole studies
# make site   the documentation in build/site
# make test-oldest  models under transformers 4.57      make what-reruns  which jobs `make` would run, and why
# make test-devices  every stage under CUDA's rules, on a pretend accelerator, in minutes
# make rehearsal  every stage at the sizes of 7B models with random weights (17 GB of memory, 22 GB of disk)
#
# PYTHON=python3.12  makes the environment with this Python (3.11 to 3.13); later calls stay with it
# VENV=folder        keeps the environment there; the folder is emptied when Python or the pins change
# ARGS="…"           goes to snakemake: make what-reruns ARGS="--configfile studies/quick.yaml"

VENV ?= .venv
BIN := $(VENV)/bin
CORES ?= $(shell nproc)
# A file's tests share what they set up; one thread each, since threads of several processes get in each other's way.
PYTEST := OMP_NUM_THREADS=1 pytest -n $(CORES) --dist loadfile
export PYTHONPATH := workflow
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: run setup test test-slow test-oldest test-devices check docs site smoke rehearsal verify models bench what-reruns pins

run: setup
	snakemake --cores $(CORES) $(ARGS)

setup:
	@sh envs/setup.sh "$(VENV)" "$(PYTHON)"

test: setup
	$(PYTEST) -m "not slow"

test-slow: setup test-devices
	$(PYTEST) -m slow --durations 20

# A process of its own, since the accelerator's rules hold for the whole process; no other tests load it.
test-devices: setup
	OMP_NUM_THREADS=1 pytest tests/devices

# What touches transformers, under the oldest version that is supported (with the hub client and the data loader of its
# time), laid over the environment.
test-oldest: setup build/transformers-4.57
	PYTHONPATH=build/transformers-4.57:workflow $(PYTEST) -m "not slow" \
	  tests/engine tests/models tests/pruning tests/measure/test_downsampling.py tests/measure/test_verification.py

build/transformers-4.57:
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $@ \
	  "transformers==4.57.*" "huggingface_hub<1" "tokenizers<0.23" "datasets==4.0.*"

check: setup
	ruff check .
	ruff format --check .
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint

docs: setup
	python -m infohorizon.pipeline.docs

# Offline, and any warning fails. (The variable silences an advertisement of mkdocs-material.)
site: setup
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

smoke: setup
	python tests/smoke_inputs.py build/smoke
	snakemake --cores $(CORES) --configfile studies/smoke.yaml

# One job after another: each holds a whole model.
rehearsal: setup
	python bench/rehearsal.py write build/rehearsal
	snakemake --cores 1 --configfile studies/rehearsal.yaml
	python bench/rehearsal.py report --docs docs/cost.md

verify: setup
	snakemake verify --cores $(CORES) $(ARGS)

what-reruns: setup
	@snakemake --dry-run $(ARGS) --quiet rules host

# Answer quality of the shipped models on the test split, as their cards have it.
models:
	@cat resources/models/*/README.md

bench: setup
	python bench/token_information.py
	python bench/pruning_sweep.py
	python bench/prefill_rate.py
	python bench/growth.py docs/growth.png
	python bench/answers.py
	python bench/efficiency.py
	python bench/latency.py

# The newest versions that the requirements allow, as pins (envs/pins.py).
pins: setup
	python -m venv --clear build/pins
	build/pins/bin/pip install --quiet --disable-pip-version-check \
	  -r envs/requirements.txt -r envs/requirements-pipeline.txt -r envs/requirements-dev.txt
	build/pins/bin/python envs/pins.py

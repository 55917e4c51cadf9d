# `make benchmark` and `make test` set up what they need first, and no more: what runs needs, and what developers need
# besides. `PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make benchmark` takes torch without CUDA.
#
#   make benchmark [PROFILE=smoke|default|trained|leaderboard|literature|full] [OUT=folder]

PROFILE ?= default
OUT ?= runs/$(PROFILE)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BASELINE := experiments/baselines/smoke.csv
# Options of the check, such as --markdown summary.md.
CHECK ?=
FOLDERS := core audio datasets classifier transfer metrics experiments

# The project's folders must not shadow packages of the same name.
export PYTHONSAFEPATH = 1

# A value as one word of the shell, whatever is in it.
quoted = '$(subst ','\'',$(1))'

.PHONY: help setup setup-dev system benchmark test lint types regression baseline validate-metrics validate-human bench-metrics bench-transfer bench-datasets studies docs clean
.DEFAULT_GOAL := help

help:
	@echo "make benchmark [PROFILE=smoke|default|trained|leaderboard|literature|full] [OUT=folder]   build, train, transfer, score, rank"
	@echo "make test         run the tests"
	@echo "make lint types   check style, the direction of imports, and types"
	@echo "make regression   compare a smoke run with the stored baseline"
	@echo "make baseline     make a smoke run the stored baseline"
	@echo "make validate-metrics [OUT=folder] [DATASET=folder]        check that metrics do what they declare"
	@echo "make validate-human DATA=folder [RATINGS=file OUTPUTS=folder] [OUT=folder] [FIT=1]   hold metrics against listeners, for docs/human.md"
	@echo "make bench-metrics [OUT=folder]   time all metrics on one output"
	@echo "make bench-transfer [OUT=folder] [DATASET=folder]          time all methods on 10 s, for docs/speed.md"
	@echo "make studies [RUN=folder] [OUT=folder] [SETTING=small|paper]  repeat the experiments of the papers"
	@echo "make bench-datasets [MIDI=archive] [AUDIOSET=folder]       time builds, for docs/dataset-speed.md"
	@echo "make docs         build the documentation into site/"
	@echo "make setup        install what running needs into $(VENV)"
	@echo "make setup-dev    install what tests, linters and the documentation need besides"
	@echo "make clean        remove $(VENV) and all caches, never results"

setup: system $(VENV)/installed

# What pip cannot bring: the synthesizer's library and the soundfont.
system:
	@PYTHON=$(call quoted,$(PYTHON)) sh system-packages.sh

$(VENV)/installed: pyproject.toml constraints.txt
	$(call quoted,$(PYTHON)) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

setup-dev: setup $(VENV)/installed-dev

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,docs]'
	# Without what it asks for and is not used here: TensorFlow.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps basic-pitch
	touch $@

benchmark: setup
	$(BIN)/timbrebench run $(call quoted,$(PROFILE)) --out $(call quoted,$(OUT))

# Two workers, since a test keeps to one core. Tests of one file stay together: they share what takes long to make;
# in the order of the folders, the long ones do not come last.
test: setup-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

# Type checkers find a namespace package by its folder's name, which here is the checkout's.
types: setup-dev
	mkdir -p .types/timbrebench
	for folder in $(FOLDERS); do ln -sfn ../../$$folder .types/timbrebench/$$folder; done
	$(BIN)/mypy $(foreach folder,$(FOLDERS),-p timbrebench.$(folder))

regression: setup
	$(BIN)/timbrebench run smoke --out $(call quoted,$(OUT))
	$(BIN)/timbrebench check $(call quoted,$(OUT)) --baseline $(BASELINE) $(CHECK)

baseline: setup
	$(BIN)/timbrebench run smoke --out $(call quoted,$(OUT))
	$(BIN)/timbrebench baseline $(call quoted,$(OUT)) --out $(BASELINE) --force

regression baseline: OUT = runs/smoke

# On the dataset and judge of the run `trained`, as far as they are there and fit; what is missing is built in OUT.
validate-metrics: DATASET ?= $(patsubst %/dataset.json,%,$(wildcard runs/trained/dataset/dataset.json))
validate-metrics: OUT = runs/validity
validate-metrics: setup
	$(BIN)/timbrebench validate-metrics --out $(call quoted,$(OUT)) $(if $(DATASET),--dataset $(call quoted,$(DATASET)))

# On recordings and ratings of others, which are in a folder: docs/human.md says where they are from.
validate-human: OUT = runs/human
validate-human: setup
	@test -n $(call quoted,$(DATA)) || { echo "make validate-human DATA=folder: the folder of the listening studies"; exit 2; }
	$(BIN)/timbrebench validate-human $(call quoted,$(DATA)) --out $(call quoted,$(OUT)) $(if $(RATINGS),--ratings $(call quoted,$(RATINGS)) --outputs $(call quoted,$(OUTPUTS))) $(if $(FIT),--fit)

bench-metrics: OUT = runs/bench-metrics
bench-metrics: setup
	$(BIN)/timbrebench bench-metrics --out $(call quoted,$(OUT))

bench-transfer: OUT = runs/bench-transfer
bench-transfer: setup
	$(BIN)/timbrebench bench-transfer --out $(call quoted,$(OUT)) $(if $(DATASET),--dataset $(call quoted,$(DATASET)))
	cp $(call quoted,$(OUT)/speed.md) docs/speed.md

# On the data of a run, which `make benchmark PROFILE=trained` makes.
studies: RUN ?= runs/trained
studies: SETTING ?= small
studies: OUT = runs/studies
studies: setup
	$(BIN)/timbrebench study all --run $(call quoted,$(RUN)) --out $(call quoted,$(OUT)) --setting $(call quoted,$(SETTING))

bench-datasets: OUT = runs/bench-datasets
bench-datasets: setup
	$(BIN)/timbrebench bench-datasets --out $(call quoted,$(OUT)) $(if $(MIDI),--midi $(call quoted,$(MIDI))) $(if $(AUDIOSET),--audioset $(call quoted,$(AUDIOSET)))
	cp $(call quoted,$(OUT)/dataset-speed.md) docs/dataset-speed.md

# Strict: a broken link, or a setting without documentation, stops it.
docs: setup-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) .types build dist site *.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

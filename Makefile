# make try    teach the shipped model four things, cut the power, ask                (about 1 minute with downloads)
# make demo   train, convert, teach, kill, ask: the whole way on real pictures        (about 25 minutes on 2 cores)
#             CONFIG=tiny_edge: with that configuration, its shipped model after a short training of its own
# make test   lint, then every part's tests, sampled and seeded                       (about 30 minutes on 2 cores)
# Each target sets up what it needs: Debian packages (or says which), virtual environments, downloads.

SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PY := $(VENV)/bin/python
export TF_CPP_MIN_LOG_LEVEL ?= 3
export TF_ENABLE_ONEDNN_OPTS ?= 1
export PYTHONUNBUFFERED := 1

.PHONY: help try demo test test-full lint format bench report crashlab fuzz setup system clean

help:
	@sed -n '1,5s/^# //p' Makefile
	@echo "also: make test-full | lint | format | bench | report | crashlab | fuzz | setup | clean"

# what a Raspberry Pi needs, nothing of TensorFlow
build/try.stamp: tools/system_packages.sh
	@mkdir -p build
	@bash tools/system_packages.sh try
	@touch $@

.venvs/try/.stamp: pyproject.toml tools/make_venv.sh | build/try.stamp
	@bash tools/make_venv.sh $(PYTHON) .venvs/try ".[pi]"
	@touch $@

try: BEGAN := $(shell date +%s)
try: .venvs/try/.stamp
	@.venvs/try/bin/python tools/try.py --began $(BEGAN)

system: build/system.stamp
build/system.stamp: tools/system_packages.sh
	@mkdir -p build
	bash tools/system_packages.sh
	@touch $@

# tensorflow 2.21 for training and conversion, ai-edge-litert as the Pi runtime, PlatformIO for the firmware
$(VENV)/.stamp: pyproject.toml tools/make_venv.sh
	@bash tools/make_venv.sh $(PYTHON) $(VENV) ".[train,mcu,pi,page,mqtt,dev]"
	@touch $@

# tflite-runtime 2.14 wants numpy 1 and CPython <= 3.11: an environment of its own
.venvs/tflite/.stamp: pyproject.toml tools/make_venv.sh
	@bash tools/make_venv.sh $(PYTHON) .venvs/tflite "pytest>=8" "pillow>=10" "tflite-runtime==2.14.0" "numpy<2"
	@touch $@

setup: system $(VENV)/.stamp .venvs/tflite/.stamp
	@$(PY) -m bitmar.native.build --quiet

build/demo.stamp: tools/system_packages.sh
	@mkdir -p build
	bash tools/system_packages.sh demo
	@touch $@

# neither browsers nor other computers' compilers: those are for the tests
demo: build/demo.stamp $(VENV)/.stamp
	@$(PY) -m bitmar.native.build --quiet
	$(PY) tools/demo.py $(if $(CONFIG),--config $(CONFIG))

lint: system $(VENV)/.stamp
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(VENV)/bin/lint-imports --no-logo --no-cache
	git ls-files '*.c' '*.h' '*.cpp' | xargs clang-format --dry-run --Werror
	shellcheck $$(git ls-files '*.sh') .ci/run

format: system $(VENV)/.stamp
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
	git ls-files '*.c' '*.h' '*.cpp' | xargs clang-format -i

test: setup lint
	$(PY) -m pytest -q --durations=15

test-full: setup lint
	BITMAR_FUZZ_EXAMPLES=20 $(PY) -m pytest -q --durations=30 -m 'full or not full' --timeout 7200

bench: setup
	$(PY) benchmarks/run_all.py

report: setup
	$(PY) pipeline.py report
	$(PY) benchmarks/readme.py

crashlab: setup
	$(PY) tests/crashlab/run.py

fuzz: setup
	$(PY) tests/memstore/fuzz.py

clean:
	rm -rf build .pio runs .pytest_cache

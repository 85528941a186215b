# Every target works on a fresh machine with Python 3.10 to 3.13 (with venv) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SECONDS ?= 60
SEEDS ?= 10
CASES ?= 1000000
SEED ?= 1
SCALE ?= 1
TOOLS := build/tools
# Packages are made with the interpreter that they are installed for: the one of the distribution.
SYSTEM_PYTHON ?= /usr/bin/python3

.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

# One stamp per set of extras, so that the demo does not wait for tools that only tests need.
$(VENV)/demo.stamp: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing ofa-agent with the simulated camera and the builder"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[demo]'
	@touch $@

$(VENV)/test.stamp: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing ofa-agent with the test tools"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/demo.stamp

$(VENV)/dev.stamp: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing ofa-agent with the development tools"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/test.stamp $(VENV)/demo.stamp

$(TOOLS)/stamp: deploy/lock/tools.lock
	@$(PYTHON) -m venv --clear $(TOOLS)
	@$(TOOLS)/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r deploy/lock/tools.lock
	@touch $@

demo: $(VENV)/demo.stamp ## the real daemon on a simulated camera for about a minute (SECONDS=60)
	@$(BIN)/ofa-agent demo --seconds $(SECONDS)

test: $(VENV)/test.stamp ## the whole test suite
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not soak' -n auto --dist loadfile --max-worker-restart 0

check: $(VENV)/dev.stamp ## linters, types, rooms, protos, generated code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tools/structure.py agent tests
	@$(BIN)/buf lint
	@BIN=$(BIN) sh tools/buf_breaking.sh
	@$(BIN)/python tools/generate_stubs.py --check

bench: $(VENV)/test.stamp ## figures against references of the same run, to bench.json (ROOMS="builder")
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.bench $(ROOMS)

bench-policy: $(VENV)/test.stamp ## policies on LineShift beside the optimum, to bench-policy.json (SEEDS=10)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.bench.policy --seeds $(SEEDS)

soak: $(VENV)/test.stamp ## the reliability list at full length, to reliability.json (ITEMS="3 6" SCALE=0.01: a part of it)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.reliability $(ITEMS) --scale $(SCALE)

# Guided by coverage as well, where atheris has a wheel (Linux on x86-64).
fuzz: $(VENV)/test.stamp ## broken input for every reader, to reliability.json (CASES=1000000 SEED=1 TARGETS="config")
	@$(BIN)/pip install --quiet --disable-pip-version-check --only-binary atheris -e '.[fuzz]' || true
	@$(BIN)/python -m tests.fuzz $(TARGETS) --cases $(CASES) --seed $(SEED)
	@$(BIN)/python -m tests.fuzz $(TARGETS) --cases $(CASES) --seed $(SEED) --coverage

supernet: $(VENV)/demo.stamp ## train the demo's supernet again (hours; needs torch)
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[train]'
	@sh deploy/demo/train.sh $(BIN)

wheel: $(TOOLS)/stamp ## sdist and wheel, to dist/
	@$(TOOLS)/bin/python deploy/wheel.py --out dist

deb: ## Debian packages for this machine's release, to build/deb/
	@test -x $(SYSTEM_PYTHON) || { echo "make deb: $(SYSTEM_PYTHON) is missing: apt install python3 python3-venv" >&2; exit 1; }
	@$(SYSTEM_PYTHON) -I deploy/deb/build.py --out build/deb

# Needs root and Debian's tools (mmdebstrap, lintian); skips with the reason elsewhere.
package-check: $(VENV)/test.stamp ## the packages installed, upgraded and removed in a tree; service, rules and recipe checked
	@$(BIN)/python -m pytest tests/package tests/unit/test_systemd_units.py tests/unit/telemetry/test_metrics_deploy.py --timeout 600

lock: $(TOOLS)/stamp ## resolve deploy/lock again (UPGRADE=--upgrade for newer versions)
	@sh deploy/lock/resolve.sh $(TOOLS)/bin/uv $(UPGRADE)

clean: ## remove the virtual environment and the demo's state
	rm -rf $(VENV) .demo build dist *.egg-info

# Needs root, mmdebstrap and systemd-nspawn; says so where one is missing. Three minutes; POINTS="frozen reloads": some.
boot: $(VENV)/test.stamp deb ## the packages in a Debian tree booted with systemd, to `N passed, M failed`
	@bash tools/boot_test.sh $(POINTS)

boot-usb: $(VENV)/test.stamp deb ## the same on an emulated machine, with a USB camera plugged in
	@bash tools/boot_usb.sh

.PHONY: help demo test check bench bench-policy soak fuzz supernet wheel deb package-check boot boot-usb lock clean

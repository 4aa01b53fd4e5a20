# The project's own commands. `make demo` and `make test` need nothing but Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest

.PHONY: demo test check fuzz lab lab-smoke soak bench conformance simulation simulation-ring setup clean

setup: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "hashell needs Python 3.11 or newer; say which with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 5; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	    { echo "no virtual environment: install the venv module first (Debian: apt-get install python3-venv)" >&2; exit 5; }
	@echo "setting up $(VENV) ..."
	@# compat: a plain path entry; the import hook of other editable installs costs every start 60 ms
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat -e '.[dev]'
	@touch $(STAMP)

demo: setup
	@$(BIN)/hashell demo

test: setup
	$(PYTEST) -q -n 2 --dist loadfile --ignore=tests/lab --ignore=tests/benchmarks

check: setup
	$(BIN)/ruff check hashell tests
	$(BIN)/mypy hashell
	$(BIN)/lint-imports

simulation: setup
	HASHELL_SEEDS=$${HASHELL_SEEDS:-1000} $(PYTEST) -q -n $${HASHELL_JOBS:-2} --timeout=3000 tests/simulation

# Rings alone, two thousand seeds: what every change has to pass. A night: HASHELL_SEEDS=100000 make simulation-ring
simulation-ring: setup
	HASHELL_SEEDS=$${HASHELL_SEEDS:-2000} $(PYTEST) -q -n $${HASHELL_JOBS:-2} --timeout=3000 tests/simulation/test_ring.py

# Random and damaged packets against a ring: ten million by default, with progress.
fuzz: setup
	@$(BIN)/python -m tests.simulation.fuzz_ring --count $${HASHELL_PACKETS:-10000000}

lab: setup
	$(PYTEST) -v --timeout=900 tests/lab

lab-smoke: setup
	$(PYTEST) -v --timeout=900 -m smoke tests/lab

# Long runs: the race of two nodes for each other, and random trouble, each round from a seed of its own.
soak: setup
	HASHELL_ROUNDS=$${HASHELL_ROUNDS:-50} HASHELL_SEED=$${HASHELL_SEED:-$$(date +%s)} \
	    $(PYTEST) -v -s --timeout=900 tests/lab/test_fence_race.py tests/lab/test_trouble_random.py

bench: setup
	@$(BIN)/python -m tests.benchmarks

conformance: setup
	@$(BIN)/python -m tests.conformance

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

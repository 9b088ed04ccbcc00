# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests that compute and nothing else, and tests that share a network, JACK or the time; both kinds apart from the others.
COMPUTING := $(addprefix tests/,analysis generator offline scene training)
ALONE := $(addprefix tests/,audio bench control test_cluster.py)
PYTEST := $(BIN)/python -m pytest --durations=20
TWO := --numprocesses=2 --dist=loadfile

.PHONY: demo test lint bench lock clean

demo: $(VENV)/.installed
	$(BIN)/avserver serve $(ARGS)

test: $(VENV)/.installed-dev test-programs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(if $(ARGS),$(PYTEST) $(ARGS),$(PYTEST) $(TWO) $(COMPUTING))
	$(if $(ARGS),,$(PYTEST) $(TWO) $(COMPUTING:%=--ignore=%) $(ALONE:%=--ignore=%))
	$(if $(ARGS),,$(PYTEST) $(ALONE))

bench: $(VENV)/.installed
	$(BIN)/avserver bench $(ARGS)

# Debian keeps venv apart from python3. Root gets it installed, anyone else is told.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
		|| { echo "avserver needs Python 3.11, 3.12 or 3.13 as $(PYTHON); name another with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || sh .ci/apt python3-venv
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.installed

# What tests use beside Python: a real browser (its driver needs libatomic), what makes the music to learn from, a JACK
# server, which needs no sound card, and Node for its client, whose package brings the library with it.
.PHONY: test-programs
test-programs:
	@{ command -v chromium-headless-shell && /sbin/ldconfig -p | grep libatomic.so.1; } >/dev/null \
		|| sh .ci/apt chromium-headless-shell libatomic1
	@{ command -v fluidsynth && command -v mma && test -e /usr/share/sounds/sf2/TimGM6mb.sf2; } >/dev/null \
		|| sh .ci/apt fluidsynth mma timgm6mb-soundfont
	@{ command -v jackd && /sbin/ldconfig -p | grep libportaudio.so.2; } >/dev/null || sh .ci/apt jackd2 libportaudio2
	@{ command -v gcc && test -e /usr/include/linux/videodev2.h; } >/dev/null || sh .ci/apt gcc libc6-dev
	@{ command -v node && command -v npm; } >/dev/null || sh .ci/apt nodejs npm
	@{ test -e clients/node/node_modules/.package-lock.json && test ! clients/node/package-lock.json -nt \
		clients/node/node_modules/.package-lock.json; } || npm ci --prefix clients/node --ignore-scripts --no-audit --no-fund --loglevel=error

# Names, versions and hashes of everything that is installed; needs uv.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
		--no-header pyproject.toml --group build -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
		--no-header pyproject.toml --group dev -o requirements-dev.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache

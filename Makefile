# Two commands do everything on a fresh machine: `make studio` and `make test`.
PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin
STAMP := .venv/.installed
DEV_STAMP := .venv/.installed-dev

.PHONY: install install-cluster studio demo test test-slow lint clean

install: $(STAMP)

$(STAMP): requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

install-cluster: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-cluster.txt

$(DEV_STAMP): $(STAMP) requirements-dev.txt requirements-cluster.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

studio: install
	$(BIN)/punchcard studio --port $(PORT) --with-worker --sample

demo: install
	$(BIN)/punchcard demo

test: $(DEV_STAMP)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

test-slow: $(DEV_STAMP)
	$(BIN)/python -m pytest -m slow

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

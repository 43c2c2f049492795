# phosphene: make demo, make test, make env. Needs python3 >= 3.11 with pip; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: env demo test lint wheel web web-check bench clean

env: .venv/.env

demo: env
	$(BIN)/phosphene render miniception mixed4b:11 -o demo.png

# A process per core, a thread each: twice as fast on two cores as one process with two threads.
test: .venv/.test lint
	OMP_NUM_THREADS=1 PHOSPHENE_TEST_THREADS=1 $(BIN)/pytest -n auto --dist worksteal

lint: .venv/.test
	$(BIN)/ruff check src tests training benchmarks
	$(BIN)/ruff format --check src tests training benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

# The built wheel in an empty environment, as a user gets it.
wheel: .venv/.env
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir build/wheel .
	$(PYTHON) -m venv build/wheel/empty
	build/wheel/empty/bin/pip install --quiet build/wheel/*.whl
	cd build/wheel && empty/bin/phosphene render miniception conv2:3 --steps 8 -o wheel.png
	test -s build/wheel/wheel.png && test -s build/wheel/wheel.json
	cd build/wheel && empty/bin/phosphene sweep miniception --store gallery --layers conv2 --units 0:2 --recipe draft --steps 2 -q
	cd build/wheel && empty/bin/phosphene export gallery site -q && test -s site/index.html && test -s site/app.js

# The microscope's pages from their sources, for those who change them; needs node. What is built is committed.
web: frontend/node_modules/.package-lock.json
	cd frontend && npm run --silent build

web-check: web
	git diff --exit-code --stat -- src/phosphene/web/dist || { echo "the built pages are not those of frontend/: make web, and commit"; exit 1; }
	test -z "$$(git ls-files --others --exclude-standard -- src/phosphene/web/dist)"

frontend/node_modules/.package-lock.json: frontend/package-lock.json
	cd frontend && npm ci --silent --no-audit --no-fund

# Speed and quality against other tools, about an hour: JSON and tables in build/bench. MODEL and LAYER: a network of yours.
BENCH := .venv-bench/bin/python -m benchmarks.speed
bench: .venv-bench/.env
	mkdir -p build/bench
	$(BENCH) --out build/bench --threads 1
	$(BENCH) --out build/bench
	$(BENCH).whole --out build/bench --threads 1
	$(BENCH).parity --out build/bench
	$(BENCH).fidelity --out build/bench
	$(if $(MODEL),$(BENCH).parity --out build/bench --model $(MODEL) --layer $(LAYER) --size 96)
	$(if $(MODEL),$(BENCH).fidelity --out build/bench --model $(MODEL) --layers $(LAYER) --size 96)

.venv-bench/.env: pyproject.toml benchmarks/requirements.txt benchmarks/peers.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --editable .
	.venv-bench/bin/pip install --quiet -r benchmarks/requirements.txt
	.venv-bench/bin/pip install --quiet --no-deps -r benchmarks/peers.txt
	touch $@

.venv/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "phosphene needs python 3.11 or newer; say which: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	touch $@

.venv/.env: .venv/.venv pyproject.toml
	$(BIN)/pip install --quiet --editable .
	touch $@

.venv/.test: .venv/.env pyproject.toml
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

clean:
	rm -rf .venv .venv-bench build demo.png demo.json

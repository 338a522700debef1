# make: set up and run the default study. make test: set up and test.
# make bench: speed and quality figures, after a finished `make`.
# make bench-scale: up to 1,000 heads through the mesh stages, in scale/; takes an hour.

PYTHON ?= python3
BIN := .venv/bin

.DELETE_ON_ERROR:
.PHONY: all test bench bench-scale clean

all: .venv/ready
	$(BIN)/snakemake --cores all
	@echo "The report is results/default/report/index.html"

test: .venv/ready
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

bench: .venv/ready
	$(BIN)/python -m benchmarks

bench-scale: .venv/ready
	$(BIN)/python -m benchmarks.scale

.venv/ready: envs/requirements.lock pyproject.toml envs/set-up.sh
	PYTHON=$(PYTHON) sh envs/set-up.sh
	touch $@

clean:
	rm -rf .venv .snakemake

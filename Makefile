# make demo reconstructs the example photos; make test runs the whole suite. Both create .venv.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.installed
# `learn` adds torch: 200 MB if pip's index has a build for the CPU, several gigabytes if it only has the one for GPUs.
EXTRAS ?= all,dev
# A photo of a cup of coffee that comes with scikit-image.
CUP = import pathlib, skimage; print(pathlib.Path(skimage.__file__).parent / "data/coffee.png")
TINY_STEPS ?= 400
TINY_IOU ?= 0.45
LEARN = $(VENV)/.installed-learn
# Tests and sources are compiled once, also where the surroundings say otherwise: collecting 4,500 tests takes 10 s then, not 25.
export PYTHONDONTWRITEBYTECODE =
# Each writes its JSON to benchmarks/results, from which the tables in docs/benchmarks.md are generated.
BENCHES = $(filter $(basename $(notdir $(wildcard benchmarks/*.py))),cameras reconstruction speed repair differentiable)

.PHONY: venv install learn demo test quick lint types train-tiny bench tables clean help

help:
	@echo "make demo | test | quick | lint | types | train-tiny | bench | tables | clean"

venv: $(BIN)/python
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "lift3d needs Python 3.11, 3.12 or 3.13, for example: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

install: $(READY)
$(READY): requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable '.[$(EXTRAS)]'
	@touch $@

learn: $(LEARN)
$(LEARN): $(READY)
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable '.[$(EXTRAS),learn,onnx,export]'
	@touch $@

demo: learn
	@mkdir -p demo
	$(BIN)/lift3d reconstruct examples/photos -o demo/model.glb
	$(BIN)/lift3d reconstruct "$$($(BIN)/python -c '$(CUP)')" -o demo/cup.glb
	@echo
	@echo "Measured from 22 photos: demo/model.glb; predicted from one: demo/cup.glb"
	@echo "Beside each: four views, NAME.png, and its report, NAME.report.json"

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations=15

quick: learn
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

lint: learn types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: learn
	$(BIN)/mypy

# A first training run on generated furniture, three to four minutes on two cores (IoU 0.39 after 100 steps,
# 0.51 at the end where it was measured). The IoU that it must reach is printed beside its own.
train-tiny: learn
	$(BIN)/python examples/tiny_corpus.py demo/tiny/meshes
	test -f demo/tiny/corpus/corpus.json || $(BIN)/lift3d corpus build demo/tiny/corpus --from demo/tiny/meshes
	$(BIN)/lift3d train image-to-voxels --data demo/tiny/corpus --views 6 -o demo/tiny/run \
	  --set steps=$(TINY_STEPS) --set width=16 --set layers=1 --set views=1 --set batch=12 --set validate=100
	@$(BIN)/python -c 'import json; iou = json.load(open("demo/tiny/run/best.json"))["iou"]; \
	  print(f"IoU on unseen furniture: {iou:.2f} (must be over $(TINY_IOU))"); raise SystemExit(iou < $(TINY_IOU))'

bench: learn
	for name in $(BENCHES); do $(BIN)/python benchmarks/$$name.py || exit 1; done
	$(MAKE) tables

tables: learn
	$(BIN)/python benchmarks/tables.py
	$(BIN)/python benchmarks/draw_mappings.py

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

"""`lift3d train embedding`, `evaluate`, and a search with the trained weights, on a tiny corpus."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import lift3d

pytest.importorskip("torch")

from lift3d.evaluate.scores.retrieval import retrieval_scores  # noqa: E402

TINY = "steps=2 batch=3 width=8 layers=1 solid=4 begin=none words=false held=3 validate=2 warmup=1 precision=float32"


def test_scores_of_a_table() -> None:
    kinds = np.array(["a", "a", "b", "unknown"])
    scores = np.array([[9, 8, 1, 0], [7, 6, 9, 0], [0, 0, 5, 0], [3, 2, 1, 0]], np.float32)
    rows = retrieval_scores(scores, kinds)
    assert rows["first"].tolist() == [1, 0, 1, 0] and rows["five"].tolist() == [1, 1, 1, 1]
    assert rows["kin"][:3] == pytest.approx([1, (1 / 2 + 2 / 3) / 2, 1])
    np.fill_diagonal(scores, -np.inf)
    alone = retrieval_scores(scores, kinds, without_self=True)
    assert alone["first"].tolist() == [1, 0, 0, 0] and alone["kin"][:2] == pytest.approx([1, 1 / 2])


@pytest.mark.slow
def test_train_evaluate_and_search(small: tuple[Path, Path], tmp_path: Path) -> None:
    run, sets = tmp_path / "run", [word for option in TINY.split() for word in ("--set", option)]
    where = ("--data", small[0], "--pictures", small[1])
    code, said = lift3d("train", "embedding", *where, "-o", run, *sets)
    assert code == 0 and "best.safetensors" in said, said
    code, said = lift3d(
        "evaluate", "embedding", *where, "--weights", run, "--split", "val", "-o", tmp_path / "table"
    )
    assert code == 0 and "photo: views, solid and category" in said and "image_to_voxels features" in said, (
        said
    )
    table = json.loads((tmp_path / "table/embedding.json").read_text())
    for name in ("mix", "mix_of_models"):
        assert sum(table[name][part] for part in ("views", "solid", "category")) == pytest.approx(1)
    assert all(0 <= v <= 1 for row in table["rows"].values() for v in row["objects"].values())
    assert (tmp_path / "table/embedding.png").stat().st_size > 1000
    models = small[0].parent / "m"
    assert lift3d("index", models, "-o", tmp_path / "i", "--weights", run)[0] == 0
    code, said = lift3d("search", models / "kind1/1.stl", "--index", tmp_path / "i", "--weights", run, "-q")
    assert code == 0 and said.splitlines()[0].endswith("kind1/1.stl"), said

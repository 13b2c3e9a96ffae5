"""Table of completion: means over objects and over categories by hand, and the score of an empty mesh."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import trimesh

pytest.importorskip("torch")

from lift3d.evaluate.points_to_voxels import (  # noqa: E402
    CLOSED,
    NETWORK,
    REFLECTED,
    format_table,
    score_completion,
    summary,
)
from lift3d.geometry.metrics.solids import WORST_SCORES, SampledSurface  # noqa: E402

COLUMNS = {"category": ["chair", "chair", "table"], "family": ["a", "b", "c"]}
CORPUS: Any = SimpleNamespace(column=COLUMNS.__getitem__)
CASES: Any = [SimpleNamespace(shape=s, mode=m) for s, m in ((0, "cut"), (0, "view"), (1, "cut"), (2, "cut"))]


def scores(*values: float) -> list[Any]:
    return [replace(WORST_SCORES, f_score=value, chamfer=value / 10) for value in values]


def test_rows_are_means_over_objects_and_over_categories_of_one_mode() -> None:
    table = summary(
        CORPUS, CASES, {NETWORK: scores(0.2, 0.9, 0.4, 0.8), REFLECTED: scores(0.1, 0.6, 0.3, 0.2)}
    )
    cut = table["rows"]["cut"][NETWORK]
    assert cut["f1"] == [0.2, 0.4, 0.8]
    assert cut["objects"]["f1"] == pytest.approx(1.4 / 3)
    assert cut["categories"]["f1"] == pytest.approx((0.3 + 0.8) / 2)
    assert cut["categories"]["chamfer"] == pytest.approx(0.055)
    assert table["rows"]["view"][NETWORK]["f1"] == [0.9]
    # the reflected parts have a mean over categories of (0.2 + 0.2) / 2
    assert table["ratio"] == pytest.approx({"cut": 0.55 / 0.2, "view": 1.5})
    assert table["cases"] == 4 and table["shapes"] == [0, 0, 1, 2]


def test_modes_without_cases_and_tables_without_the_network_have_no_ratio() -> None:
    table = summary(CORPUS, CASES[:1], {CLOSED: scores(0.2)})
    assert list(table["rows"]) == ["cut"] and table["ratio"] == {}
    lines = format_table({**table, "split": "test"})
    assert lines[0].startswith("1 partial surfaces of shapes of the test split")
    assert len(lines) == 3 and CLOSED in lines[2] and "0.200" in lines[2]


def test_the_true_mesh_has_a_perfect_score_and_an_empty_mesh_the_worst() -> None:
    sphere = trimesh.creation.icosphere(3)
    points, faces = trimesh.sample.sample_surface(sphere, 4000, seed=0)
    truth = SampledSurface(
        np.asarray(sphere.vertices),
        np.asarray(sphere.faces, np.int32),
        points,
        sphere.face_normals[faces],
        2.0,
    )
    perfect = score_completion(sphere, truth)
    assert perfect.f_score == pytest.approx(1) and perfect.chamfer < 1e-6
    assert score_completion(trimesh.Trimesh(), truth) == WORST_SCORES
    larger = sphere.copy()
    larger.apply_scale(1.1)  # 5 % of the longest side away
    assert score_completion(larger, truth).f_score == 0

"""The table of reconstructions from one photo: columns, means, the choice of a threshold, and the text."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from lift3d.evaluate import image_to_voxels as table_of  # noqa: E402
from lift3d.evaluate.image_to_voxels import (  # noqa: E402
    THREE_PHOTOS,
    best_threshold,
    format_table,
    score_columns,
    summary,
    tilt,
)
from lift3d.evaluate.scores.view_truth import ViewScores  # noqa: E402
from lift3d.geometry.metrics.solids import SurfaceScores  # noqa: E402
from lift3d.train.tasks.image_to_voxels import THRESHOLDS  # noqa: E402


def score(value: float) -> ViewScores:
    surface = SurfaceScores(value / 2, value / 4, value)
    return ViewScores({32: value, 64: value / 2}, surface, 0.1, 0.01, 90 * value, value)


def test_means_over_objects_and_over_categories() -> None:
    columns = score_columns([score(v) for v in (0.2, 0.4, 0.9)])
    assert columns["iou64"].tolist() == [0.1, 0.2, 0.45] and columns["up"].tolist() == pytest.approx(
        [18, 36, 81]
    )
    found = summary({"network": columns}, ["chair", "chair", "table"], ["a", "b", "c"])
    row = found["rows"]["network"]
    assert row["objects"]["iou32"] == pytest.approx(0.5) and row["categories"]["iou32"] == pytest.approx(0.6)
    assert row["up_median"] == pytest.approx(36)
    assert found["categories"]["chair"] == {
        "shapes": 2,
        "network": pytest.approx({"iou64": 0.15, "f1": 0.15}),
    }
    low, high = row["interval"]["iou32"]
    assert low <= 0.6 <= high
    lines = format_table(
        {
            **found,
            "pictures": 3,
            "split": "test",
            "identity_up": 12.5,
            "robustness": {"none": 0.25, "blur": 0.125},
        }
    )
    assert "3 images" in lines[0] and lines[2].split()[0] == "network" and lines[2].split()[-1] == "36.0"
    assert "12.5 degrees" in lines[3] and lines[4].endswith("none 0.250, blur 0.125")


def test_the_threshold_with_the_largest_iou_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    class Truth:
        def __init__(self, solids: Any, view: Any) -> None:
            self.best = view

        def iou_by_threshold(self, prediction: Any, thresholds: np.ndarray, n: int) -> np.ndarray:
            return 1 - (thresholds - self.best) ** 2

    monkeypatch.setattr(table_of, "GroundTruth", Truth)
    method = SimpleNamespace(predict=lambda view, images: seen.append(len(images)))
    cases = [SimpleNamespace(view=t, images=np.zeros((3, 1))) for t in (THRESHOLDS[1], THRESHOLDS[3])]
    assert best_threshold(method, None, cases, "network") == THRESHOLDS[2]  # type: ignore[arg-type]
    assert best_threshold(method, None, cases, THREE_PHOTOS) == THRESHOLDS[2]  # type: ignore[arg-type]
    assert seen == [1, 1, 3, 3]


@pytest.mark.parametrize("degrees", [0.0, 30.0, 90.0, 180.0])
def test_the_tilt_is_the_angle_between_the_up_directions(degrees: float) -> None:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    # the object's z in the camera frame, whose y points down
    to_view = np.eye(4)
    to_view[:3, 2] = [s, -c, 0]
    assert tilt(SimpleNamespace(to_view=to_view)) == pytest.approx(degrees, abs=1e-4)  # type: ignore[arg-type]

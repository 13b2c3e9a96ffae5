"""The table of whole outputs: a row for each set, refused or not, and the mean and the worst of each group."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import reconstruction_tables as made


def scored(f: float, iou: float | None, inside: float) -> dict[str, Any]:
    whole = {"f_1": f, "f_05": f / 2, "precision_1": f, "recall_1": f, "iou": iou, "inside": inside, "outside": 0.0,
             "max_inside": 2.0, "max_outside": 0.0, "volume": None}  # fmt: skip
    return {
        "whole": whole, "surface": {"f_1": 0.99, "f_05": 0.9}, "depth": {"within": 0.9}, "registered": 24, "photos": 26,
        "up_deg": 1.25, "wall_s": 60.0, "warnings": ["Two photos could not be placed."], "kind": "object", "peak_gib": 1.5,
    }  # fmt: skip


def test_rows_are_in_groups_with_mean_and_worst(tmp_path: Path) -> None:
    results = {
        "bad_fog": {"refused": "the photos show nothing: take others", "wall_s": 3.0},
        "bust": scored(0.9, 0.8, 0.1), "mushroom": scored(0.8, None, 0.3), "spot": scored(0.95, 0.9, 0.0),
    }  # fmt: skip
    made.whole_table(results, tmp_path)
    table = json.loads((tmp_path / "whole.json").read_text())["table"]
    rows = {row[0]: dict(zip(table["columns"], row)) for row in table["rows"]}
    assert list(rows) == ["spot", "mushroom", "bust", "overhangs: mean", "overhangs: worst", "bad_fog"]
    assert all(len(row) == len(table["columns"]) for row in table["rows"])
    mean, worst = rows["overhangs: mean"], rows["overhangs: worst"]
    assert (mean["F 1 %"], mean["IoU"], mean["% inside"]) == (0.85, 0.8, 20.0)
    assert (worst["F 1 %"], worst["IoU"], worst["% inside"]) == (0.8, 0.8, 30.0)
    assert rows["bust"]["photos placed"] == "24 of 26" and rows["bust"]["said"] == "warned"
    assert rows["bad_fog"]["said"] == "refused" and rows["bad_fog"]["IoU"] is None


def test_a_line_names_scores_warnings_and_refusals() -> None:
    text = made.line("bust", scored(0.9, None, 0.1))
    assert (
        "whole F 0.900 / 0.450" in text
        and "IoU none, known none / none" in text
        and "10.0 % inside (to 2.0 %)" in text
    )
    assert "warning: Two photos" in text
    assert (
        made.line("bad_fog", {"refused": "nothing is seen", "wall_s": 3.0})
        == "bad_fog: refused in 3 s: nothing is seen"
    )

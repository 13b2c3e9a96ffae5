"""The interface of evaluators: evenly spaced indices, the progress of a stage, and the written table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.evaluate.interface import Evaluation, Request, evenly_spaced


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 500), st.integers(1, 500) | st.none())
def test_indices_are_distinct_evenly_spaced_and_contain_both_ends(count: int, limit: int | None) -> None:
    found = evenly_spaced(count, limit)
    assert len(set(found.tolist())) == len(found) == min(count, limit or count)
    assert found[0] == 0 and (len(found) == 1 or found[-1] == count - 1)
    assert len(found) < 2 or np.ptp(np.diff(found)) <= 1
    if limit is None or limit >= count:
        assert found.tolist() == list(range(count))


def test_the_progress_of_a_stage_carries_its_name() -> None:
    seen: list[tuple[str, float]] = []
    request = Request(
        "flow", Path("c"), Path("p"), progress=lambda stage, fraction: seen.append((stage, fraction))
    )
    request.track("gallery")(0.25)
    request.track("test")(1.0)
    assert seen == [("gallery", 0.25), ("test", 1.0)]


def test_the_table_is_written_into_a_new_folder_or_not_at_all(tmp_path: Path) -> None:
    table = {"iou": 0.5, "rows": {"network": [1, 2]}}
    evaluation = Evaluation("solids", table, ["one"])
    assert evaluation.write(None) is evaluation and not list(tmp_path.iterdir())
    assert evaluation.write(tmp_path / "new" / "folder") is evaluation
    written = (tmp_path / "new" / "folder" / "solids.json").read_text()
    assert json.loads(written) == table and written.endswith("}\n")

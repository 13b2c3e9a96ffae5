"""`lift3d explain`: what is printed, and one sentence for bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import lift3d

from lift3d import api
from lift3d.pipelines.explanations.explanation import Explanation, Region


@pytest.fixture
def found() -> Explanation:
    return Explanation(
        "shape", "volume", "fraction of the voxels", "gradients", np.zeros((4, 4), np.float32), 0.1, 0.0, 0.013, 73, 1.0,
        on_object=0.9, object_area=0.3, on_edge=0.4, regions=(Region((1, 2, 3, 4), 0.25, "lowers"),),
        channels={"colour": 0.2, "silhouette": 0.8}, notes=("a note",),
    )  # fmt: skip


def test_options_reach_the_function_and_numbers_are_printed(
    found: Explanation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[tuple, dict]] = []

    def explain(*given: object, **options: object) -> Explanation:
        calls.append((given, options))
        return found

    monkeypatch.setattr(api, "explain", explain, raising=False)
    words = (
        "--what",
        "shape",
        "--at",
        "3,4",
        "--region",
        "back",
        "--object",
        "5,6",
        "--box",
        "1,2,3,4",
        "--steps",
        32,
    )
    code, said = lift3d("explain", "cup.jpg", "-o", tmp_path / "why.png", *words)
    assert code == 0, said
    ((given, options),) = calls
    assert given == (Path("cup.jpg"), tmp_path / "why.png")
    assert (options["at"], options["object_at"], options["box"]) == ("3,4", "5,6", "1,2,3,4")
    assert (options["what"], options["region"], options["steps"]) == ("shape", "back", 32)
    for part in ("raises the volume", "90 % of the attribution", "30 % of the pixels", "40 % near", "silhouette 80 %",
                 "1,2,3,4: 25 %, lowers it", "1.3 %", "a note"):  # fmt: skip
        assert part in said, said
    code, said = lift3d("explain", "cup.jpg", "-o", tmp_path / "why.png", "-q")
    assert code == 0 and said.strip() == ""


def test_bad_input_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    for words, message in (
        (("none.jpg", "-o", tmp_path / "a.png"), "none.jpg"),
        (("none.jpg", "-o", tmp_path / "a.glb"), "does not end in .png"),
        (("none.jpg", "-o", tmp_path / "a.png", "--method", "lime"), "no method lime"),
        (("none.jpg", "-o", tmp_path / "a.png", "--what", "price"), "no output price"),
        (("none.glb", "-o", tmp_path / "a.glb"), "none.glb"),
        ((tmp_path, "-o", tmp_path / "a.glb"), "is a folder"),
    ):
        code, said = lift3d("explain", *words)
        assert code == 2 and message in said and "Traceback" not in said, said
    assert not list(tmp_path.iterdir())

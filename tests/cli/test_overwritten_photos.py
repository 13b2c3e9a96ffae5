"""A photo that an output, or a file beside it, would overwrite: one sentence that names it, exit code 2, nothing written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import lift3d
from PIL import Image as Pil


@pytest.mark.parametrize(
    ("command", "photo", "output", "written"),
    [
        ("depth", "a.png", "a.png", "the output"),
        ("depth", "a.png", "sub/../a.png", "the output"),
        ("depth", "a.preview.png", "a.png", "a.preview.png"),
        ("mask", "a.png", "a.png", "the output"),
        ("mask", "a.png", "link.png", "the output"),
        ("reconstruct", "a.png", "a.glb", "a.png"),
        ("reconstruct", "?.png", "a.glb", "a.png"),
        ("relief", "a.png", "a.stl", "a.png"),
        ("lithophane", "a.png", "a.3mf", "a.png"),
    ],
)
def test_a_photo_is_not_overwritten(
    tmp_path: Path, command: str, photo: str, output: str, written: str
) -> None:
    name = "a.png" if photo == "?.png" else photo
    Pil.fromarray(np.full((40, 40, 3), 90, np.uint8)).save(tmp_path / name)
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / name)
    before = {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    code, said = lift3d(command, tmp_path / photo, "-o", tmp_path / output)
    words = " ".join(said.split())
    assert code == 2, said
    assert written in words and f"would overwrite the photo {name}, which it is made from" in words, said
    assert "Traceback" not in said
    assert {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before


@pytest.mark.parametrize("option", ["--normals", "--points"])
def test_outputs_of_depth_do_not_overwrite_each_other(tmp_path: Path, option: str) -> None:
    """The normals under the name of the preview; points have another ending and never collide."""
    Pil.fromarray(np.full((40, 40, 3), 90, np.uint8)).save(tmp_path / "a.png")
    name = "d.preview.png" if option == "--normals" else "d.png"
    code, said = lift3d("depth", tmp_path / "a.png", "-o", tmp_path / "d.png", option, tmp_path / name)
    assert code == 2 and ("same name" in said or "is not a PLY" in said), said
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]

"""OFF: headers of every form, polygons, and hostile files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lift3d.errors import InputError
from lift3d.io.mesh import off
from lift3d.io.mesh.meshes import load_mesh

CUBE = """8 6 12
0 0 0
1 0 0
1 1 0
0 1 0
0 0 1
1 0 1
1 1 1
0 1 1
4 3 2 1 0
4 4 5 6 7
4 0 1 5 4
4 1 2 6 5
4 2 3 7 6
4 3 0 4 7
"""


@pytest.mark.parametrize("head", ["OFF\n", "off\n", "OFF ", "OFF", "# comment\n\nOFF\n# another\n"])
def test_every_form_of_the_header(tmp_path: Path, head: str) -> None:
    (tmp_path / "a.off").write_text(head + CUBE)
    mesh = load_mesh(tmp_path / "a.off")
    assert mesh.volume == pytest.approx(1) and len(mesh.faces) == 12 and mesh.units is None


def test_comments_and_colours_of_faces_are_ignored() -> None:
    (part,) = off.read(b"OFF\n3 1 0\n0 0 0 # origin\n1 0 0\n0 1 0\n3 0 1 2 255 0 0\n", Path("a.off")).parts
    assert part.faces.tolist() == [[0, 1, 2]] and np.allclose(part.vertices[1], [1, 0, 0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("PLY\n", "not an OFF file"),
        ("", "not an OFF file"),
        ("OFF\nmany vertices\n", "does not state how many"),
        ("OFF\n", "does not state how many"),
        ("OFF\n3 1 0\n0 0 0\n", "cut short"),
        ("OFF\n-1 1 0\n0 0 0\n", "cut short"),
        ("OFF\n99999999999 1 0\n0 0 0\n", "cut short"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n4 0 1 2\n", "missing corners"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n-3 0 1 2\n", "missing corners"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n", "out of range"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 nan 0\n3 0 1 2\n", "not finite"),
    ],
)
def test_hostile_files(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        off.read(text.encode(), Path("a.off"))


@pytest.mark.parametrize("length", range(0, len(CUBE), 7))
def test_a_file_cut_anywhere_is_read_or_refused(tmp_path: Path, length: int) -> None:
    (tmp_path / "a.off").write_text(("OFF\n" + CUBE)[:length])
    try:
        assert len(load_mesh(tmp_path / "a.off").faces)
    except InputError as error:
        assert "\n" not in str(error)

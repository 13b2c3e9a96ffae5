"""A folder of meshes: layouts, up axes, and hostile folders."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from lift3d.corpus.sources.folder import SYNSETS, Folder, detect_layout, parse_path
from lift3d.errors import InputError

OFF = b"OFF\n4 4 6\n0 0 0\n1 0 0\n0 1 0\n0 0 3\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n"
SHAPENET = "03001627/abc/models/model_normalized.obj"
UID = "0" * 32


def fill(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(OFF)
    return root


@pytest.mark.parametrize(
    ("paths", "layout"),
    [
        ([SHAPENET, "03001627/b/model.obj", "other.obj"], "ShapeNetCore"),
        (["chair/train/a.off", "chair/test/b.off"], "ModelNet"),
        ([f"glbs/000-001/{UID}.glb"], "Objaverse"),
        (["chair/a.off", "chair/train/b.off"], "folder"),
        ([], "folder"),
    ],
)
def test_the_layout_of_most_files_counts(paths: list[str], layout: str) -> None:
    assert detect_layout(paths) == layout


@pytest.mark.parametrize(
    ("path", "layout", "expected"),
    [
        (SHAPENET, "ShapeNetCore", ("chair", "abc", None)),
        ("09999999/abc/model.obj", "ShapeNetCore", ("09999999", "abc", None)),
        ("night_stand/test/n_1.off", "ModelNet", ("night_stand", "n_1", "test")),
        (f"glbs/000-001/{UID}.glb", "Objaverse", (None, UID, None)),
        ("My Chairs/a.b.off", "folder", ("my_chairs", "My Chairs/a.b", None)),
        ("a.off", "folder", (None, "a", None)),
    ],
)
def test_category_identity_and_split_of_a_path(path: str, layout: str, expected: tuple) -> None:
    assert parse_path(path, layout) == expected


def test_shapenet_has_55_categories() -> None:
    assert len(SYNSETS) == 55 and SYNSETS["03001627"] == "chair"


def test_entries_are_sorted_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path, "b/2.off", "a/1.off", ".git/x.off", "a/.hidden.off", "a/readme.txt")
    source = Folder(tmp_path, licence="CC0-1.0", author="Ann")
    entries = source.entries()
    assert [e.key for e in entries] == [f"{source.name}/a/1.off", f"{source.name}/b/2.off"]
    assert (
        {e.category for e in entries} == {"a", "b"}
        and entries[0].licence == "CC0-1.0"
        and source.needs("anything")
    )


@pytest.mark.parametrize(("up", "height"), [("z", 3.0), ("y", 1.0)])
def test_the_up_axis_applies_to_formats_that_do_not_state_it(tmp_path: Path, up: str, height: float) -> None:
    source = Folder(fill(tmp_path, "a/1.off"), up)
    (part,) = source.load(source.entries()[0])
    assert np.ptp(part.vertices[:, 2]) == height


@pytest.mark.parametrize("packed", [False, True])
def test_the_list_of_objaverse_gives_categories(tmp_path: Path, packed: bool) -> None:
    fill(tmp_path, f"glbs/000-001/{UID}.glb")
    text = json.dumps({"Armchair (old)": [UID]}).encode()
    name = "lvis-annotations.json" + (".gz" if packed else "")
    (tmp_path / name).write_bytes(gzip.compress(text) if packed else text)
    assert Folder(tmp_path).entries()[0].category == "armchair_old"


@pytest.mark.parametrize("text", [b"x", b"[1]", b'{"a": 1}'])
def test_a_damaged_list_is_an_error(tmp_path: Path, text: bytes) -> None:
    fill(tmp_path, f"glbs/000-001/{UID}.glb")
    (tmp_path / "lvis-annotations.json").write_bytes(text)
    with pytest.raises(InputError, match="not a list of models"):
        Folder(tmp_path).entries()


def test_folders_without_meshes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no meshes"):
        Folder(tmp_path).entries()
    with pytest.raises(InputError, match="is not a folder"):
        Folder(tmp_path / "none")


def test_names_of_folders_are_safe_in_keys(tmp_path: Path) -> None:
    (tmp_path / "my models!").mkdir()
    assert Folder(tmp_path / "my models!").name == "my-models-"

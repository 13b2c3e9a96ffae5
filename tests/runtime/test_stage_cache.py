"""The cache of finished steps: complete or absent, valid only under its key, and locked by one run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.errors import InputError
from lift3d.runtime.stage_cache import Stages, key_of


def saved(folder: Path, name: str = "surface", key: str = "k") -> trimesh.Trimesh:
    mesh = trimesh.creation.box((1, 2, 3))
    with Stages(folder) as stages:
        stages.save(name, key, mesh, {"faces": 12, "ratio": float("nan")})
    return mesh


def test_a_step_is_loaded_under_its_key_only(tmp_path: Path) -> None:
    mesh = saved(tmp_path)
    with Stages(tmp_path) as stages:
        found = stages.load("surface", "k")
        assert found is not None
        value, evidence = found
        np.testing.assert_array_equal(value.vertices, mesh.vertices)
        np.testing.assert_array_equal(value.faces, mesh.faces)
        assert evidence["faces"] == 12 and np.isnan(evidence["ratio"])
        assert stages.load("surface", "another key") is None
        assert stages.load("texture", "k") is None


@pytest.mark.parametrize("suffix", [".npz", ".json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone"])
def test_a_damaged_step_is_computed_again(tmp_path: Path, suffix: str, damage: str) -> None:
    saved(tmp_path)
    path = tmp_path / f"surface{suffix}"
    data = path.read_bytes()
    middle = len(data) // 2
    changed = {
        "cut": data[:middle],
        "flip": data[:middle] + bytes([data[middle] ^ 0x5A]) + data[middle + 1 :],
        "empty": b"",
        "gone": None,
    }[damage]
    if changed is None:
        path.unlink()
    else:
        path.write_bytes(changed)
    with Stages(tmp_path) as stages:
        if suffix == ".json" and damage == "flip":  # a flip may hit white space, or a digit of the checksum
            found = stages.load("surface", "k")
            assert found is None or found[1]["faces"] == 12
        else:
            assert stages.load("surface", "k") is None


def test_an_interrupted_write_leaves_no_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    with Stages(tmp_path) as stages:
        monkeypatch.setattr("lift3d.runtime.stage_cache.os.replace", fails)
        with pytest.raises(OSError, match="No space"):
            stages.save("surface", "k", trimesh.creation.box(), {})
        monkeypatch.undo()
        assert stages.load("surface", "k") is None
        assert not list(tmp_path.glob("*.part"))


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    (tmp_path / "depths.npz.part").write_bytes(b"half")
    with Stages(tmp_path):
        assert not list(tmp_path.glob("*.part"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no advisory locks")
@pytest.mark.slow
def test_two_runs_cannot_share_a_folder(tmp_path: Path) -> None:
    with Stages(tmp_path):
        code = (
            "import sys; from pathlib import Path; from lift3d.runtime.stage_cache import Stages\n"
            "from lift3d.errors import InputError\n"
            "try:\n    Stages(Path(sys.argv[1]))\nexcept InputError as error:\n    print(error)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60
        )
    assert "another run is using" in done.stdout and done.stderr == ""
    with Stages(tmp_path):
        pass  # released at the end of the block


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="work folder"):
        Stages(tmp_path / "file" / "below")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(json_values, json_values)
def test_keys_differ_exactly_where_the_facts_differ(a: object, b: object) -> None:
    same = json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    assert (key_of(a) == key_of(b)) == same


def test_the_order_of_a_dictionary_does_not_change_the_key() -> None:
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    assert key_of("a", "b") != key_of("b", "a")

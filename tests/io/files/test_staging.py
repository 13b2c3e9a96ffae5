"""Outputs that belong together appear together or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from lift3d.errors import InputError
from lift3d.io.files import interrupt
from lift3d.io.files.staging import staging, staging_folder


def test_files_appear_when_the_block_ends(tmp_path: Path) -> None:
    with staging(tmp_path / "new" / "a.obj") as folder:
        (folder / "a.obj").write_text("model")
        (folder / "a.mtl").write_text("material")
        assert not (tmp_path / "new" / "a.obj").exists()
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["a.mtl", "a.obj"]


def test_the_model_is_moved_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (moved.append(Path(b).name), replace(a, b))[1])
    with staging(tmp_path / "a.obj") as folder:
        for name in ("a.obj", "z.png", "a.mtl"):
            (folder / name).write_text(name)
    assert moved == ["a.mtl", "z.png", "a.obj"]


def test_nothing_changes_on_failure(tmp_path: Path) -> None:
    target = tmp_path / "a.obj"
    target.write_text("old")
    with pytest.raises(RuntimeError), staging(target) as folder:
        (folder / "a.obj").write_text("new")
        raise RuntimeError
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


def test_an_interruption_that_a_library_swallowed_is_raised(tmp_path: Path) -> None:
    interrupt.reset()
    with pytest.raises(KeyboardInterrupt), staging(tmp_path / "a.obj") as folder:
        (folder / "a.obj").write_text("new")
        with contextlib.suppress(BaseException):
            interrupt.handle_signal(2, None)
    interrupt.reset()
    assert not list(tmp_path.iterdir())


def test_a_folder_is_not_overwritten_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.obj").mkdir()
    with pytest.raises(InputError, match="a folder has this name"), staging(tmp_path / "a.obj"):
        raise AssertionError("the block must not run")


def test_a_file_in_the_path_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="a file, not a folder"), staging(tmp_path / "file" / "a.obj"):
        raise AssertionError("the block must not run")


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "set"
    target.mkdir()
    with staging_folder(target) as folder:
        (folder / "a").write_text("a")
        assert not list(target.iterdir())
    assert [p.name for p in target.iterdir()] == ["a"] and list(tmp_path.iterdir()) == [target]


def test_a_folder_that_filled_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "set"
    with pytest.raises(InputError, match="cannot write"), staging_folder(target) as folder:
        (folder / "a").write_text("a")
        target.mkdir()
        (target / "theirs").write_text("b")
    assert [p.name for p in target.iterdir()] == ["theirs"]


@pytest.mark.skipif(os.name != "posix", reason="process ids")
def test_the_rest_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    dead = tmp_path / ".a.obj.999999999.parts"
    other = tmp_path / ".b.obj.999999999.parts"
    alive = tmp_path / f".a.obj.{os.getppid()}.parts"
    for folder in (dead, other, alive):
        folder.mkdir()
    with staging(tmp_path / "a.obj") as folder:
        (folder / "a.obj").write_text("")
    assert not dead.exists() and other.exists() and alive.exists()

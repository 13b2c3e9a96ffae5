"""Files appear whole or not at all, and every refusal is one sentence."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lift3d.errors import InputError
from lift3d.io.files import atomic
from lift3d.io.files.atomic import write_bytes, writing, writing_together


def entries(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_the_file_appears_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "new" / "statue.glb"
    with writing(target) as part:
        assert part.parent == target.parent and part.suffix == ".glb" and part.name.startswith(".")
        part.write_bytes(b"model")
        assert not target.exists()
    assert target.read_bytes() == b"model"
    assert entries(target.parent) == ["statue.glb"]
    assert target.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_old_file(tmp_path: Path, stop: type[BaseException]) -> None:
    target = tmp_path / "statue.glb"
    target.write_bytes(b"old")
    with pytest.raises(stop), writing(target) as part:
        part.write_bytes(b"half")
        raise stop
    assert target.read_bytes() == b"old"
    assert entries(tmp_path) == ["statue.glb"]


def test_files_that_belong_together_come_last_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (moved.append(Path(b).name), replace(a, b)))
    with writing_together(tmp_path / "a.obj", tmp_path / "a.mtl", tmp_path / "a.png") as parts:
        for part in parts:
            part.write_bytes(part.suffix.encode())
    assert moved == ["a.png", "a.mtl", "a.obj"]
    assert entries(tmp_path) == ["a.mtl", "a.obj", "a.png"]


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="disk is full"), writing(tmp_path / "a.glb") as part:
        part.write_bytes(b"x")
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(InputError, match="disk is full"), writing(tmp_path / "a.glb") as part:
        try:
            Path("/dev/full").write_bytes(b"x")
        except FileNotFoundError:
            pytest.skip("no /dev/full here")
    assert entries(tmp_path) == []


def test_a_file_size_limit_counts_as_full(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    code = (
        "import resource, signal; from lift3d.io.files.atomic import write_bytes\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        f"write_bytes({str(tmp_path / 'a.glb')!r}, bytes(5000))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "InputError" in done.stderr and "disk is full" in done.stderr
    assert entries(tmp_path) == []


def test_a_read_only_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(atomic.os, "open", refuse)
    with pytest.raises(InputError, match="read-only"), writing(tmp_path / "a.glb"):
        pytest.fail("the block must not start")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user who can be refused")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="read-only"), writing(tmp_path / "a.glb"):
            pass
    finally:
        tmp_path.chmod(0o700)


def test_impossible_targets_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder.glb").mkdir()
    for place in (tmp_path / "file" / "a.glb", tmp_path / "folder.glb", tmp_path / ("x" * 300 + ".glb")):
        with pytest.raises(InputError, match="cannot write"), writing(place):
            pytest.fail("the block must not start")
    assert entries(tmp_path) == ["file", "folder.glb"]


def test_an_error_of_the_work_itself_is_not_renamed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), writing(tmp_path / "a.glb"):
        (tmp_path / "missing").read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="process numbers are asked for on POSIX only")
def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    target = tmp_path / "a.glb"
    code = (
        "import os, signal; from lift3d.io.files.atomic import writing\n"
        f"with writing({str(target)!r}) as part:\n"
        "    part.write_bytes(b'half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], timeout=60)
    assert not target.exists() and len(entries(tmp_path)) == 1
    write_bytes(target, b"whole")
    assert entries(tmp_path) == ["a.glb"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real.glb"
    real.write_bytes(b"old")
    link = tmp_path / "link.glb"
    link.symlink_to(real)
    write_bytes(link, b"new")
    assert link.is_symlink() and real.read_bytes() == b"new"

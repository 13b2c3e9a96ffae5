"""Debian packages: selection, links, and hostile archives."""

from __future__ import annotations

import errno
from pathlib import Path

import game_files as files
import pytest

from lift3d.corpus.packages import deb as module
from lift3d.corpus.packages.deb import is_disk_error, list_files, short_reason, unpack
from lift3d.errors import InputError

HELD = {"usr/share/a.txt": b"alpha", "usr/share/doc/p/copyright": b"free", "usr/bin/tool": b"\x7fELF"}


def package(tmp_path: Path, **more: object) -> Path:
    path = tmp_path / "p_1_all.deb"
    path.write_bytes(files.deb(HELD, **more))  # type: ignore[arg-type]
    return path


def test_the_list_comes_from_the_checksums(tmp_path: Path) -> None:
    assert list_files(package(tmp_path)) == sorted(HELD)
    assert list_files(package(tmp_path, sums=False)) is None


def test_only_selected_files_are_unpacked(tmp_path: Path) -> None:
    unpack(package(tmp_path), tmp_path / "out", lambda path: path.startswith("usr/share"))
    found = {
        p.relative_to(tmp_path / "out").as_posix(): p.read_bytes()
        for p in (tmp_path / "out").rglob("*")
        if p.is_file()
    }
    assert found == {k: v for k, v in HELD.items() if k.startswith("usr/share")}
    assert not list(tmp_path.glob("*.part"))


def test_links_that_lead_outside_are_left_out(tmp_path: Path) -> None:
    links = {"usr/share/b": "a.txt", "usr/share/up": "../../../../etc/passwd", "usr/share/abs": "/etc/passwd"}
    unpack(package(tmp_path, links=links), tmp_path / "out", lambda path: True)
    found = tmp_path / "out/usr/share"
    assert (
        (found / "b").read_bytes() == b"alpha"
        and not (found / "up").is_symlink()
        and not (found / "abs").is_symlink()
    )


@pytest.mark.parametrize("cut", [0, 7, 8, 60, 100, 300, -10])
def test_a_package_cut_anywhere_leaves_nothing(tmp_path: Path, cut: int) -> None:
    path = package(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match="p_1_all.deb"):
        unpack(path, tmp_path / "out", lambda path: True)
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob("*.part"))


def test_a_package_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 2)
    with pytest.raises(InputError, match="unpacks to more than"):
        unpack(package(tmp_path), tmp_path / "out", lambda path: True)


def test_errors_of_the_disk_are_not_called_damage() -> None:
    assert is_disk_error(OSError(errno.ENOSPC, "full")) and not is_disk_error(OSError(errno.EIO, "x"))
    assert not is_disk_error(ValueError("x"))


def test_reasons_are_short_and_printable() -> None:
    assert short_reason(ValueError("a\n\tb \x00é")) == "a b \\x00\\xe9"
    assert short_reason(ValueError()) == "ValueError" and len(short_reason(ValueError("x" * 500))) == 80

"""Packages are unpacked as far as wanted, once, and never outside their folder."""

from __future__ import annotations

from pathlib import Path

import game_files as files
import pytest

from lift3d.corpus.packages.obtain import Package, obtain
from lift3d.errors import InputError

DOC = "usr/share/doc/thing/copyright"
HELD = {f"./{DOC}": b"free", "./usr/a.obj": b"v", "./usr/deep/b.step": b"s" * 1000}


def got(folder: Path, data: bytes, **more) -> Package:
    (folder / "debs").mkdir(exist_ok=True)
    (folder / "debs/thing_1%3a2.0-1_all.deb").write_bytes(data)
    return obtain("thing", folder / "cache", folder / "debs", lambda _: None, **more)


def names(package: Package) -> set[str]:
    return {f.relative_to(package.root).as_posix() for f in package.root.rglob("*") if not f.is_dir()}


@pytest.mark.parametrize("sums", [True, False])
def test_selected_files_and_the_copyright_are_unpacked(tmp_path, sums):
    data = files.deb(HELD, sums=sums)
    whole = got(tmp_path, data)
    assert whole.version == "1:2.0-1" and whole.copyright.read_bytes() == b"free"
    assert names(whole) == {name.removeprefix("./") for name in HELD}
    some = got(tmp_path, data, wanted=lambda path: path.endswith(".obj"))
    assert names(some) == ({DOC, "usr/a.obj"} if sums else names(whole))


def test_different_selections_have_different_folders(tmp_path):
    data = files.deb(HELD)
    one = got(tmp_path, data, wanted=lambda path: path.endswith(".obj"))
    two = got(tmp_path, data, wanted=lambda path: path.endswith(".step"))
    same = got(tmp_path, data, wanted=lambda path: path == "usr/a.obj")
    assert one.root == same.root != two.root and got(tmp_path, data).root not in (one.root, two.root)


def test_nothing_leaves_the_folder(tmp_path):
    evil = {"../out": b"x", "/out": b"x", "./in/out": b"ok"}
    links = {"./a": "/etc/passwd", "./b": "../../..", "./deep/er/c": "../../x/d", "./deep/er/e": "c/../..",
             "./good": "in/out", "./in/out": "/etc/passwd"}  # fmt: skip
    package = got(tmp_path, files.deb(HELD | evil, links))
    assert {"in/out", "good"} <= names(package) and (package.root / "in/out").read_bytes() == b"ok"
    for file in package.root.rglob("*"):
        assert file.resolve().is_relative_to(package.root.resolve())
    assert not (tmp_path / "out").exists() and not (tmp_path / "cache/out").exists()


@pytest.mark.parametrize("cut", range(0, 100, 9))
def test_a_package_cut_anywhere_is_refused_and_leaves_nothing(tmp_path, cut):
    data = files.deb(HELD)
    with pytest.raises(InputError, match="thing_"):
        got(tmp_path, data[: len(data) * cut // 100])
    assert not list((tmp_path / "cache").rglob("*.obj"))


def test_a_member_of_negative_size_is_refused(tmp_path):
    data = bytearray(files.deb(HELD))
    data[8 + 48 : 8 + 58] = b"-60       "
    with pytest.raises(InputError, match="damaged"):
        got(tmp_path, bytes(data))


def test_a_folder_without_the_package(tmp_path):
    with pytest.raises(InputError, match="holds no thing_"):
        obtain("thing", tmp_path / "cache", tmp_path)

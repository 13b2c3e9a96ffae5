"""Zip archives inside packages: selection, reuse, and hostile archives."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from lift3d.corpus.packages import unzip as module
from lift3d.corpus.packages.unzip import unzip
from lift3d.errors import InputError


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return path


def test_selected_files_appear_beside_the_archive(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"m/a.obj": b"v", "m/b.class": b"x", "c\\d.obj": b"w"})
    folder = unzip(path, lambda name: name.endswith(".obj"))
    assert folder == tmp_path / "a.zip.unpacked"
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.obj")) == ["c/d.obj", "m/a.obj"]
    assert not list(folder.rglob("*.class")) and not (tmp_path / "a.zip.part").exists()


def test_an_unpacked_folder_is_reused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a": b"1"})
    folder = unzip(path, lambda name: True)
    path.write_bytes(b"damaged")
    assert unzip(path, lambda name: True) == folder and (folder / "a").read_bytes() == b"1"


def test_paths_that_lead_outside_are_left_out(tmp_path: Path) -> None:
    inner = tmp_path / "in"
    inner.mkdir()
    folder = unzip(
        archive(inner / "a.zip", {"../evil": b"x", "/abs": b"x", "a/../../evil": b"x", "ok": b"y"}),
        lambda name: True,
    )
    assert [p.name for p in folder.rglob("*")] == ["ok"] and not (tmp_path / "evil").exists()


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\3\4" + bytes(50)])
def test_damage_is_one_sentence_and_leaves_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(InputError, match="a.zip is damaged"):
        unzip(tmp_path / "a.zip", lambda name: True)
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_damaged_contents_are_found_by_their_checksum(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a": bytes(range(256)) * 8})
    data = bytearray(path.read_bytes())
    data[60] ^= 255
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="damaged"):
        unzip(path, lambda name: True)


@pytest.mark.parametrize("limit", [("MAX_TOTAL", 10), ("MAX_ENTRIES", 1)])
def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: tuple[str, int]) -> None:
    monkeypatch.setattr(module, *limit)
    with pytest.raises(InputError, match="would unpack"):
        unzip(archive(tmp_path / "a.zip", {"a": bytes(9), "b": bytes(9)}), lambda name: True)

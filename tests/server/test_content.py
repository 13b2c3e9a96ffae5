"""What an upload is, by its content; archives within limits."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

pytest.importorskip("fastapi")
import lift3d
from lift3d.errors import InputError
from lift3d.server.archive import unpack_photos
from lift3d.server.content import sniff
from lift3d.server.uploads import shown_name


def picture(format: str) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(data, format)
    return data.getvalue()


@pytest.mark.parametrize(
    ("format", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp"), ("TIFF", ".tif")]
)
def test_pictures(tmp_path: Path, format: str, suffix: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(picture(format))
    assert (found := sniff(path, "x")).kind == "photo" and found.suffix == suffix


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_pictures_that_are_cut_short_are_refused(tmp_path: Path, format: str) -> None:
    path, data = tmp_path / "x", io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(data, format)
    for part in (0.4, 0.9):
        path.write_bytes(data.getvalue()[: int(part * len(data.getvalue()))])
        with pytest.raises(InputError, match="x is cut short: its end is missing"):
            sniff(path, "x")
    path.write_bytes(data.getvalue() + bytes(5000))  # cameras write more behind the end
    assert sniff(path, "x").kind == "photo"


@pytest.mark.parametrize("suffix", [".glb", ".obj", ".ply", ".stl", ".3mf"])
def test_models(tmp_path: Path, suffix: str) -> None:
    lift3d.save(trimesh.creation.box(), tmp_path / f"box{suffix}")
    named = (tmp_path / f"box{suffix}").rename(tmp_path / "data")
    assert (found := sniff(named, "data")).kind == "model" and found.suffix == suffix


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (b"solid cube\nfacet normal 0 0 1\n", ".stl"), (b"OFF\n8 6 12\n0 0 0\n", ".off"),
        (b"# a comment\nv 0 0 0\nv 1 0 0\n", ".obj"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", ".mp4"), (b"\0\0\0\x18ftypheic\0\0\0\0", ".heic"), (b"\x1aE\xdf\xa3webm", ".mkv"),
    ],
)  # fmt: skip
def test_other_beginnings(tmp_path: Path, content: bytes, suffix: str) -> None:
    (tmp_path / "x").write_bytes(content)
    assert sniff(tmp_path / "x", "x").suffix == suffix


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"), (b"GIF89a", "GIF"), (b"%PDF-1.7", "PDF"), (b'{"asset": {"version": "2.0"}}', "GLB"),
        (b"MZ\x90", "neither"),
        (b"PK\x03\x04 and then nothing", "damaged ZIP"), (b"hello world", "neither"), (b"\x1f\x8b\x08", "gzip"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match=words):
        sniff(tmp_path / "x", "x")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_named_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(data)
    try:
        sniff(path, "any")
    except InputError as error:
        assert str(error).endswith(".")


def pack(path: Path, entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def unpack(path: Path, folder: Path, entry: int = 10**6, total: int = 10**7, files: int = 10) -> list[str]:
    numbers = iter(range(10**6))
    taken, left_out = unpack_photos(path, path.name, lambda: folder / str(next(numbers)), entry, total, files)
    assert {p.name for p in folder.iterdir()} == {entry.path.name for entry in taken}
    return [entry.name for entry in taken] + [f"left out {name}" for name, _ in left_out]


def test_photos_of_an_archive_and_no_name_is_a_path(tmp_path: Path) -> None:
    (folder := tmp_path / "out").mkdir()
    archive = pack(
        tmp_path / "a.zip",
        {
            "../../evil.jpg": picture("JPEG"),
            "/etc/b.png": picture("PNG"),
            "notes.txt": b"text",
            "__MACOSX/._b.png": b"x",
            "d/": b"",
        },
    )
    assert sorted(unpack(archive, folder)) == ["b.png", "evil.jpg", "left out notes.txt"]
    assert not (tmp_path / "evil.jpg").exists()


@pytest.mark.parametrize(
    ("entries", "limits", "words"),
    [
        ({"bomb.jpg": bytes(5_000_000)}, {}, "more than the limit"),
        ({"a.jpg": b"\xff\xd8\xff" + bytes(range(256)) * 8000}, {"entry": 10**6}, "more than the limit"),
        ({f"{k}.jpg": picture("JPEG") for k in range(20)}, {}, "more than 10 files"),
        ({"notes.txt": b"hello"}, {}, "no photos"),
    ],
)  # fmt: skip
def test_archives_that_exceed_a_limit_leave_nothing(
    tmp_path: Path, entries: dict[str, bytes], limits: dict[str, int], words: str
) -> None:
    (folder := tmp_path / "out").mkdir()
    archive = pack(tmp_path / "a.zip", entries, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match=words):
        unpack(archive, folder, **limits)
    assert not list(folder.iterdir())


def test_stated_sizes_above_a_limit_are_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.zip", {f"{k}.jpg": bytes(100_000) for k in range(9)}, zipfile.ZIP_DEFLATED)

    def new_path() -> Path:
        raise AssertionError("it was unpacked")

    with pytest.raises(InputError, match="more than the limit"):
        unpack_photos(archive, "a.zip", new_path, 10**6, 800_000, 10)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
def test_shown_names_are_short_and_plain(name: str) -> None:
    shown = shown_name(name)
    assert 0 < len(shown) <= 150 and not set(shown) & set("/\\\n\r\0")

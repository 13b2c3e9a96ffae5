"""Zip archives: written without dates and aligned, read within bounds."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.errors import InputError
from lift3d.io.mesh import zip_archive
from lift3d.io.mesh.zip_archive import Archive, pack

FILES = [("a.txt", b"hello" * 100), ("b/c.png", b"\x89PNG" + bytes(100))]


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return out.getvalue()


def test_what_is_packed_is_read_again_with_fixed_dates() -> None:
    data = pack(FILES)
    opened = Archive(data, "a.3mf")
    assert opened.names() == ["a.txt", "b/c.png"] and [opened.read(n) for n in opened.names()] == [
        d for _, d in FILES
    ]
    entries = zipfile.ZipFile(io.BytesIO(data)).infolist()
    assert {e.date_time for e in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert [e.compress_type for e in entries] == [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED]
    assert pack(FILES) == data


@given(
    st.lists(
        st.tuples(st.text("abc/", min_size=1, max_size=70), st.binary(max_size=200)),
        max_size=5,
        unique_by=lambda x: x[0],
    )
)
@settings(max_examples=40, deadline=None)
def test_aligned_files_start_at_multiples_of_64(files: list[tuple[str, bytes]]) -> None:
    data = pack(files, align=64)
    for entry in zipfile.ZipFile(io.BytesIO(data)).infolist():
        name, extra = struct.unpack_from("<HH", data, entry.header_offset + 26)
        assert (
            entry.header_offset + 30 + name + extra
        ) % 64 == 0 and entry.compress_type == zipfile.ZIP_STORED
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "C:/a", "..\\a"])
def test_paths_that_lead_outside_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="leads outside"):
        Archive(archive(**{name: b""}), "a.3mf")


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(InputError, match="like a zip bomb"):
        Archive(archive(a=bytes(17 << 20)), "a.3mf")


def test_too_many_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_archive, "MAX_ENTRIES", 3)
    with pytest.raises(InputError, match="holds 4 files"):
        Archive(archive(a=b"", b=b"", c=b"", d=b""), "a.3mf")


def test_encrypted_and_unusual_entries_are_refused() -> None:
    data = bytearray(archive(a=b"abc"))
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    with pytest.raises(InputError, match="encrypted"):
        Archive(bytes(data), "a.3mf")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_BZIP2) as packed:
        packed.writestr("a", b"abc")
    with pytest.raises(InputError, match="compression"):
        Archive(out.getvalue(), "a.3mf")


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip", pack(FILES)[:-30]])
def test_damage_is_one_sentence(data: bytes) -> None:
    with pytest.raises(InputError, match="not a zip archive"):
        Archive(data, "a.3mf")


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Archive(pack(FILES), "a.3mf").read("missing")

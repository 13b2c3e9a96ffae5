"""What an uploaded file is, by its content: the name of a file decides nothing but what is shown."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lift3d.errors import InputError

HEAD = 4096
"""Bytes at the beginning of a file that are looked at."""
MAX_ENTRIES = 2000
"""Largest number of entries of an archive."""
Kind = Literal["photo", "video", "model", "archive"]


@dataclass(frozen=True)
class Content:
    """kind: what it is; suffix: of its format; media: its media type."""

    kind: Kind
    suffix: str
    media: str


_JPEG = Content("photo", ".jpg", "image/jpeg")
_PNG = Content("photo", ".png", "image/png")
_WEBP = Content("photo", ".webp", "image/webp")
_TIFF = Content("photo", ".tif", "image/tiff")
_HEIC = Content("photo", ".heic", "image/heic")
_MP4 = Content("video", ".mp4", "video/mp4")
_MKV = Content("video", ".mkv", "video/x-matroska")
_AVI = Content("video", ".avi", "video/x-msvideo")
_GLB = Content("model", ".glb", "model/gltf-binary")
_PLY = Content("model", ".ply", "application/octet-stream")
_STL = Content("model", ".stl", "model/stl")
_OBJ = Content("model", ".obj", "model/obj")
_OFF = Content("model", ".off", "application/octet-stream")
_3MF = Content("model", ".3mf", "model/3mf")
_USDZ = Content("model", ".usdz", "model/vnd.usdz+zip")
_ZIP = Content("archive", ".zip", "application/zip")
_MAGIC = (
    (b"\xff\xd8\xff", _JPEG),
    (b"\x89PNG\r\n\x1a\n", _PNG),
    (b"II*\x00", _TIFF),
    (b"MM\x00*", _TIFF),
    (b"\x1aE\xdf\xa3", _MKV),
    (b"glTF", _GLB),
    (b"ply\n", _PLY),
    (b"ply\r", _PLY),
)
_ENDS = {".jpg": b"\xff\xd9", ".png": b"IEND"}
TAIL = 1 << 20
"""Bytes at the end of a picture among which its end mark must be."""
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}
_UNREAD = (
    (b"GIF8", "a GIF picture", "send JPEG, PNG, WebP, TIFF or HEIC"),
    (b"BM", "a BMP picture", "send JPEG, PNG, WebP, TIFF or HEIC"),
    (b"%PDF", "a PDF document", "export its pictures as JPEG or PNG first"),
    (b"Rar!", "a RAR archive", "pack the photos as ZIP"),
    (b"7z\xbc\xaf", "a 7z archive", "pack the photos as ZIP"),
    (b"\x1f\x8b", "a gzip archive", "pack the photos as ZIP"),
    (b"Kaydara FBX", "an FBX model", "export it as GLB"),
    (b"BLENDER", "a Blender file", "export it as GLB"),
)
READABLE = "send photos (JPEG, PNG, WebP, TIFF, HEIC), a video, a model (GLB, OBJ, PLY, STL, 3MF, OFF, USDZ) or a ZIP of photos"


def sniff(path: Path, name: str) -> Content:
    """What the file at `path` is. name: for messages. Raises InputError for what lift3d cannot read."""
    with open(path, "rb") as file:
        head = file.read(HEAD)
    size = path.stat().st_size
    if size == 0:
        raise InputError(f"{name} is empty", "send it again")
    for magic, content in _MAGIC:
        if head.startswith(magic):
            _require_end(path, content, size, name)
            return content
    if head[:4] == b"RIFF" and head[8:12] in (b"WEBP", b"AVI "):
        if head[8:12] == b"WEBP" and int.from_bytes(head[4:8], "little") + 8 > size:
            raise _cut(name)
        return _WEBP if head[8:12] == b"WEBP" else _AVI
    if head[4:8] == b"ftyp":
        return _HEIC if head[8:12] in _HEIC_BRANDS else _MP4
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free"):
        return _MP4
    if head.startswith(b"PK\x03\x04"):
        return _zip_content(path, name)
    found = _mesh_content(head, size)
    if found is not None:
        return found
    for magic, what, advice in _UNREAD:
        if head.startswith(magic):
            raise InputError(f"{name} is {what}", advice)
    if head.lstrip()[:1] == b"{" and b'"asset"' in head:
        raise InputError(
            f"{name} is a glTF file with its data elsewhere", "export it as GLB, which is one file"
        )
    raise InputError(f"{name} is neither a picture, a video nor a model that lift3d reads", READABLE)


def _require_end(path: Path, content: Content, size: int, name: str) -> None:
    """InputError for a JPEG or PNG whose end is missing. Bytes behind the end, which some cameras write, do not matter."""
    mark = _ENDS.get(content.suffix)
    if mark is None:
        return
    with open(path, "rb") as file:
        file.seek(max(size - TAIL, 0))
        if mark not in file.read():
            raise _cut(name)


def _cut(name: str) -> InputError:
    return InputError(f"{name} is cut short: its end is missing", "send it again, or export it again")


def _mesh_content(head: bytes, size: int) -> Content | None:
    """The content of mesh formats that have no unique beginning."""
    if size >= 84 and size == 84 + 50 * int.from_bytes(head[80:84], "little"):
        return _STL
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:6].lower() == b"solid " or text[:6].lower() in (b"solid\n", b"solid\r"):
        return _STL
    if re.match(rb"(ST)?C?N?4?n?OFF\s", text):
        return _OFF
    if b"\0" not in head and re.search(rb"(?m)^(v|vn|vt|f|o|g|mtllib|usemtl)\s+\S", head):
        return _OBJ
    return None


def _zip_content(path: Path, name: str) -> Content:
    """3MF, USDZ, or an archive, by the names of the entries."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"{name} is a damaged ZIP archive", "pack it again") from error
    if len(names) > MAX_ENTRIES:
        raise InputError(f"{name} has {len(names)} entries", f"pack at most {MAX_ENTRIES}")
    if names and names[0].lower().endswith((".usd", ".usda", ".usdc")):
        return _USDZ
    if any(entry.lower().endswith(".model") and entry.lower().startswith("3d/") for entry in names):
        return _3MF
    return _ZIP

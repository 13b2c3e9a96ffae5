"""Text of unknown origin: encodings, line ends, continued lines and names."""

from __future__ import annotations

import codecs

from lift3d.types import F64

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip


def utf8_text(data: bytes) -> bytes:
    """The text as UTF-8 without a byte order mark; UTF-16 is recognised with and without one. Other encodings that contain
    ASCII (UTF-8, Latin-1, GBK ...) come back unchanged."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            rest = data[len(mark) :]
            return (
                rest if encoding == "utf-8" else rest.decode(encoding, "replace").encode("utf-8", "replace")
            )
    start = data[:400]
    zeros = start[0::2].count(0), start[1::2].count(0)
    if len(start) >= 8 and max(zeros) > 0.35 * len(start) and min(zeros) * 8 < max(zeros):
        encoding = "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
        return data.decode(encoding, "replace").encode("utf-8", "replace")
    return data


def decode_name(raw: bytes) -> str:
    """A name in a file: UTF-8 or, where it is not valid, Windows' western code page."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def logical_lines(text: bytes) -> list[bytes]:
    """Lines, whatever ends them (LF, CR, CRLF), joined where a backslash ends one; in comments it has no such meaning."""
    lines = text.splitlines()
    if b"\\" not in text:
        return lines
    joined: list[bytes] = []
    pending: list[bytes] = []
    for line in lines:
        stripped = line.rstrip()
        if stripped.endswith(b"\\") and b"#" not in line:
            pending.append(stripped[:-1])
            continue
        joined.append(b" ".join([*pending, line]) if pending else line)
        pending = []
    return [*joined, b" ".join(pending)] if pending else joined


def brightest(values: F64, whole: bool = False) -> float:
    """The number that stands for full brightness in colours: 1, 255 or 65535, by their largest value.

    whole: the values are integers by their type, so that none of them means a fraction.
    """
    finite = values[abs(values) < 1e30]
    top = float(finite.max()) if finite.size else 0.0
    if not whole and (top <= 1 or (top <= 2 and bool((finite != finite.round()).any()))):
        return 1.0
    return 255.0 if top < 256 else 65535.0

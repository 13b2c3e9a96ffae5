"""Stored pixels of single pictures and frames, decoded exactly: every lossless transfer syntax, and 8-bit JPEG with a note."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError, MissingExtra, damaged_file
from lift3d.io.volume.dicom import streams
from lift3d.io.volume.dicom.fields import Fields, meta_text
from lift3d.io.volume.dicom.headers import guarded, library
from lift3d.io.volume.limits import printable

NATIVE = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"}
RLE = "1.2.840.10008.1.2.5"
JPEG_LOSSLESS = {"1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"}
JPEG_8_BIT = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"}
JPEG_LS = {"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"}
JPEG_2000 = {"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"}
GDCM = JPEG_LOSSLESS | JPEG_8_BIT | JPEG_LS | JPEG_2000
LOSSY = JPEG_8_BIT | {"1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91"}


def decode(path: Path, name: str, frames: Sequence[int | None]) -> Iterator[NDArray[np.generic]]:
    """Stored pixels (rows, columns) of frames of a file, as integers, before the rescale slope; None: its only picture.

    Raises InputError for a transfer syntax that is not read, truncated and damaged pixels; MissingExtra without a decoder."""
    with guarded(name):
        dataset = library().dcmread(path, force=True)
    fields = Fields(dataset, name)
    bits = _Bits(fields)
    syntax = transfer_syntax(dataset, fields)
    rows, columns = int(fields.number("Rows") or 0), int(fields.number("Columns") or 0)
    count = int(fields.number("NumberOfFrames") or 1)
    for keyword in ("FloatPixelData", "DoubleFloatPixelData"):
        if keyword in dataset:
            raise InputError(
                f"{name} stores its pixels as {keyword}, which is not read", "convert it to NIfTI"
            )
    with guarded(name, "has pixels that cannot be read"):
        data = dataset.get("PixelData")
    if not data:
        raise damaged_file(
            name,
            f"is cut short: {rows * columns * count * bits.allocated // 8} bytes of pixels wanted, none found",
        )
    if syntax in NATIVE:
        want = rows * columns * count * bits.allocated // 8
        if len(data) < want:
            raise damaged_file(name, f"is cut short: {want} bytes of pixels wanted, {len(data)} found")
        order = ">" if syntax.endswith(".2.2") and bits.allocated > 8 else "<"
        stored = np.frombuffer(data, f"{order}u{bits.allocated // 8}", rows * columns * count)
        if bits.allocated == 8 and syntax.endswith(".2.2") and _is_words(dataset):
            stored = (
                np.frombuffer(data[: len(data) // 2 * 2], ">u2")
                .astype("<u2")
                .view("u1")[: rows * columns * count]
            )
        for frame in frames:
            yield bits.clean(stored.reshape(count, rows, columns)[frame or 0])
        return
    for frame in frames:
        with guarded(name, f"has pixels that cannot be decoded ({syntax_name(syntax)})"):
            if syntax != RLE:
                data = library().encaps.get_frame(dataset.PixelData, frame or 0, number_of_frames=count)
                streams.check(data, syntax in JPEG_2000, (bits.allocated, rows, columns), name)
            plugin = "pydicom" if syntax == RLE else "gdcm"
            with streams.watched(name):
                picture = library().pixels.pixel_array(
                    dataset, index=frame or 0, raw=True, decoding_plugin=plugin
                )
        if picture.shape != (rows, columns):
            raise damaged_file(name, "has pixels of another size than its header states")
        yield bits.clean(picture)


def check_length(dataset: Any, fields: Fields, found: int) -> None:
    """Raise InputError, with the bytes wanted and found, where a file has no pixels or not all that are stored uncompressed."""
    frames = int(fields.number("NumberOfFrames") or 1)
    size = int(fields.number("Rows") or 0) * int(fields.number("Columns") or 0) * frames
    want = size * int(fields.number("BitsAllocated") or 0) // 8
    if found < (want if transfer_syntax(dataset, fields) in NATIVE else 1):
        raise damaged_file(fields.name, f"is cut short: {want} bytes of pixels wanted, {found} found")


def transfer_syntax(dataset: Any, fields: Fields) -> str:
    """UID of the transfer syntax, of a kind that is read. Raises InputError, which names any other one."""
    uid = meta_text(dataset, "TransferSyntaxUID", fields.name)
    if not uid:  # without a header pydicom has found the encoding by looking
        return "1.2.840.10008.1.2.1" if dataset.original_encoding[1] else "1.2.840.10008.1.2.2"
    if uid in NATIVE or uid == RLE:
        return uid
    if uid not in GDCM or (uid in JPEG_8_BIT and (fields.number("BitsStored") or 0) != 8):
        depth = "12-bit lossy " if uid == "1.2.840.10008.1.2.4.51" else ""
        raise InputError(
            f"{fields.name} is stored in {depth}{syntax_name(uid)}, which is not read",
            "export it uncompressed, or convert it, for example with gdcmconv --raw",
        )
    try:
        import gdcm
    except ImportError as error:
        raise MissingExtra("reading compressed DICOM", "medical") from error
    for quiet in ("DebugOff", "WarningOff", "ErrorOff"):
        getattr(gdcm.Trace, quiet)()
    return uid


def syntax_name(uid: str) -> str:
    """Name and UID of a transfer syntax, for a message."""
    with guarded("the file"):
        name = library().uid.UID(uid).name
    return f"{name} ({uid})" if name != uid else f"the transfer syntax {printable(uid, 64)}"


def _is_words(dataset: Any) -> bool:
    """Whether pixels are stored as words of 16 bits (OW), whose bytes are swapped in big endian."""
    return bool(dataset["PixelData"].VR == "OW")


class _Bits:
    """How pixels lie in their words: `stored` bits whose highest is `high`, in words of `allocated` bits."""

    def __init__(self, fields: Fields) -> None:
        self.allocated = int(fields.number("BitsAllocated") or 0)
        self.stored = int(fields.number("BitsStored") or self.allocated)
        high = fields.number("HighBit")
        self.high = self.stored - 1 if high is None else int(high)
        self.signed = (fields.number("PixelRepresentation") or 0) == 1
        if not self.allocated:
            raise damaged_file(fields.name, "does not state how many bits its pixels have")
        if self.allocated not in (8, 16, 32) or not 0 < self.stored <= self.allocated:
            raise InputError(
                f"{fields.name} stores its pixels with {self.stored} of {self.allocated} bits, which is not read",
                "export it with 16 bits",
            )
        if not self.stored - 1 <= self.high < self.allocated:
            raise damaged_file(
                fields.name, f"states {self.high} as highest bit of {self.stored} in {self.allocated}"
            )

    def clean(self, words: NDArray[np.generic]) -> NDArray[np.generic]:
        """Words without the bits that are not part of the value (overlays), with the sign extended."""
        size = words.dtype.itemsize * 8
        whole = words.astype(words.dtype.newbyteorder("="), copy=False).view(f"u{size // 8}")
        used = min(self.stored, size)
        left = np.array(
            size - used - (0 if size < self.allocated else self.high - (self.stored - 1)), whole.dtype
        )
        right = np.array(size - used, whole.dtype)
        shifted = np.left_shift(whole, left)
        return np.right_shift(
            shifted.view(f"i{size // 8}") if self.signed else shifted,
            right.astype(f"i{size // 8}") if self.signed else right,
        )

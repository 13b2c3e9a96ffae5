"""Frames of PyAV as upright sRGB pictures: colour description, display matrix, and what cannot be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.geometry.image.video_colour import (
    HDR,
    LUMA,
    PRIMARIES,
    RGB_MATRIX,
    YCGCO,
    rgb_to_srgb8,
    yuv_to_rgb,
)
from lift3d.types import F32

UNSPECIFIED, FULL = 2, 2
HD_LINES, HD_COLUMNS = 720, 1280
"""From this size on an undeclared matrix is that of BT.709, below that of BT.601, as players assume."""
MATRIX_NAMES = {10: "BT.2020 with constant luminance", 11: "SMPTE 2085", 12: "chromaticity-derived", 13: "chromaticity-derived",
                14: "ICtCp", 15: "IPT-C2", 16: "YCgCo-Re", 17: "YCgCo-Ro"}  # fmt: skip
LOG_TRANSFERS = (9, 10)
ORIENTATIONS = {
    (1, 0, 0, 1): 1, (-1, 0, 0, 1): 2, (-1, 0, 0, -1): 3, (1, 0, 0, -1): 4, (0, 1, 1, 0): 5, (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7, (0, -1, 1, 0): 8,
}  # fmt: skip
"""Signs of the display matrix (a, b, c, d), x' = a x + c y, y' = b x + d y -> EXIF orientation (ISO/IEC 14496-12, 8.3.2)."""


@dataclass(frozen=True)
class Signal:
    """How a frame encodes colours, by the numbers of ITU-T H.273. full_range: 0 to 255 instead of 16 to 235."""

    matrix: int
    transfer: int
    primaries: int
    full_range: bool


def video_signal(frame: Any, codec: Any) -> Signal:
    """The colour description of a frame, or of its stream where the frame has none."""

    def stated(name: str) -> int:
        for source in (frame, codec):
            value = getattr(source, name, None)
            if value is not None and int(value) != UNSPECIFIED:
                return int(value)
        return UNSPECIFIED

    matrix = stated("colorspace")
    if matrix == UNSPECIFIED:
        matrix = 1 if frame.height >= HD_LINES or frame.width >= HD_COLUMNS else 6
    full = int(getattr(frame, "color_range", 0) or 0) == FULL or frame.format.name.startswith("yuvj")
    return Signal(matrix, stated("color_trc"), stated("color_primaries"), full)


def require_supported(frame: Any, signal: Signal, name: str) -> None:
    """Raise InputError for colours that cannot be decoded."""
    advice = "convert it to SDR video (BT.709)"
    if not _is_rgb(frame) and signal.matrix not in LUMA and signal.matrix not in (RGB_MATRIX, YCGCO):
        what = MATRIX_NAMES.get(signal.matrix, f"number {signal.matrix}")
        raise InputError(
            f"{name} encodes its colours by the matrix {what}, which lift3d does not read", advice
        )


def is_dolby_vision_only(stream: Any) -> bool:
    """Whether the stream is Dolby Vision of a profile without a compatible base, by its codec tag."""
    tag = str(getattr(stream.codec_context, "codec_tag", "") or "").lower()
    return (
        tag in ("dvh1", "dvhe", "dva1", "dvav")
        and int(getattr(stream.codec_context, "color_trc", 0) or 0) not in HDR
    )


def frame_warnings(frame: Any, signal: Signal) -> tuple[str, ...]:
    """Sentences without the name of the video on what is changed or cannot be shown truly."""
    found = []
    if signal.transfer in HDR:
        found.append(f"it is HDR ({HDR[signal.transfer]}); its light is mapped to the smaller range of sRGB")
    elif signal.transfer in LOG_TRANSFERS:
        found.append("its logarithmic transfer function is not undone, so its contrast is low")
    if signal.primaries not in PRIMARIES and signal.primaries not in (UNSPECIFIED, 0):
        found.append(f"its primaries (number {signal.primaries}) are not known and taken as those of sRGB")
    if signal.matrix == 10:
        found.append(
            "its matrix has constant luminance and is read as the one without, so saturated colours are approximate"
        )
    if getattr(frame, "interlaced_frame", False):
        found.append("it is interlaced; only every other line is used, against combs at moving edges")
    return tuple(found)


def frame_to_srgb(frame: Any, signal: Signal, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 sRGB of a frame as stored, resized to (width, height)."""
    interlaced = bool(getattr(frame, "interlaced_frame", False))
    width, height = (frame.width, frame.height) if interlaced else size
    if _is_rgb(frame):
        few = all(component.bits <= 8 for component in frame.format.components)
        whole = frame.reformat(width, height, "rgb24" if few else "rgb48le", interpolation="LANCZOS")
        rgb = whole.to_ndarray().astype(np.float32) / np.float32(255 if few else 65535)
    else:
        same = {"src_color_range": 2, "dst_color_range": 2} if signal.full_range else {}
        whole = frame.reformat(width, height, "yuv444p16le", interpolation="LANCZOS", **same)
        yuv: F32 = np.stack(_planes(whole), -1).astype(np.float32) / np.float32(65536)
        rgb = yuv_to_rgb(yuv, signal.matrix, signal.full_range)
    pixels = rgb_to_srgb8(np.clip(rgb, 0, 1), signal.transfer, signal.primaries)
    if interlaced:
        return np.array(Pil.fromarray(_one_field(pixels)).resize(size, Pil.Resampling.LANCZOS))
    return pixels


def _one_field(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The even lines, and their means between them."""
    out = pixels.copy()
    odd = out[1::2]
    above, below = pixels[0:-1:2][: len(odd)], pixels[2::2]
    below = below if len(below) == len(odd) else np.concatenate([below, above[-1:]])
    odd[:] = (above.astype(np.uint16) + below + 1) // 2
    return out


def _is_rgb(frame: Any) -> bool:
    return bool(getattr(frame.format, "is_rgb", False)) or frame.format.name.startswith(
        ("gray", "mono", "pal")
    )


def _planes(frame: Any) -> list[NDArray[np.uint16]]:
    """(H, W) values of each plane of a frame of 16 bits."""
    return [
        np.frombuffer(plane, "<u2").reshape(plane.height, plane.line_size // 2)[:, : plane.width]
        for plane in frame.planes
    ]


def display_orientation(frame: Any) -> int:
    """The EXIF orientation that makes the frame upright, from its display matrix."""
    for entry in getattr(frame, "side_data", ()) or ():
        if getattr(getattr(entry, "type", None), "name", "") == "DISPLAYMATRIX":
            a, b, _, c, d = np.frombuffer(bytes(entry), "<i4", 5)
            signs = tuple(
                int(s)
                for s in np.sign([x if abs(x) > 1 << 14 else 0 for x in (int(a), int(b), int(c), int(d))])
            )
            if signs in ORIENTATIONS:
                return ORIENTATIONS[signs]
    turns = round(float(getattr(frame, "rotation", 0) or 0) / 90) % 4
    return (1, 8, 3, 6)[turns]

"""HEIC and HEIF photos by pi_heif, which the extra `heic` installs. libheif sets them upright."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image as Pil

from lift3d.errors import InputError, MissingExtra
from lift3d.geometry.image.video_colour import HDR, rgb_to_srgb8

BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
WARNING = "lift3d warning"
"""Key of `Image.info` under which a picture carries a warning."""


def is_heic(data: bytes) -> bool:
    """Whether the data are HEIC, by the brand in the first box rather than by a file name."""
    return data[4:8] == b"ftyp" and data[8:12] in BRANDS


def open_heic(data: bytes, max_pixels: int) -> Pil.Image:
    """The primary image of a HEIC file, HDR (HLG, PQ) mapped to sRGB. Raises InputError for more than `max_pixels`, MissingExtra
    where pi_heif is not installed, and the exceptions of pi_heif for damaged data."""
    try:
        import pi_heif
    except ImportError as error:
        raise MissingExtra("reading HEIC photos", "heic") from error
    heif: Any = pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    width, height = heif.size
    if width * height > max_pixels:
        raise InputError(
            f"the HEIC photo is too large ({width * height / 1e6:.0f} megapixels; the limit is {max_pixels // 10**6})",
            "make it smaller first",
        )
    transfer, primaries = _colours(heif.info)
    if transfer not in HDR:
        return heif.to_pillow()
    deep: Any = pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    values = np.asarray(deep)[:, :width]
    top = np.float32(np.iinfo(values.dtype).max)
    picture = Pil.fromarray(rgb_to_srgb8(values[..., :3].astype(np.float32) / top, transfer, primaries))
    picture.info.update({key: heif.info[key] for key in ("exif",) if heif.info.get(key)})
    picture.info[WARNING] = f"it is HDR ({HDR[transfer]}); its light is mapped to the smaller range of sRGB"
    return picture


def _colours(info: dict[str, Any]) -> tuple[int, int]:
    """Transfer function and primaries by ITU-T H.273; 2, unspecified, where the file does not state them."""
    profile = info.get("nclx_profile")
    if not isinstance(profile, dict):
        return 2, 2
    return int(profile.get("transfer_characteristics", 2)), int(profile.get("color_primaries", 2))

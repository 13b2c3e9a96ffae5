"""Rasters of any sample type as photos: which channels are colours, which is transparency, and what black and white are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.geometry.image.colour_space import lab_to_srgb
from lift3d.io.image import tiff
from lift3d.io.image.tiff import Page
from lift3d.io.image.value_range import as_float, to_eight_bit

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, CMYK, YCBCR, CIE_LAB, ICC_LAB, ITU_LAB = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    8,
    9,
    10,
)
RAW, DNG_VERSION = (32803, 34892), 50706
COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, CIE_LAB: 3, ICC_LAB: 3}
"""Number of colour channels of each photometric interpretation that is read."""
NAMES = {
    MASK: "of masks",
    CMYK: "of other inks than CMYK",
    YCBCR: "YCbCr",
    ITU_LAB: "ITU L*a*b*",
    32844: "LogL",
    32845: "LogLuv",
}
ALPHA = (1, 2)
"""Values of the tag ExtraSamples that mean transparency."""
Limits = tuple[float, float] | None


class Converted:
    """An 8-bit Pillow picture with what was done to its values: warnings, and the limits of a stretch."""

    def __init__(self, picture: Pil.Image, warnings: list[str], stretched: Limits) -> None:
        self.picture, self.warnings, self.stretched = picture, warnings, stretched


def is_left_to_pillow(page: Page) -> bool:
    """Whether Pillow reads the page without a loss: up to 8 bits, one to four channels, of a known interpretation."""
    photometric, bits, channels = page.get(tiff.PHOTOMETRIC, -1), set(page.bits), page.get(tiff.SAMPLES, 1)
    extras = page.tags.get(tiff.EXTRA, ())
    if page.big and page.order == ">":
        return False
    if photometric in (YCBCR, CMYK) and page.get(332, 1) == 1:
        return bits == {8} and channels == (3 if photometric == YCBCR else 4)
    if bits != {8} and not (bits <= {1, 2, 4} and len(bits) == 1 and channels == 1):
        return page.get(tiff.COMPRESSION, 1) in (2, 3, 4)
    if {int(f) for f in page.tags.get(tiff.FORMAT, (1,))} != {1}:
        return False
    if photometric == RGB:
        return channels == 3 or (channels == 4 and bool(extras) and int(extras[0]) in ALPHA)
    return photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE) and channels == 1


def is_raw(page: Page) -> bool:
    """Whether the file holds the raw data of a sensor: by its colour space, or by the version of DNG."""
    return page.get(tiff.PHOTOMETRIC, -1) in RAW or DNG_VERSION in page.tags


def raw_error(name: str) -> InputError:
    """The error for raw data."""
    return InputError(
        f"{name} holds the raw data of a camera's sensor", "develop it and save it as JPEG or PNG"
    )


def photo_from_tiff(data: bytes, page: Page, name: str, limits: Limits) -> Converted:
    """The picture of a page that Pillow does not read. Raises InputError for channels of unknown meaning."""
    photometric, channels = page.get(tiff.PHOTOMETRIC, BLACK_IS_ZERO), page.get(tiff.SAMPLES, 1)
    if photometric not in COLOURS or (photometric == CMYK and page.get(332, 1) != 1):
        space = NAMES.get(photometric, f"number {photometric}")
        raise InputError(
            f"{name} is a TIFF of {page.bits[0]} bits in the colour space {space}, which lift3d does not read",
            "save it as RGB",
        )
    extras = [int(e) for e in page.tags.get(tiff.EXTRA, ())][:channels]
    colours, warnings = COLOURS[photometric], []
    if colours == 1 and photometric == BLACK_IS_ZERO and channels == 3 and not set(extras) & set(ALPHA):
        colours, extras = 3, []
        warnings.append("its 3 channels are not marked as colours; they are taken as red, green and blue")
    if channels < colours:
        raise ValueError("too few channels")
    alpha = next((colours + k for k, e in enumerate(extras[-(channels - colours) :]) if e in ALPHA), None)
    if channels == colours:
        alpha = None
    unused = channels - colours - (alpha is not None)
    if unused and colours == 1:
        raise InputError(
            f"{name} has {channels} channels, as pictures of multispectral cameras have, and does not state which of them are "
            "red, green and blue",
            "save these three as an RGB picture, or one channel as a grey one",
        )
    if unused:
        what = f"{unused} of its {channels} channels {'is' if unused == 1 else 'are'} not used: only {_names(photometric)}"
        warnings.append(what + (" and transparency are" if alpha is not None else " are"))
    samples = tiff.read_samples(data, page, name)
    picture, stretched = _picture(samples, page, photometric, colours, alpha, limits, warnings, name)
    if data[2:4] in (b"*\0", b"\0*"):  # orientation and focal length are tags of the file itself
        picture.info["exif"] = b"Exif\0\0" + data
    profile = page.tags.get(tiff.ICC)
    if profile and photometric not in (CIE_LAB, ICC_LAB):
        picture.info["icc_profile"] = b"".join(v if isinstance(v, bytes) else bytes([v]) for v in profile)
    return Converted(picture, warnings, stretched)


def _names(photometric: int) -> str:
    return {RGB: "red, green and blue", CMYK: "cyan, magenta, yellow and black"}.get(
        photometric, "the colours"
    )


def _picture(
    samples: NDArray[np.generic],
    page: Page,
    photometric: int,
    colours: int,
    alpha: int | None,
    limits: Limits,
    warnings: list[str],
    name: str,
) -> tuple[Pil.Image, Limits]:
    """The 8-bit picture, "L", "RGB", "CMYK" and with transparency "LA" or "RGBA"; and the limits of a stretch."""
    values = samples[..., :colours]
    if values.dtype.kind == "f" and not np.isfinite(values).any():
        raise InputError(f"{name} has no finite value", "use another photo")
    if photometric == PALETTE:
        table = np.array(page.tags[320], np.uint32).reshape(3, -1).T
        table = (table >> 8 if table.max(initial=0) > 255 else table).astype(np.uint8)
        return Pil.fromarray(table[np.minimum(values[..., 0].astype(np.int64), len(table) - 1)]), None
    if photometric in (CIE_LAB, ICC_LAB):
        return Pil.fromarray(_srgb_of_lab(values, photometric)), None
    found = to_eight_bit(values if colours > 1 else values[..., 0], tiff.missing_values(values, page), limits)
    warnings += found.warnings
    eight = 255 - found.values if photometric == WHITE_IS_ZERO else found.values
    if photometric == CMYK:
        return Pil.fromarray(np.ascontiguousarray(eight), "CMYK"), found.stretched
    if alpha is not None:
        cover = np.clip(np.rint(as_float(samples[..., alpha]) * 255), 0, 255).astype(np.uint8)
        eight = np.dstack([eight, cover])
    return Pil.fromarray(np.ascontiguousarray(eight)), found.stretched


def _srgb_of_lab(values: NDArray[np.generic], photometric: int) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 sRGB of L*a*b*: CIELab stores a* and b* as signed numbers (TIFF 6.0, section 23), ICCLab with an offset."""
    if values.dtype.kind == "f":
        lab = values.astype(np.float32)
    else:
        bits = 8 * values.dtype.itemsize
        step = 1 << (bits - 8)
        lightness = values[..., 0].astype(np.float32) * (100 / (2**bits - 1))
        if photometric == CIE_LAB:
            rest = values[..., 1:].astype(f"u{bits // 8}").view(f"i{bits // 8}").astype(np.float32) / step
        else:
            rest = values[..., 1:].astype(np.float32) / step - 128
        lab = np.concatenate([lightness[..., None], rest], -1)
    return np.clip(np.rint(255 * lab_to_srgb(lab)), 0, 255).astype(np.uint8)

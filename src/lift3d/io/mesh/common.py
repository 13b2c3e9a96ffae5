"""What every mesh format has in common: triangles with one material, joined to a `Mesh` and taken from one.

In memory: right-handed, Z up, metres when `units` is "m" and the file's bare numbers when it is None; texture
coordinates with v up (v = 0 is the bottom row); colours sRGB.
"""

from __future__ import annotations

import io
import math
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.errors import InputError, damaged_file
from lift3d.io.image.decode import TEXTURE_FORMATS, open_picture

MAX_FILE = 1 << 30


def encode_picture(picture: Pil.Image, lossy: int | None = None) -> tuple[bytes, str]:
    """(bytes, "png" or "jpg"): PNG for transparent pictures, and for small ones unless `lossy` says the quality of a JPEG;
    JPEG otherwise; no date inside."""
    out = io.BytesIO()
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema()[0] == 255:
        picture = picture.convert("RGB")
    if picture.mode == "RGBA" or (lossy is None and picture.width * picture.height <= 1 << 20):
        picture.save(out, "PNG", compress_level=6)
        return out.getvalue(), "png"
    picture.save(out, "JPEG", quality=lossy or 95, subsampling=0 if lossy is None else 2)
    return out.getvalue(), "jpg"


def decode_texture(data: bytes, name: str) -> Pil.Image:
    """RGB or RGBA; InputError on damage or absurd sizes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = open_picture(data, f"the texture {name}", TEXTURE_FORMATS)
        try:
            picture.load()
            alpha = "A" in picture.mode or "transparency" in picture.info
            return picture.convert("RGBA" if alpha else "RGB")
        except Exception as error:  # decoders let out anything on damaged files
            raise damaged_file(f"the texture {name}", "is damaged or cut short") from error


def resolve_companion(folder: Path, reference: str, name: str) -> Path:
    """The file that `reference` names, which must lie in `folder` or below it; InputError otherwise.

    A full path of somebody else's computer is understood as the file of that name in the folder.
    """
    clean = reference.replace("\\", "/").strip()
    path = folder / clean
    root = folder.resolve()
    inside = bool(clean) and "\0" not in clean and len(clean) < 1000
    if inside and path.resolve().is_relative_to(root) and path.is_file():
        return path
    last = folder / (clean.rsplit("/", 1)[-1] or "?") if inside else folder
    if inside and last.resolve().is_relative_to(root) and last.is_file():
        return last
    if inside and path.resolve().is_relative_to(root):
        raise FileNotFoundError(clean)
    raise InputError(
        f"{name} names a file outside its folder ({clean[:80]!r})",
        "put that file beside it and name it without a path",
    )


def format_rows(values: NDArray[np.floating], digits: int = 9) -> list[str]:
    """Rows of numbers as text that float32 reads back exactly."""
    pattern = " ".join([f"%.{digits}g"] * values.shape[1])
    return [pattern % tuple(row) for row in (values + 0.0).tolist()]


def finite_or(value: object, default: float) -> float:
    """A number from a stranger's JSON."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else default

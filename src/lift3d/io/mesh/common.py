"""Functions that several mesh formats share: textures, files beside a model, numbers as text.

Convention in memory: right-handed, Z up, metres when the unit is "m" and the file's numbers when it is None; texture
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
    """(bytes, "png" or "jpg") of a texture, without a date: PNG when it is transparent or has at most 1 megapixel, else JPEG.

    lossy: JPEG quality that is used for opaque textures of any size.
    """
    out = io.BytesIO()
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema()[0] == 255:
        picture = picture.convert("RGB")
    if picture.mode == "RGBA" or (lossy is None and picture.width * picture.height <= 1 << 20):
        picture.save(out, "PNG", compress_level=6)
        return out.getvalue(), "png"
    picture.save(out, "JPEG", quality=lossy or 95, subsampling=0 if lossy is None else 2)
    return out.getvalue(), "jpg"


def has_binary_alpha(picture: Pil.Image) -> bool:
    """Whether alpha is 0 or 255 everywhere: the cut-out of a masked material."""
    return picture.mode != "RGBA" or not any(picture.getchannel("A").histogram()[1:255])


def decode_texture(data: bytes, name: str) -> Pil.Image:
    """The texture as an RGB or RGBA picture of 8 bits. Raises InputError when it is damaged or too large."""
    Pil.init()
    formats = TEXTURE_FORMATS + (("AVIF",) if "AVIF" in Pil.OPEN and "AVIF" not in TEXTURE_FORMATS else ())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = open_picture(data, f"the texture {name}", formats)
        try:
            picture.load()
            if picture.mode.startswith("I"):  # 16-bit grey, which Pillow would cut off at 255
                levels = np.rint(np.asarray(picture).astype(np.float64) / 257)
                picture = Pil.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
            alpha = "A" in picture.mode or "transparency" in picture.info
            return picture.convert("RGBA" if alpha else "RGB")
        except Exception as error:  # decoders raise anything on damaged files
            raise damaged_file(f"the texture {name}", "is damaged or cut short") from error


def resolve_companion(folder: Path, reference: str, name: str) -> Path:
    """The file that `reference`, stated in the model `name`, refers to; it must lie in `folder` or below.

    An absolute path of another computer is read as the file of that name in the folder. Raises FileNotFoundError when there
    is no such file, InputError when the reference leads outside the folder.
    """
    clean = reference.replace("\\", "/").strip()
    path = folder / clean
    root = folder.resolve()
    inside = bool(clean) and "\0" not in clean and len(clean) < 1000
    if inside and path.resolve().is_relative_to(root) and path.is_file():
        return path
    same_name = folder / (clean.rsplit("/", 1)[-1] or "?") if inside else folder
    if inside and same_name.resolve().is_relative_to(root) and same_name.is_file():
        return same_name
    if inside and path.resolve().is_relative_to(root):
        raise FileNotFoundError(clean)
    raise InputError(
        f"{name} refers to a file outside its folder ({clean[:80]!r})",
        "put that file beside the model and refer to it without a path",
    )


def format_rows(values: NDArray[np.floating], digits: int = 9) -> list[str]:
    """Each row of (N, K) values as text; 9 digits restore float32 exactly."""
    pattern = " ".join([f"%.{digits}g"] * values.shape[1])
    return [pattern % tuple(row) for row in (values + 0.0).tolist()]


def finite_or(value: object, default: float) -> float:
    """The value as a float if it is a finite number, else the default."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else default

"""Functions that several mesh formats share: textures, files beside a model, numbers as text.

Convention in memory: right-handed, Z up, metres when the unit is "m" and the file's numbers when it is None; texture
coordinates with v up (v = 0 is the bottom row); colours sRGB.
"""

from __future__ import annotations

import io
import itertools
import math
import os
import unicodedata
import warnings
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.errors import InputError, damaged_file
from lift3d.geometry.mesh.recentre import recentring_shift
from lift3d.io.image.decode import TEXTURE_FORMATS, open_picture
from lift3d.types import F64, Model, Part

MAX_FILE = 1 << 30
_DEEPEST = 16
"""Folders of a foreign path that are looked for beside the model."""
_MOST_ENTRIES = 20_000
_COARSE = 16.0
"""Distance from the origin, in longest sides, at which half a step of single precision is a millionth of the side."""


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

    Where it is not there, it is looked for without the first folders of its path (another computer's), without regard to case
    and to the composition of accents, and with percent escapes resolved. Raises FileNotFoundError when there is no such file,
    InputError when the reference leads outside the folder.
    """
    clean = reference.replace("\\", "/").strip().strip('"')
    root = folder.resolve()
    outside = InputError(
        f"{name} refers to a file outside its folder ({clean[:80]!r})",
        "put that file beside the model and refer to it without a path",
    )
    if not clean or "\0" in clean or len(clean) >= 1000:
        raise outside
    try:
        path = folder / clean
        within = path.resolve().is_relative_to(root)
        if within and path.is_file():
            return path
        for text in dict.fromkeys((clean, unquote(clean))):
            words = [word for word in text.split("/") if word not in ("", ".")]
            last = max((k + 1 for k, word in enumerate(words) if word == ".."), default=0)
            for first in range(max(last, len(words) - _DEEPEST), len(words)):
                found = _any_case(folder, words[first:])
                if found is not None and found.resolve().is_relative_to(root) and found.is_file():
                    return found
    except (OSError, ValueError) as error:  # a name that no file can have
        raise FileNotFoundError(clean) from error
    if within:
        raise FileNotFoundError(clean)
    raise outside


def _any_case(folder: Path, words: list[str]) -> Path | None:
    """The path below `folder` whose names equal `words` but for case and composed accents; None without one."""
    for word in words:
        place = folder / word
        if not place.exists():
            if not folder.is_dir():
                return None
            with os.scandir(folder) as entries:
                names = [entry.name for entry in itertools.islice(entries, _MOST_ENTRIES)]
            like = sorted(n for n in names if _folded(n) == _folded(word))
            if not like:
                return None
            place = folder / like[0]
        folder = place
    return folder


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def needs_double(xyz: F64) -> bool:
    """Whether single precision rounds points (V, 3) by more than a millionth of their longest side."""
    return bool(recentring_shift(xyz, _COARSE).any())


def format_points(xyz: F64) -> list[str]:
    """Each point (V, 3) as text: as exact as single precision, or as double precision where the former would round visibly."""
    if needs_double(xyz):
        return [f"{x!r} {y!r} {z!r}" for x, y, z in (xyz + 0.0).tolist()]
    return format_rows(xyz.astype(np.float32))


def format_rows(values: NDArray[np.floating], digits: int = 9) -> list[str]:
    """Each row of (N, K) values as text; 9 digits restore float32 exactly."""
    pattern = " ".join([f"%.{digits}g"] * values.shape[1])
    return [pattern % tuple(row) for row in (values + 0.0).tolist()]


def only_colour_note(unread: dict[str, list[str]]) -> str:
    """The warning about what materials have besides their base colour. unread: names of materials by what is not read."""
    names = list(dict.fromkeys(name for found in unread.values() for name in found))
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"of materials only the base colour is read, not {', '.join(unread)} ({len(names)}: {shown})"


def finite_or(value: object, default: float) -> float:
    """The value as a float if it is a finite number, else the default."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else default


def in_metres(parts: list[Part], unit: str | None, notes: list[str]) -> Model:
    """A model of parts whose numbers are in a unit that the file states: "m", "mm" or None."""
    if unit == "mm":
        parts = [replace(part, vertices=part.vertices / 1000.0) for part in parts]
    return Model(parts, None if unit is None else "m", notes)

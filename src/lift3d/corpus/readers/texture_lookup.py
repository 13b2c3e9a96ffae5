"""Textures of game models, found by name regardless of case and suffix, and cached."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.io.image.decode import open_picture
from lift3d.types import Material, Part

ENDINGS = (".png", ".jpg", ".jpeg", ".tga", ".dds", ".rgb", ".rgba", ".sgi", ".bmp", ".gif")
FORMATS = ("PNG", "JPEG", "TGA", "DDS", "SGI", "BMP", "GIF")
MAX_SIDE = 512
CACHED_PICTURES = 64
MAX_PIXELS = 1 << 26
TEAM_COLOUR = (150, 60, 50)
"""sRGB of the player who owns a unit of a game."""


class Textures:
    """Textures below a folder. A name is searched beside the model, then as a path, then by its last part alone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.by_path: dict[str, Path] = {}
        self.by_name: dict[str, Path] = {}
        for file in sorted(root.rglob("*")):
            if file.suffix.lower() in ENDINGS and file.is_file():
                path = _bare(file.relative_to(root).as_posix())
                self.by_path.setdefault(path, file)
                self.by_name.setdefault(path.rsplit("/", 1)[-1], file)
        self._open: OrderedDict[Path, Pil.Image | None] = OrderedDict()

    def find(self, name: str, beside: Path | None = None) -> Path | None:
        """The file of the texture `name` of a model in the folder `beside`; None where there is none."""
        bare = _bare(name.replace("\\", "/").strip().lstrip("./"))
        last = bare.rsplit("/", 1)[-1]
        if beside is not None and beside.is_relative_to(self.root):
            file = self.by_path.get(_bare((beside.relative_to(self.root) / last).as_posix()))
            if file is not None:
                return file
        return self.by_path.get(bare) or self.by_name.get(last)

    def with_textures(self, parts: list[Part], beside: Path | None = None, otherwise: str = "") -> list[Part]:
        """The parts with the textures that their materials name, or else with the texture `otherwise`.

        A part with a texture keeps only the opacity of its material's colour.
        """
        out = []
        for part in parts:
            material = part.material or Material(otherwise)
            picture = self.open(material.name, beside) or self.open(otherwise, beside)
            colour = material.colour if picture is None else (255, 255, 255, material.colour[3])
            out.append(replace(part, material=Material(material.name, colour, picture)))
        return out

    def open(self, name: str, beside: Path | None = None) -> Pil.Image | None:
        """The texture scaled down to at most 512 pixels on its long side; None where it is missing or damaged."""
        file = self.find(name, beside) if name else None
        if file is None:
            return None
        if file not in self._open:
            try:
                picture = open_picture(file.read_bytes(), file.name, FORMATS)
                if picture.width * picture.height > MAX_PIXELS:
                    raise ValueError(f"{file.name} is too large for a texture")
                picture.thumbnail((MAX_SIDE, MAX_SIDE))
                self._open[file] = picture.convert(
                    "RGBA" if "A" in picture.getbands() or "transparency" in picture.info else "RGB"
                )
            except (InputError, OSError, ValueError):
                self._open[file] = None
            while len(self._open) > CACHED_PICTURES:
                self._open.popitem(last=False)
        return self._open[file]


def apply_team_colour(parts: list[Part], multiplied: bool) -> list[Part]:
    """The parts with opaque textures, where alpha is the opacity over the owner's colour: the colour replaces that of the
    texture (MegaGlest) or, if `multiplied`, multiplies it (0 A.D.)."""
    out, team = [], np.array(TEAM_COLOUR, np.float32)
    for part in parts:
        material = part.material
        if material is not None and material.texture is not None and material.texture.mode == "RGBA":
            pixels = np.asarray(material.texture, np.float32)
            rgb, alpha = pixels[..., :3], pixels[..., 3:] / 255
            full = rgb * team / 255 if multiplied else team
            mixed = np.rint(rgb * alpha + full * (1 - alpha)).astype(np.uint8)
            part = replace(part, material=replace(material, texture=Pil.fromarray(mixed)))
        out.append(part)
    return out


def _bare(path: str) -> str:
    """The path in lower case without picture suffixes: "a/wood" for "a/Wood.png.cached.dds"."""
    return re.sub(r"(\.(png|jpe?g|tga|dds|rgba?|sgi|bmp|gif|cached))+$", "", path.lower())

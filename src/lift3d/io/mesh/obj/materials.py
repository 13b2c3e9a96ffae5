"""Materials of an OBJ file: its libraries (MTL), of which only the materials that are used are made.

The colour is Kd, its opacity d or 1 - Tr; the texture is map_Kd with map_d as its opacity. A texture replaces Kd, since many
exporters leave Kd black or grey beside one. Without map_Kd, the emissive map (map_Ke) and then the ambient one (map_Ka) take its
place. Keywords are read in any case. Lights, roughness and bumps have no counterpart here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import decode_texture, resolve_companion
from lift3d.io.mesh.obj.texture_maps import (
    TextureMap,
    adjusted,
    constant_alpha,
    parse_map,
    unread_maps,
    with_opacity,
    without_repeats,
)
from lift3d.io.mesh.text import brightest, decode_name, logical_lines, utf8_text
from lift3d.types import F64, GREY, WHITE, Bytes4, Material

_MTL_LIMIT = 1 << 24
_MOST_LIBRARIES = 64
_MOST_LOOKS = 400
_MOST_TEXTURES = 1000
_XYZ_TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
"""CIE XYZ to linear sRGB (IEC 61966-2-1)."""


@dataclass(frozen=True)
class Shading:
    """A material, the colour of its faces without texture coordinates, and how its texture is placed."""

    material: Material | None = None
    base: Bytes4 | None = None
    map: TextureMap | None = None

    def plain(self) -> Material | None:
        """The material without its texture."""
        if self.material is None or self.material.texture is None:
            return self.material
        return Material(self.material.name, self.base or GREY)

    def place(self, uv: F64) -> tuple[F64, Material | None]:
        """(texture coordinates (V, 2) after the scale and offset of the map, the material, with edge pixels all around where the
        map is clamped)."""
        if self.map is None or self.material is None or self.material.texture is None:
            return uv, self.material
        uv = uv * self.map.scale + self.map.offset
        if not self.map.clamp or not len(uv):
            return uv, self.material
        picture, uv = without_repeats(self.material.texture, uv)
        return uv, self.material if picture is self.material.texture else replace(
            self.material, texture=picture
        )


class Materials:
    """The materials of a model by name. notes: where warnings go; given: materials that override those of the files."""

    def __init__(
        self, libraries: list[bytes], path: Path, given: dict[str, Material], notes: list[str]
    ) -> None:
        self._path, self._notes, self._given = path, notes, given
        self._statements: dict[str, list[tuple[str, str]]] = {}
        self.unread: dict[str, list[str]] = {}
        """Names of materials by the kinds of their maps that are not read."""
        self._folders: dict[str, str] = {}
        """The folder of the library of a material, as seen from the model."""
        self._missing = False
        self._stated = bool(libraries)
        self._made: dict[str, Shading] = {}
        self._pictures: dict[tuple[object, ...], Pil.Image | None] = {}
        self._looked: dict[str, bool] = {}
        names = [name for line in libraries[:_MOST_LIBRARIES] for name in self._names(line)]
        if len(names) > _MOST_LIBRARIES:
            notes.append(f"of {len(names)} material files the first {_MOST_LIBRARIES} are read")
        for name in dict.fromkeys(names[:_MOST_LIBRARIES]):
            self._read(name)
        self._folded = {_folded(_without_comment(name)): name for name in reversed(self._statements)}

    def _exists(self, name: str) -> bool:
        if name not in self._looked and len(self._looked) < _MOST_LOOKS:
            try:
                self._looked[name] = resolve_companion(self._path.parent, name, self._path.name).is_file()
            except (FileNotFoundError, InputError):
                self._looked[name] = False
        return self._looked.get(name, False)

    def _names(self, line: bytes) -> list[str]:
        """The files of one mtllib statement: names are separated by spaces, but may contain some."""
        text = decode_name(line)
        if self._exists(text):
            return [text]
        text = _without_comment(text)
        words = [(m.start(), m.end()) for m in re.finditer(r'"[^"]*"|\S+', text)][:_MOST_LIBRARIES]
        names, at = [], 0
        while at < len(words):
            start = words[at][0]
            ends = [k for k in range(at, min(len(words), at + 12)) if self._exists(text[start : words[k][1]])]
            if not ends:  # none is there: the name ends with the first .mtl
                named = (
                    k
                    for k in range(at, len(words))
                    if text[: words[k][1]].lower().rstrip('"').endswith(".mtl")
                )
                ends = [next(named, at)]
            names.append(text[start : words[ends[-1]][1]].strip('"'))
            at = ends[-1] + 1
        return names

    def _read(self, name: str) -> None:
        short = name[:200]
        try:
            place = resolve_companion(self._path.parent, name, self._path.name)
            data = read_bytes(place, _MTL_LIMIT)
        except FileNotFoundError:
            self._missing = True
            own = self._path.with_suffix(".mtl").name
            if name == own or not self._exists(own):
                self._notes.append(f"the material file {short} is missing")
                return
            self._notes.append(f"the material file {short} is missing: {own} is read instead")
            self._read(own)
            return
        except InputError as error:
            self._missing = True
            self._notes.append(f"the material file {short} is left out ({error.cause})")
            return
        statements: list[tuple[str, str]] = []
        for raw in logical_lines(utf8_text(data)):
            words = decode_name(raw).strip().split(None, 1)
            if not words or words[0].startswith("#"):
                continue
            key, rest = words[0].lower(), words[1] if len(words) > 1 else ""
            if key == "newmtl":
                statements = self._statements[rest] = []
                self._folders[rest] = os.path.relpath(place.parent, self._path.parent)
            else:
                statements.append((key, rest))

    def find(self, raw: bytes, named: bool) -> Shading:
        """The material that "usemtl" names; named: whether the file uses any. Without, an only material is that of all faces."""
        name = decode_name(raw)
        if name not in self._made:
            self._made[name] = self._find(name, named)
        return self._made[name]

    def _find(self, name: str, named: bool) -> Shading:
        cut = _without_comment(name)
        for key in (name, cut):
            if key in self._given:
                return Shading(self._given[key])
            if key in self._statements:
                return self._make(key)
        if not name:
            if named or not self._statements:
                return Shading()
            first = next(iter(self._statements))
            if len(self._statements) == 1:
                self._notes.append(f"no face states its material: all get {first[:80]}, the only one")
                return self._make(first)
            self._notes.append("the materials are not used, because no face states its material (usemtl)")
            return Shading()
        if _folded(cut) in self._folded:
            return self._make(self._folded[_folded(cut)])
        if not self._stated:
            self._notes.append(f"the material {name[:80]} is not known: the file names no material file")
        elif not self._missing:
            self._notes.append(f"the material {name[:80]} is not in the material files")
        return Shading()

    def _make(self, name: str) -> Shading:
        label, values = name[:200], dict(self._statements[name])  # the last statement of a kind counts
        note: Callable[[str], None] = lambda text: self._notes.append(f"the material {label}: {text}")  # noqa: E731
        rgb = _colour(values["kd"], note) if "kd" in values else None
        opacity = _opacity(values, note)
        for what in unread_maps(values):
            self.unread.setdefault(what, []).append(label)
        colour: Bytes4 = (*(rgb or WHITE[:3]), opacity)
        dark = (
            rgb is None or max(rgb) == 0
        )  # else the emissive map is light on a surface that has a colour of its own
        source = next((k for k in ("map_kd", *["map_ke"] * dark, "map_ka") if values.get(k)), None)
        drawn = None if source is None else parse_map(values[source])
        cover = parse_map(values["map_d"]) if values.get("map_d") else None
        base: Bytes4 = (*GREY[:3], opacity) if dark else colour
        if drawn is not None and source is not None:
            picture = self._picture(drawn, self._folders[name])
            if picture is not None and cover is None and constant_alpha(picture):
                picture = self._pictures.setdefault((id(picture), "RGB"), picture.convert("RGB"))
                note("the constant transparency of its texture is not used, since no map_d states it")
            if picture is not None and source != "map_kd":
                note(f"it has no map_Kd: its {source} is used")
            if drawn.turbulent:
                note("the turbulence (-t) of its map is not used")
        else:
            picture = None
        if cover is not None:
            alpha = self._picture(cover, self._folders[name], opacity=True)
            if alpha is not None and picture is None:
                drawn, picture = cover, Pil.new("RGB", alpha.size, colour[:3])
            if alpha is not None and picture is not None and drawn is not None:
                if not cover.placed_as(drawn):
                    note("its map_d is not used, because it is placed differently from its texture")
                else:
                    both = (drawn.key(), cover.key(), colour[:3] if drawn is cover else None)
                    picture = self._pictures.setdefault(both, with_opacity(picture, alpha))
        if picture is None:
            return Shading(Material(label, colour))
        return Shading(Material(label, (*WHITE[:3], opacity), picture), base, drawn)

    def _picture(self, source: TextureMap, folder: str, opacity: bool = False) -> Pil.Image | None:
        """The picture of a map, or its opacity (mode L); None with a note where it cannot be read. folder: of the library."""
        key = (folder, source.key(), opacity)
        if key not in self._pictures:
            self._pictures[key] = None
            loaded = self._load(source, folder)
            if loaded is not None:
                self._pictures[key] = adjusted(loaded, source, opacity)
        return self._pictures[key]

    def _load(self, source: TextureMap, folder: str) -> Pil.Image | None:
        """The picture of a map, looked for from the folder of the library, then from that of the model."""
        error: Exception | None = None
        if len(self._pictures) > _MOST_TEXTURES:
            self._notes.append(f"of the textures the first {_MOST_TEXTURES} are read")
            return None
        plain = (source.file, _without_comment(source.file))
        from_library = [f"{folder}/{name}" for name in plain if name and folder != "."]
        for name in dict.fromkeys((*from_library, *plain)):
            try:
                place = resolve_companion(self._path.parent, name, self._path.name)
                return decode_texture(read_bytes(place), source.file[:200])
            except FileNotFoundError as caught:
                error = error or caught
            except InputError as caught:
                error = caught if error is None or name in plain else error
        if isinstance(error, InputError):
            self._notes.append(f"the texture {source.file[:200]} is left out ({error.cause}): {error.advice}")
        else:
            self._notes.append(f"the texture {source.file[:200]} is missing")
        return None


def _without_comment(name: str) -> str:
    return re.sub(r"\s+#.*", "", name)


def _folded(name: str) -> str:
    """A name without regard to case and to the number of spaces."""
    return " ".join(name.casefold().split())


def _colour(text: str, note: Callable[[str], None]) -> tuple[int, int, int] | None:
    """sRGB bytes of "r g b", "r" (grey) or "xyz x y z"; None with a note otherwise."""
    words = text.split("#")[0].split()
    xyz = bool(words) and words[0].lower() == "xyz"
    try:
        values = np.array([float(w) for w in words[xyz : xyz + 3]])
    except ValueError:
        values = np.zeros(0)
    if not len(values) or not (np.abs(values) < 1e30).all():
        note(f"its colour Kd {text[:40]} is not read")
        return None
    values = np.r_[values, np.full(3 - len(values), values[0])]
    if xyz:
        linear = np.clip(_XYZ_TO_RGB @ values, 0, 1)
        values = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = np.rint(np.clip(values / brightest(values), 0, 1) * 255).astype(int).tolist()
    return red, green, blue


def _opacity(values: dict[str, str], note: Callable[[str], None]) -> int:
    """Opacity 0 to 255: d, else 1 - Tr; options such as -halo come before the number."""
    for key in ("d", "tr"):
        words = values.get(key, "").split("#")[0].split()
        if not words:
            continue
        try:
            number = float(words[-1])
        except ValueError:
            number = float("nan")
        if not abs(number) < 1e30:
            note(f"its transparency {words[-1][:40]} is not read")
            continue
        return min(255, max(0, round((number if key == "d" else 1 - number) * 255)))
    return 255

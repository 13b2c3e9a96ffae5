"""Minetest's modpack homedecor: OBJ models whose textures are stated in the Lua definition of their node."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lift3d.corpus.entry import Entry
from lift3d.corpus.readers import obj
from lift3d.corpus.readers.texture_lookup import Textures
from lift3d.corpus.sources.common import files_below, read_copyright, split_words
from lift3d.geometry.parts.convert import y_up_to_z_up_parts
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import MAX_FILE
from lift3d.types import Material, Part

MODS = "usr/share/games/minetest/mods/homedecor"
WALL_MOUNTED = re.compile(
    r"bed_(regular|extended|kingsize)|desk_lamp|dartboard|calendar|armchair|lrfurn_sofa|kitchen_(chair|cabinet|sink)|shutter"
)
"""Meshes of wall-mounted nodes: their files have Z up, all others Y up."""
VARIANT = re.compile(
    r"(_(open|closed|on|off|top|bottom|left|right|[a-z]|[0-9]+|small|large|inner|outer|corner))+$"
)

MAX_GAP = 2000
"""Maximum number of characters between the mesh of a node and its tiles."""


class HomeDecor:
    """The furniture of Minetest's modpack homedecor."""

    name = "minetest-mod-homedecor"
    packages: tuple[str, ...] = ("minetest-mod-homedecor",)
    about = "blocky furniture and fixtures of a building game"

    def __init__(self) -> None:
        self.tiles: dict[str, list[str]] = {}
        self.textures: Textures | None = None

    def needs(self, path: str) -> bool:
        """Whether this file of a package is needed."""
        return path.endswith((".obj", ".lua", ".png"))

    def entries(self, roots: Sequence[Path]) -> list[Entry]:
        """All models below the roots of the unpacked packages, sorted by key."""
        root = roots[0] / MODS
        self.textures = Textures(root)
        rights = read_copyright(roots[0], self.name)
        self.tiles = {}
        for script in files_below(root, ".lua"):
            for mesh, tiles in parse_definitions(script.read_text("utf-8", "replace")):
                self.tiles.setdefault(mesh, tiles)
        found = []
        for file in files_below(root, ".obj"):
            if file.parent.name == "models":
                mod, stem = file.parent.parent.name, file.stem.removeprefix("homedecor_")
                terms, text = (
                    rights.terms_of(f"{mod}/models/{file.name}"),
                    (split_words(stem), split_words(mod)),
                )
                more = (f"{mod}/{VARIANT.sub('', stem)}", terms.licence, terms.author("homedecor's authors"))
                found.append(Entry(f"{self.name}/{mod}/{file.stem}", file, split_words(stem), text, *more))
        return found

    def load(self, entry: Entry) -> list[Part]:
        """The parts of a model, right-handed and Z up. Raises InputError for a damaged file."""
        data = read_bytes(entry.file, MAX_FILE)
        names = list(dict.fromkeys(re.findall(rb"^usemtl[ \t]+(.*?)\s*$", data, re.M))) or [b""]
        tiles = self.tiles.get(entry.file.name, [])
        assert self.textures is not None
        given = {
            name.decode("utf-8", "replace"): Material(tile, texture=self.textures.open(tile))
            for name, tile in zip(names, tiles + tiles[-1:] * len(names))
        }
        parts = obj.read(data, entry.file, given)
        return parts if WALL_MOUNTED.search(entry.file.stem) else y_up_to_z_up_parts(parts)


def parse_definitions(lua: str) -> list[tuple[str, list[str]]]:
    """(mesh file, texture names) of each node: `mesh = "x.obj"` with the nearest `tiles = {...}`. Of a texture with
    modifiers ("a.png^[brighten") the first picture is used."""
    meshes = [(m.start(), m[1]) for m in re.finditer(r'\bmesh\s*=\s*"([^"]+\.obj)"', lua)]
    lists = [(m.start(), m[1]) for m in re.finditer(r"\btiles\s*=\s*\{((?:[^{}]|\{[^{}]*\})*)\}", lua)]
    out = []
    for at, mesh in meshes:
        near = min(lists, key=lambda item: abs(item[0] - at), default=(-MAX_GAP, ""))
        if abs(near[0] - at) < MAX_GAP:
            names = re.findall(r'"([^"]+\.png[^"]*)"', near[1])
            out.append((mesh, [name.split("^")[0].strip("()") for name in names]))
    return out

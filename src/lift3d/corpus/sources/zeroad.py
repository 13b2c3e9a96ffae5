"""0 A.D.: meshes of buildings, plants, animals, ships and tools, assembled by actor files.

An actor names a mesh, its textures and other actors that are attached to points of the mesh ("root" is its origin). The
most frequent variant of each group is used. Buildings, ships and plants are assembled; every other mesh is a model of its
own, with the texture of the first actor that uses it in any variant.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lift3d.corpus.entry import Entry
from lift3d.corpus.packages.licences import Terms
from lift3d.corpus.packages.unzip import unzip
from lift3d.corpus.readers import pmd
from lift3d.corpus.readers.texture_lookup import Textures, apply_team_colour
from lift3d.corpus.sources.common import (
    family_stem,
    files_below,
    from_left_handed,
    parse_xml,
    paths_without_suffix,
    read_copyright,
    split_words,
)
from lift3d.errors import InputError
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import MAX_FILE
from lift3d.types import F64, Part

ZIP = "usr/share/games/0ad/mods/public/public.zip"
WHOLE = ("structures/", "flora/", "geology/", "campaigns/structures/")
MAX_DEPTH = 4
TRANSPARENT = re.compile(r"(basic_)?trans|aura|waterfall")
"""Materials whose alpha is transparency."""
Shown = tuple[str, str, bool]
"""Actor, texture, and whether the texture's alpha is transparency."""
NOBODY: Shown = ("", "", False)
MAX_MESHES = 1000
"""Maximum number of meshes in one model."""


@dataclass(frozen=True)
class Actor:
    """mesh: path below art/meshes without suffix. texture: base texture. props: (attachment point, actor path).
    variants: (mesh, texture) of all variants. clear: the texture's alpha is transparency rather than the opacity over the
    owner's colour."""

    mesh: str = ""
    texture: str = ""
    props: tuple[tuple[str, str], ...] = field(default=())
    variants: tuple[tuple[str, str], ...] = field(default=())
    clear: bool = False


class ZeroAD:
    """The models of the strategy game 0 A.D."""

    name = "0ad-data"
    packages: tuple[str, ...] = ("0ad-data",)
    about = "buildings, ships, plants, animals, people and tools of antiquity"

    def __init__(self) -> None:
        self.art = Path()
        self.actors: dict[str, Actor] = {}
        self.meshes: dict[str, Path] = {}
        self.textures: Textures | None = None
        self.shown_by: dict[str, Shown] = {}
        self.terms = Terms()

    def needs(self, path: str) -> bool:
        """Whether this file of a package is needed."""
        return path.endswith("public.zip")

    def entries(self, roots: Sequence[Path]) -> list[Entry]:
        """All models below the roots of the unpacked packages, sorted by key."""
        inner = re.compile(r"art/(meshes/.*\.pmd|actors/.*\.xml|textures/skins/.*\.dds)$")
        self.art = unzip(roots[0] / ZIP, lambda path: inner.match(path) is not None) / "art"
        self.textures = Textures(self.art / "textures/skins")
        self.rights = read_copyright(roots[0], self.name).terms_of("binaries/data/mods/public/art")
        folder = self.art / "meshes"
        self.meshes = {_bare(file, folder): file for file in files_below(folder, ".pmd")}
        scripts = paths_without_suffix(files_below(self.art / "actors", ".xml"), self.art / "actors")
        self.actors = {path: parse_actor(file.read_bytes()) for path, file in scripts}
        self.shown_by = shown_by(self.actors)
        found, shown = [], set()
        for path, what in self.actors.items():
            if path.startswith(WHOLE) and what.mesh in self.meshes:
                shown.add(what.mesh)
                found.append(self._entry(path, path, what.mesh))
        for mesh in self.meshes:
            if mesh not in shown:
                found.append(self._entry(f"meshes/{mesh}", self.shown_by.get(mesh, NOBODY)[0], mesh))
        return sorted(found, key=lambda e: e.key)

    def _entry(self, key: str, shown_by: str, mesh: str) -> Entry:
        folder, _, stem = mesh.rpartition("/")
        name, text = split_words(stem), (split_words(stem), split_words(mesh), split_words(shown_by))
        more = (
            f"{folder.split('/')[0]}/{family_stem(stem)}",
            self.terms.licence,
            self.terms.author("Wildfire Games"),
        )
        return Entry(f"{self.name}/{key}", self.meshes[mesh], name, text, *more)

    def load(self, entry: Entry) -> list[Part]:
        """The parts of a model, right-handed and Z up. Raises InputError for a damaged file."""
        path = entry.key.removeprefix(f"{self.name}/")
        if path in self.actors:
            parts = self._assemble(path, np.eye(4), 0, [MAX_MESHES])
        else:
            mesh = path.removeprefix("meshes/")
            _, texture, clear = self.shown_by.get(mesh, NOBODY)
            parts = self._dressed(mesh, texture, clear, np.eye(4))
        return from_left_handed(parts, clockwise=True)

    def _dressed(self, mesh: str, texture: str, clear: bool, pose: F64) -> list[Part]:
        assert self.textures is not None
        file = self.meshes[mesh]
        parts = self.textures.with_textures(
            pmd.read(read_bytes(file, MAX_FILE), file.name), otherwise=texture
        )
        parts = parts if clear else apply_team_colour(parts, multiplied=True)
        return [replace(part, vertices=part.vertices @ pose[:3, :3].T + pose[:3, 3]) for part in parts]

    def _assemble(self, path: str, pose: F64, depth: int, left: list[int]) -> list[Part]:
        what = self.actors.get(path, Actor())
        if depth > MAX_DEPTH or left[0] < 1 or what.mesh not in self.meshes:
            return []
        left[0] -= 1
        parts = self._dressed(what.mesh, what.texture, what.clear, pose)
        points: dict[str, F64] | None = None
        for point, other in what.props:
            place = np.eye(4)
            if point != "root":
                if points is None:
                    file = self.meshes[what.mesh]
                    points = _points(read_bytes(file, MAX_FILE), file.name)
                if point not in points:
                    continue
                place = points[point]
            parts += self._assemble(other, pose @ place, depth + 1, left)
        return parts


def shown_by(actors: dict[str, Actor]) -> dict[str, Shown]:
    """For each mesh the first actor that uses it, preferring actors with a texture."""
    found: dict[str, Shown] = {}
    for path, what in actors.items():
        for mesh, texture in ((what.mesh, what.texture), *what.variants):
            if mesh and (mesh not in found or texture and not found[mesh][1]):
                found[mesh] = (path, texture, what.clear)
    return found


def _points(data: bytes, name: str) -> dict[str, F64]:
    try:
        return {
            key.removeprefix("prop-").removeprefix("prop_"): pose
            for key, pose in pmd.attachment_points(data, name).items()
        }
    except InputError:
        return {}


def _bare(file: Path, root: Path) -> str:
    """The path of a mesh without suffixes: "structural/house" for structural/house.dae.cached.pmd."""
    return re.sub(r"(\.dae)?(\.cached)?\.pmd$", "", file.relative_to(root).as_posix())


def parse_actor(data: bytes) -> Actor:
    """The actor of an actor file, with the most frequent variant of each group; empty where it cannot be parsed."""
    root = parse_xml(data)
    if root is None:
        return Actor()
    mesh, texture, props, others = "", "", [], []
    for group in root.iter("group"):
        variants = group.findall("variant")
        if not variants:
            continue
        best = max(variants, key=lambda v: _number(v.get("frequency", "1")))
        others += [(_mesh(v), _texture(v)) for v in variants if _mesh(v)]
        mesh, texture = mesh or _mesh(best), texture or _texture(best)
        for prop in best.iter("prop"):
            other = prop.get("actor", "")
            if other and prop.get("attachpoint"):
                props.append((prop.get("attachpoint", ""), re.sub(r"\.xml$", "", other)))
    clear = TRANSPARENT.match((root.findtext("material") or "").strip()) is not None
    return Actor(mesh, texture, tuple(props), tuple((m, t or texture) for m, t in others), clear)


def _mesh(variant: ET.Element) -> str:
    return re.sub(r"\.(dae|pmd)$", "", (variant.findtext("mesh") or "").strip())


def _texture(variant: ET.Element) -> str:
    files = [t.get("file", "") for t in variant.iter("texture") if t.get("name") == "baseTex"]
    return re.sub(r"\.(png|dds)$", "", files[0]) + ".png.cached.dds" if files else ""


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0

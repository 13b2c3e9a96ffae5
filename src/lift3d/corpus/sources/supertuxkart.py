"""SuperTuxKart: karts, library objects and parts of tracks as SPM meshes; karts are assembled with their wheels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lift3d.corpus.entry import Entry
from lift3d.corpus.readers import spm
from lift3d.corpus.readers.texture_lookup import Textures
from lift3d.corpus.sources.common import (
    family_stem,
    files_below,
    from_left_handed,
    parse_xml,
    paths_without_suffix,
    read_copyright,
    split_words,
)
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import MAX_FILE
from lift3d.types import F64, Part

ROOT = "usr/share/games/supertuxkart/data"
KINDS = ("karts", "library", "models", "tracks")
SKIP = re.compile(r"_(track|low|LOD\d?)$|-low$|/track$")
PlacedMesh = tuple[str, F64]


class SuperTuxKart:
    """The models of the racing game SuperTuxKart."""

    name = "supertuxkart-data"
    packages: tuple[str, ...] = ("supertuxkart-data",)
    about = "karts, plants, buildings and objects beside race tracks"

    def __init__(self) -> None:
        self.textures: Textures | None = None
        self.wheels: dict[Path, list[PlacedMesh]] = {}

    def needs(self, path: str) -> bool:
        """Whether this file of a package is needed."""
        return path.endswith((".spm", ".png", ".jpg", ".jpeg", "/kart.xml"))

    def entries(self, roots: Sequence[Path]) -> list[Entry]:
        """All models below the roots of the unpacked packages, sorted by key."""
        root = roots[0] / ROOT
        self.textures = Textures(root)
        rights = read_copyright(roots[0], self.name)
        self.wheels, used = {}, set()
        for description in files_below(root / "karts", "kart.xml"):
            body, wheels = parse_kart(description.read_bytes())
            self.wheels[description.parent / body] = wheels
            used |= {description.parent / name for name, _ in wheels}
        found = []
        for path, file in paths_without_suffix(files_below(root, ".spm"), root):
            if path.startswith(KINDS) and not SKIP.search(path) and file not in used:
                terms = rights.terms_of(f"data/{path}.spm")
                more = (family_stem(path), terms.licence, terms.author("SuperTuxKart team"))
                found.append(
                    Entry(f"{self.name}/{path}", file, split_words(file.stem), (split_words(path),), *more)
                )
        return sorted(found, key=lambda e: e.key)

    def load(self, entry: Entry) -> list[Part]:
        """The parts of a model, right-handed and Z up. Raises InputError for a damaged file."""
        assert self.textures is not None
        folder, out = entry.file.parent, []
        for name, place in [(entry.file.name, np.zeros(3)), *self.wheels.get(entry.file, [])]:
            if (folder / name).is_file():
                parts = spm.read(read_bytes(folder / name, MAX_FILE), name)
                out += [replace(part, vertices=part.vertices + place) for part in parts]
        return from_left_handed(self.textures.with_textures(out, folder), clockwise=False)


def parse_kart(data: bytes) -> tuple[str, list[PlacedMesh]]:
    """The file of the body, and file and position (3,) of each wheel; empty where the description cannot be read."""
    root = parse_xml(data)
    wheels: list[PlacedMesh] = []
    for wheel in root.iterfind("wheels/*") if root is not None else ():
        name, place = wheel.get("model", ""), parse_vector(wheel.get("position", ""))
        if re.fullmatch(r"[\w.-]+\.spm", name) and place.shape == (3,) and (np.abs(place) < 1e6).all():
            wheels.append((name, place))
    return (root.get("model-file", "") if root is not None else ""), wheels


def parse_vector(text: str) -> F64:
    """(N,) numbers of a text; empty where one cannot be parsed."""
    try:
        return np.array(text.split(), np.float64)
    except ValueError:
        return np.zeros(0)

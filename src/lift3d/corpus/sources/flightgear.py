"""FlightGear: buildings, aircraft, ships and structures of its scenery as AC3D models with textures beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lift3d.corpus.entry import Entry
from lift3d.corpus.readers import ac3d
from lift3d.corpus.readers.texture_lookup import Textures
from lift3d.corpus.sources.common import files_below, paths_without_suffix, read_copyright, split_words
from lift3d.geometry.parts.convert import y_up_to_z_up_parts
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import MAX_FILE
from lift3d.types import Part

ROOT = "usr/share/games/flightgear"
SKIP = re.compile(r"Instruments|Effects|Weather|Astro|light|cloud|shadow|_lod|nightlight", re.I)
TRAFFIC = re.compile(r"^AI/[^/]+/[^/]+(?=/)")


class FlightGear:
    """The models of the flight simulator FlightGear."""

    name = "flightgear-data"
    packages: tuple[str, ...] = ("flightgear-data-base", "flightgear-data-models", "flightgear-data-ai")
    about = "buildings, aircraft, ships, vehicles, masts and bridges of a flight simulator"

    def __init__(self) -> None:
        self.textures: dict[Path, Textures] = {}

    def needs(self, path: str) -> bool:
        """Whether this file of a package is needed."""
        return path.endswith((".ac", ".png", ".rgb", ".rgba", ".jpg", ".dds"))

    def entries(self, roots: Sequence[Path]) -> list[Entry]:
        """All models below the roots of the unpacked packages, sorted by key."""
        found = {}
        for package, root in zip(self.packages, roots):
            base, rights = root / ROOT, read_copyright(root, package)
            self.textures[base] = Textures(base)
            for path, file in paths_without_suffix(files_below(base, ".ac"), base):
                if not SKIP.search(path):
                    terms, text = rights.terms_of(path), (split_words(path),)
                    more = (family_of(path), terms.licence, terms.author("FlightGear contributors"))
                    found[path] = Entry(f"{self.name}/{path}", file, split_words(file.stem), text, *more)
        return [found[path] for path in sorted(found)]

    def load(self, entry: Entry) -> list[Part]:
        """The parts of a model, right-handed and Z up. Raises InputError for a damaged file."""
        base = next(b for b in self.textures if entry.file.is_relative_to(b))
        parts = ac3d.read(read_bytes(entry.file, MAX_FILE), entry.file.name)
        return y_up_to_z_up_parts(self.textures[base].with_textures(parts, entry.file.parent))


def family_of(path: str) -> str:
    """The family of a model by its path: the folder of an aircraft or ship, with its liveries and parts; for buildings the
    path without its last number or letter. Models that two packages contain ("Models/..." and "Scenery/Models/...") share
    a family."""
    traffic = TRAFFIC.match(path)
    if traffic:
        return traffic[0].lower()
    return re.sub(
        r"[-_]?([0-9]+|(?<=[-_a-z0-9])[A-Z]|(?<=[-_])[a-z])$", "", path.removeprefix("Scenery/")
    ).lower()

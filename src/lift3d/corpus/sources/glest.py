"""MegaGlest: units, buildings and plants as G3D models with textures beside them; the poses of a unit form a family."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lift3d.corpus.entry import Entry
from lift3d.corpus.readers import g3d
from lift3d.corpus.readers.texture_lookup import Textures, apply_team_colour
from lift3d.corpus.sources.common import (
    family_stem,
    files_below,
    paths_without_suffix,
    read_copyright,
    split_words,
)
from lift3d.geometry.parts.convert import y_up_to_z_up_parts
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import MAX_FILE
from lift3d.types import Part

ROOT = "usr/share/games/megaglest"
UNIT = re.compile(r"^(.*)/units/([^/]+)/")


class MegaGlest:
    """The models of the strategy game MegaGlest."""

    name = "megaglest-data"
    packages: tuple[str, ...] = ("megaglest-data",)
    about = "buildings, creatures, machines and plants of a strategy game"

    def __init__(self) -> None:
        self.textures: Textures | None = None

    def needs(self, path: str) -> bool:
        """Whether this file of a package is needed."""
        return path.endswith((".g3d", ".jpg", ".png", ".tga", ".bmp", "/AUTHORS.data.txt"))

    def entries(self, roots: Sequence[Path]) -> list[Entry]:
        """All models below the roots of the unpacked packages, sorted by key."""
        root = roots[0] / ROOT
        self.textures = Textures(root)
        rights = read_copyright(roots[0], self.name)
        notes = root / "docs/AUTHORS.data.txt"
        people = parse_authors(notes.read_text("utf-8", "replace") if notes.is_file() else "")
        found = []
        for path, file in paths_without_suffix(files_below(root, ".g3d"), root):
            unit = UNIT.match(path)
            name = unit[2] if unit else file.stem
            family = f"{unit[1]}/{unit[2]}" if unit else family_stem(path)
            terms = rights.terms_of(path)
            author = next(
                (who for where, who in people.items() if where in path), terms.author("MegaGlest team")
            )
            key, text = f"{self.name}/{path}", (split_words(path),)
            found.append(Entry(key, file, split_words(name), text, family, terms.licence, author))
        return found

    def load(self, entry: Entry) -> list[Part]:
        """The parts of a model, right-handed and Z up. Raises InputError for a damaged file."""
        assert self.textures is not None
        parts = g3d.read(read_bytes(entry.file, MAX_FILE), entry.file.name)
        out = []
        for part in self.textures.with_textures(parts, entry.file.parent):
            named = part.material is not None and part.material.name.startswith("team/")
            team = named and "/tilesets/" not in entry.key  # trees have no owner, despite their flags
            out += apply_team_colour([part], multiplied=False) if team else [part]
        return y_up_to_z_up_parts(out)


def parse_authors(text: str) -> dict[str, str]:
    """The authors of factions and tilesets by a part of their paths, from the notes that come with the data."""
    renamed = {"indians": "indian", "egyptians": "egypt", "persians": "persian", "scrubland": "scrub_land"}
    found = {}
    factions, _, rest = text.partition("Tilesets:")
    for name, people in re.findall(r"^(\w+):\s*\n\s*Copyright [\d-]+ \(c\) ([^(<]+?)\s*\(?<", factions, re.M):
        if people != "The Glest Team":  # the package names both teams
            found[f"/factions/{renamed.get(name.lower(), name.lower())}/"] = " ".join(people.split())
    tilesets = rest.partition("Maps:")[0]
    for name, people in re.findall(r"^ (\w[\w ]*?) {2,}by ((?:.|\n {3,})+)", tilesets, re.M):
        folder = name.lower().replace(" ", "_")
        found[f"tilesets/{renamed.get(folder, folder)}/"] = " ".join(people.split())
    return found

"""Sweet Home 3D's furniture libraries: zip files of OBJ models with a catalogue in Java properties."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from lift3d.corpus.entry import Entry
from lift3d.corpus.unzip import unzip
from lift3d.io import obj
from lift3d.io.images import read_bytes
from lift3d.io.parts import MAX_FILE, Part, y_up_to_z_up_parts

LICENCES = {
    "KatorLegaz": "CC-BY-3.0", "Reallusion": "CC-BY-3.0", "Scopia": "CC-BY-3.0",
    "BlendSwap-CC-BY": "CC-BY-3.0", "BlendSwap-CC-0": "CC0-1.0",
}  # fmt: skip
CATALOGUE = "PluginFurnitureCatalog.properties"


class SweetHome3D:
    name = "sweethome3d-furniture"
    packages: tuple[str, ...] = ("sweethome3d-furniture",)
    about = "furniture, fixtures, plants, vehicles and people of interior design; sizes in the catalogue"

    def wanted(self, path: str) -> bool:
        return path.endswith(".sh3f") or "/doc/" in path

    def entries(self, roots: Sequence[Path]) -> list[Entry]:
        found = []
        for library in sorted(roots[0].glob("usr/share/sweethome3d/furniture/*.sh3f")):
            folder = unzip(library, lambda name: not name.endswith(".class"))
            for row in catalogue((folder / CATALOGUE).read_bytes()):
                model = row.get("model", "").lstrip("/")
                if not model:
                    continue
                name, identity = row.get("name", ""), row.get("id", model).split("#")[-1]
                words = (name, row.get("tags", ""), row.get("category", ""))
                sides = [float(row[side]) / 100 for side in ("width", "depth", "height") if side in row]
                found.append(
                    Entry(
                        f"{self.name}/{library.stem}/{identity}",
                        folder / model,
                        name,
                        words,
                        f"{library.stem}/{re.sub(r'[0-9]+$', '', identity).lower()}",
                        LICENCES[library.stem],
                        row.get("creator", library.stem),
                        (sides[0], sides[1], sides[2]) if len(sides) == 3 else None,
                    )
                )
        return sorted(found, key=lambda e: e.key)

    def load(self, entry: Entry) -> list[Part]:
        return y_up_to_z_up_parts(obj.read(read_bytes(entry.file, MAX_FILE), entry.file).parts)


def catalogue(data: bytes) -> list[dict[str, str]]:
    r"""Rows of key#number=value lines in ISO-8859-1 with \uXXXX escapes, in the order of their numbers."""
    rows: dict[int, dict[str, str]] = defaultdict(dict)
    for line in data.decode("latin-1").splitlines():
        match = re.match(r"([A-Za-z]+)#(\d+)\s*[=:]\s*(.*)", line)
        if match:
            value = re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), match[3])
            rows[int(match[2])][match[1]] = value.replace("\\", "").strip()
    return [rows[number] for number in sorted(rows)]

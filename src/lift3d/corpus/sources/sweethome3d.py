"""Sweet Home 3D: furniture libraries, zip files of OBJ models with a catalogue as Java properties."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from lift3d.corpus.entry import Entry
from lift3d.corpus.packages.licences import licence_in_text
from lift3d.corpus.packages.unzip import unzip
from lift3d.corpus.readers import obj
from lift3d.corpus.sources.common import files_below, read_copyright
from lift3d.geometry.parts.convert import y_up_to_z_up_parts
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import MAX_FILE
from lift3d.types import Part

FOLDER = "usr/share/sweethome3d/furniture"
CATALOGUE = "PluginFurnitureCatalog.properties"


class SweetHome3D:
    """The furniture libraries of Sweet Home 3D."""

    name = "sweethome3d-furniture"
    packages: tuple[str, ...] = ("sweethome3d-furniture",)
    about = "furniture, fixtures, plants, vehicles and people of interior design; sizes in the catalogue"

    def needs(self, path: str) -> bool:
        """Whether this file of a package is needed."""
        return path.endswith(".sh3f")

    def entries(self, roots: Sequence[Path]) -> list[Entry]:
        """All models below the roots of the unpacked packages, sorted by key."""
        rights = read_copyright(roots[0], self.name)
        found = []
        for library in files_below(roots[0] / FOLDER, ".sh3f"):
            folder = unzip(library, lambda name: not name.endswith(".class"))
            terms = rights.terms_of(f"{library.stem}/{CATALOGUE}")
            texts = licence_texts(folder)
            for row in parse_catalogue((folder / CATALOGUE).read_bytes()):
                model = model_file(folder, row.get("model", ""))
                if model is None:
                    continue
                name, identity = row.get("name", ""), row.get("id", model.stem).split("#")[-1]
                text = (name, row.get("tags", ""), row.get("category", ""))
                kin = f"{library.stem}/{re.sub(r'[0-9]+$', '', identity).lower()}"
                licence = texts.get(model.parent) or texts.get(folder) or terms.licence
                author = row.get("creator") or terms.author(library.stem)
                key = f"{self.name}/{library.stem}/{identity}"
                found.append(Entry(key, model, name, text, kin, licence, author, size_in_metres(row)))
        return sorted(found, key=lambda e: e.key)

    def load(self, entry: Entry) -> list[Part]:
        """The parts of a model, right-handed and Z up. Raises InputError for a damaged file."""
        return y_up_to_z_up_parts(obj.read(read_bytes(entry.file, MAX_FILE), entry.file))


def parse_catalogue(data: bytes) -> list[dict[str, str]]:
    r"""Rows of a catalogue of key#number=value lines in ISO-8859-1 with \uXXXX escapes, sorted by number."""
    rows: dict[int, dict[str, str]] = defaultdict(dict)
    for line in data.decode("latin-1").splitlines():
        match = re.match(r"([A-Za-z]+)#(\d+)\s*[=:]\s*(.*)", line)
        if match:
            value = re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), match[3])
            rows[int(match[2])][match[1]] = value.replace("\\", "").strip()
    return [rows[number] for number in sorted(rows)]


def model_file(folder: Path, model: str) -> Path | None:
    """The file of a model; None unless it exists below `folder`."""
    path = folder / model.lstrip("/")
    ok = (
        bool(model)
        and "\0" not in model
        and path.is_file()
        and path.resolve().is_relative_to(folder.resolve())
    )
    return path if ok else None


def size_in_metres(row: dict[str, str]) -> tuple[float, float, float] | None:
    """Width, depth and height in metres of a row in centimetres; None unless all three are stated."""
    try:
        width, depth, height = (float(row[side]) / 100 for side in ("width", "depth", "height"))
    except (KeyError, ValueError):
        return None
    return (width, depth, height) if 0 < min(width, depth, height) < 1e4 else None


def licence_texts(folder: Path) -> dict[Path, str]:
    """Licences stated by licence files, by folder: that of a library, and those of single models."""
    found = {}
    for file in files_below(folder, (".txt", ".html")):
        licence = (
            licence_in_text(file.read_bytes().decode("utf-8", "replace"))
            if "licen" in file.name.lower()
            else None
        )
        if licence is not None:
            found[file.parent] = licence
    return found

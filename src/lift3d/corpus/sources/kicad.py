"""KiCad: electronic parts as VRML with one colour per material, in tenths of an inch; at most three per family of names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lift3d.corpus.entry import Entry
from lift3d.corpus.readers import vrml
from lift3d.corpus.sources.common import files_below, paths_without_suffix, read_copyright
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import MAX_FILE
from lift3d.types import Part

MODELS = "usr/share/kicad/3dmodels"
UNIT = 0.00254
"""Metres per unit of KiCad's VRML."""
MAX_PER_FAMILY = 3


class KiCad:
    """The electronic parts of KiCad."""

    name = "kicad-packages3d"
    packages: tuple[str, ...] = ("kicad-packages3d",)
    about = f"electronic parts, at most {MAX_PER_FAMILY} of a name family"

    def needs(self, path: str) -> bool:
        """Whether this file of a package is needed."""
        return path.endswith(".wrl")

    def entries(self, roots: Sequence[Path]) -> list[Entry]:
        """All models below the roots of the unpacked packages, sorted by key."""
        root = roots[0] / MODELS
        rights = read_copyright(roots[0], self.name)
        found, taken = [], Counter[str]()
        for path, file in paths_without_suffix(files_below(root, ".wrl"), root):
            library = file.parent.name.removesuffix(".3dshapes")
            kin = f"{library}/{family_of(file.stem)}"
            taken[kin] += 1
            if taken[kin] <= MAX_PER_FAMILY:
                terms, text = (
                    rights.terms_of(f"{path}.wrl"),
                    (library.replace("_", " "), file.stem.replace("_", " ")),
                )
                more = (kin, terms.licence, terms.author("KiCad library contributors"))
                found.append(Entry(f"{self.name}/{library}/{file.stem}", file, text[1], text, *more))
        return found

    def load(self, entry: Entry) -> list[Part]:
        """The parts of a model, right-handed and Z up. Raises InputError for a damaged file."""
        parts = vrml.read(read_bytes(entry.file, MAX_FILE), entry.file.name)
        return [replace(part, vertices=part.vertices * UNIT) for part in parts]


def family_of(stem: str) -> str:
    """The name with numbers replaced by "#", equal for "PinHeader_2x05_P2.54mm_Vertical" and "PinHeader_2x06_..."."""
    return re.sub(r"\d+([.,]\d+)?", "#", stem)

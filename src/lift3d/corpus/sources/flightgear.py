"""FlightGear's scenery and traffic: buildings, aircraft, ships and structures as AC3D models with textures beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lift3d.corpus.entry import Entry
from lift3d.corpus.readers import ac3d
from lift3d.corpus.textures import Textures
from lift3d.io.images import read_bytes
from lift3d.io.parts import MAX_FILE, Material, Part, y_up_to_z_up_parts

ROOT = "usr/share/games/flightgear"
SKIP = re.compile(r"Instruments|Effects|Weather|Astro|light|cloud|shadow|_lod|nightlight", re.I)


class FlightGear:
    name = "flightgear-data"
    packages: tuple[str, ...] = ("flightgear-data-base", "flightgear-data-models", "flightgear-data-ai")
    about = "buildings, aircraft, ships, vehicles, masts and bridges of a flight simulator"

    def __init__(self) -> None:
        self.textures: dict[Path, Textures] = {}

    def wanted(self, path: str) -> bool:
        return path.endswith((".ac", ".png", ".rgb", ".rgba", ".jpg", ".dds", "/copyright"))

    def entries(self, roots: Sequence[Path]) -> list[Entry]:
        found = {}
        for root in roots:
            base = root / ROOT
            self.textures[base] = Textures([f for f in base.rglob("*") if f.is_file()], base)
            for file in sorted(base.rglob("*.ac")):
                path = file.relative_to(base).with_suffix("").as_posix()
                if SKIP.search(path):
                    continue
                words = (
                    re.sub(r"(?<=[a-z])(?=[A-Z])", " ", path)
                    .replace("/", " ")
                    .replace("_", " ")
                    .replace("-", " ")
                )
                folder = path.rsplit("/", 1)[0]
                kin = (
                    folder if path.startswith("AI/Aircraft") else re.sub(r"[-_]?([a-zA-Z]|[0-9]+)$", "", path)
                )
                found[path] = Entry(
                    f"{self.name}/{path}",
                    file,
                    file.stem.replace("_", " "),
                    (words,),
                    kin.lower(),
                    "GPL-2.0-or-later",
                    "FlightGear contributors",
                )
        return [found[path] for path in sorted(found)]

    def load(self, entry: Entry) -> list[Part]:
        base = next(b for b in self.textures if entry.file.is_relative_to(b))
        out = []
        for part in ac3d.read(read_bytes(entry.file, MAX_FILE), entry.file.name):
            label = part.material.name if part.material else ""
            picture = self.textures[base].open(label, entry.file.parent)
            colour = part.material.colour if part.material else (255, 255, 255, 255)
            out.append(
                replace(
                    part, material=Material(label, (255, 255, 255, colour[3]) if picture else colour, picture)
                )
            )
        return y_up_to_z_up_parts(out)

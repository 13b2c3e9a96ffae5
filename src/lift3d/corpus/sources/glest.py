"""MegaGlest: units, buildings and plants as G3D models with textures beside them; poses of a unit are one family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lift3d.corpus.entry import Entry
from lift3d.corpus.readers import g3d
from lift3d.corpus.textures import Textures
from lift3d.io.images import read_bytes
from lift3d.io.parts import MAX_FILE, Material, Part, y_up_to_z_up_parts

ROOT = "usr/share/games/megaglest"


class MegaGlest:
    name = "megaglest-data"
    packages: tuple[str, ...] = ("megaglest-data",)
    about = "buildings, creatures, machines and plants of a strategy game"

    def __init__(self) -> None:
        self.textures: Textures | None = None

    def wanted(self, path: str) -> bool:
        return path.endswith((".g3d", ".jpg", ".png", ".tga", ".bmp", "/copyright"))

    def entries(self, roots: Sequence[Path]) -> list[Entry]:
        root = roots[0] / ROOT
        self.textures = Textures([f for f in root.rglob("*") if f.is_file()], root)
        found = []
        for file in sorted(root.rglob("*.g3d")):
            path = file.relative_to(root).with_suffix("").as_posix()
            folder = path.split("/units/")[-1].split("/")[0] if "/units/" in path else path
            kin = f"{path.split('/units/')[0]}/{folder}" if "/units/" in path else path.rstrip("0123456789_")
            words = path.replace("/", " ").replace("_", " ")
            found.append(
                Entry(
                    f"{self.name}/{path}",
                    file,
                    folder.rsplit("/", 1)[-1].replace("_", " "),
                    (words,),
                    kin,
                    "CC-BY-SA-3.0",
                    "MegaGlest team",
                )
            )
        return found

    def load(self, entry: Entry) -> list[Part]:
        assert self.textures is not None
        out = []
        for part in g3d.read(read_bytes(entry.file, MAX_FILE), entry.file.name):
            label = part.material.name if part.material else ""
            picture = self.textures.open(label, entry.file.parent)
            colour = part.material.colour if part.material and picture is None else (255, 255, 255, 255)
            out.append(replace(part, material=Material(label, colour, picture)))
        return y_up_to_z_up_parts(out)

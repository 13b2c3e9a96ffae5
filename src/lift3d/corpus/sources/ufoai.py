"""UFO: Alien Invasion: objects, vehicles, aircraft and people as MD2 models whose textures lie beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lift3d.corpus.entry import Entry
from lift3d.corpus.readers import md2
from lift3d.corpus.textures import Textures
from lift3d.corpus.unzip import unzip
from lift3d.io.images import read_bytes
from lift3d.io.parts import MAX_FILE, Material, Part

PACK = "usr/share/games/ufoai/base/0models.pk3"


class UfoAI:
    name = "ufoai-data"
    packages: tuple[str, ...] = ("ufoai-data",)
    about = "objects, plants, vehicles, aircraft, weapons and people of a tactics game"

    def __init__(self) -> None:
        self.textures: Textures | None = None
        self.root = Path()

    def wanted(self, path: str) -> bool:
        return path.endswith(("0models.pk3", "/copyright"))

    def entries(self, roots: Sequence[Path]) -> list[Entry]:
        self.root = unzip(roots[0] / PACK, lambda path: path.startswith("models/"))
        self.textures = Textures([f for f in self.root.rglob("*") if f.is_file()], self.root)
        found = []
        for file in sorted((self.root / "models").rglob("*.md2")):
            path = file.relative_to(self.root / "models").with_suffix("").as_posix()
            words = path.replace("/", " ").replace("_", " ")
            kin = re.sub(r"(_?([a-z]|[0-9]+|open|closed|destroyed|broken))+$", "", path)
            found.append(
                Entry(
                    f"{self.name}/{path}",
                    file,
                    file.stem.replace("_", " "),
                    (words,),
                    kin,
                    "GPL-2.0-or-later",
                    "UFO: Alien Invasion team",
                )
            )
        return found

    def load(self, entry: Entry) -> list[Part]:
        assert self.textures is not None
        out = []
        for part in md2.read(read_bytes(entry.file, MAX_FILE), entry.file.name):
            label = part.material.name if part.material else ""
            name = label.lstrip(".").lstrip("/") or entry.file.stem
            picture = self.textures.open(name, entry.file.parent) or self.textures.open(
                entry.file.stem, entry.file.parent
            )
            out.append(replace(part, material=Material(label, picture=picture)))
        return out

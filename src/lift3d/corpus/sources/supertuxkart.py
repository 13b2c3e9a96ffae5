"""SuperTuxKart: karts, library objects and parts of tracks as SPM meshes; a kart's meshes in one folder are one thing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lift3d.corpus.entry import Entry
from lift3d.corpus.readers import spm
from lift3d.corpus.textures import Textures
from lift3d.io.images import read_bytes
from lift3d.io.parts import MAX_FILE, Material, Part, y_up_to_z_up_parts

ROOT = "usr/share/games/supertuxkart/data"
KINDS = ("karts", "library", "models", "tracks")


class SuperTuxKart:
    name = "supertuxkart-data"
    packages: tuple[str, ...] = ("supertuxkart-data",)
    about = "karts, plants, buildings and things beside race tracks"

    def __init__(self) -> None:
        self.textures: Textures | None = None
        self.members: dict[str, list[Path]] = {}

    def wanted(self, path: str) -> bool:
        return path.endswith((".spm", ".png", ".jpg", ".jpeg", "/copyright")) or "icense" in path

    def entries(self, roots: Sequence[Path]) -> list[Entry]:
        root = roots[0] / ROOT
        self.textures = Textures([f for f in root.rglob("*") if f.is_file()], root)
        groups: dict[str, list[Path]] = defaultdict(list)
        for file in sorted(root.rglob("*.spm")):
            path = file.relative_to(root).with_suffix("").as_posix()
            if path.startswith(KINDS) and not re.search(r"_(track|low|LOD\d?)$|-low$|/track$", path):
                groups[path].append(file)
        self.members = {f"{self.name}/{path}": files for path, files in groups.items()}
        found = []
        for path, files in groups.items():
            words = path.replace("/", " ").replace("_", " ")
            kin = re.sub(r"(_?([a-h]|[0-9]+|main))+$", "", path.lower())
            found.append(
                Entry(
                    f"{self.name}/{path}",
                    files[0],
                    files[0].stem.replace("_", " "),
                    (words,),
                    kin,
                    "CC-BY-SA-3.0",
                    "SuperTuxKart team",
                )
            )
        return sorted(found, key=lambda e: e.key)

    def load(self, entry: Entry) -> list[Part]:
        assert self.textures is not None
        out = []
        for file in self.members[entry.key]:
            for part in spm.read(read_bytes(file, MAX_FILE), file.name):
                label = part.material.name if part.material else ""
                out.append(
                    replace(part, material=Material(label, picture=self.textures.open(label, file.parent)))
                )
        return y_up_to_z_up_parts(out)

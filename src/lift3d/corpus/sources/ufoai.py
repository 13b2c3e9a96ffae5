"""UFO: Alien Invasion: objects, vehicles, aircraft and people as MD2 models with textures beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lift3d.corpus.entry import Entry
from lift3d.corpus.packages.unzip import unzip
from lift3d.corpus.readers import md2
from lift3d.corpus.readers.texture_lookup import Textures
from lift3d.corpus.sources.common import (
    family_stem,
    files_below,
    paths_without_suffix,
    read_copyright,
    split_words,
)
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import MAX_FILE
from lift3d.types import Part

PACK = "usr/share/games/ufoai/base/0models.pk3"


class UfoAI:
    """The models of the tactics game UFO: Alien Invasion."""

    name = "ufoai-data"
    packages: tuple[str, ...] = ("ufoai-data",)
    about = "objects, plants, vehicles, aircraft, weapons and people of a tactics game"

    def __init__(self) -> None:
        self.textures: Textures | None = None

    def needs(self, path: str) -> bool:
        """Whether this file of a package is needed."""
        return path.endswith("0models.pk3")

    def entries(self, roots: Sequence[Path]) -> list[Entry]:
        """All models below the roots of the unpacked packages, sorted by key."""
        root = unzip(roots[0] / PACK, lambda path: path.startswith("models/"))
        self.textures = Textures(root)
        rights = read_copyright(roots[0], self.name)
        found = []
        for path, file in paths_without_suffix(files_below(root / "models", ".md2"), root / "models"):
            terms = rights.terms_of(f"base/models/{path}{file.suffix}")
            more = (family_stem(path), terms.licence, terms.author("UFO: Alien Invasion team"))
            found.append(
                Entry(f"{self.name}/{path}", file, split_words(file.stem), (split_words(path),), *more)
            )
        return found

    def load(self, entry: Entry) -> list[Part]:
        """The parts of a model, right-handed and Z up. Raises InputError for a damaged file."""
        assert self.textures is not None
        parts = md2.read(read_bytes(entry.file, MAX_FILE), entry.file.name)
        return self.textures.with_textures(parts, entry.file.parent, otherwise=entry.file.stem)

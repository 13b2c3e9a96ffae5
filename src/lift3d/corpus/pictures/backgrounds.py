"""Backgrounds: pictures of ground, walls, skies and scenes from the packages that the shapes come from.

    backgrounds.bin    JPEG files of 256 x 256 pixels in sequence
    backgrounds.json   a row for each, in the same order: name, source, kind, licence, author, split, offset, bytes

Pictures are chosen by path; they are opaque, at least 200 pixels wide and high, not flat, and distinct. Of too many, those
with the smallest hashes are kept. Splits follow from a hash, and related pictures (grass_1, grass_2) share one. The same
packages give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.corpus.readers.texture_lookup import FORMATS
from lift3d.corpus.sources.common import family_stem, read_copyright
from lift3d.corpus.splits import assign_split
from lift3d.errors import InputError
from lift3d.io.files.atomic import write_bytes
from lift3d.io.image.decode import open_picture

BACKGROUNDS, LISTING = "backgrounds.bin", "backgrounds.json"
SIDE, MIN_SIDE, MAX_PICTURES = 256, 200, 1200
GROUND, WALL, SKY, SCENE = "ground", "wall", "sky", "scene"
MIN_DEVIATION = 4.0
"""Minimum standard deviation of the grey values, 0 to 255, of a picture."""
MAX_FILE = 64 << 20
_NOT_COLOUR = (
    r"(?i)norm|_nm\b|_nm_|-nm\b|_n\b|spec|gloss|mask|_ao\b|light|glow|emit|height|bump|shadow|alpha|particle|effect"
    r"|caustic|transition|relief|structure|gradient|flare|blend|splat|noise|unknown|test|mesh|font|arrow|sign\b"
)
_MATERIAL = (
    r"(?i:rock|stone|brick|wood|wall|grass|sand|ground|dirt|road|concrete|metal|snow|ice\b|plank|tile|floor|roof|water"
    r"|lava|gravel|gravalsnow|asphalt|marble|bark|thatch|fabric|carpet|cloud|sky|earth|field|ceramic|steel|stucco|wicker"
    r"|bamboo|cliff|plants|crate|turf|canyon|beach|wall|paper|iron|window|ivy|chunk)"
)


@dataclass(frozen=True)
class Pick:
    """A selection of pictures of one package by path below its root. archive: a zip file that is searched instead; skip: a
    pattern of file names that are left out."""

    kind: str
    path: str
    archive: str = ""
    skip: str = _NOT_COLOUR


_ZERO, _KART = "usr/share/games/0ad/mods/public/public.zip", r"usr/share/games/supertuxkart/data/"
_FLIGHT, _GLEST = r"usr/share/games/flightgear/Textures/", r"usr/share/games/megaglest/"
PICKS: dict[str, tuple[Pick, ...]] = {
    "0ad-data": (
        Pick(GROUND, r"art/textures/terrain/types/.*\.dds", _ZERO),
        Pick(SKY, r"art/textures/skies/.*/(front|back|left|right)\..*\.dds", _ZERO),
    ),
    "flightgear-data": (
        Pick(GROUND, _FLIGHT + r"Terrain(\.winter)?/[^/]*\.(png|jpg)"),
        Pick(SCENE, _FLIGHT + r"Splash\d+\.(png|jpg)"),
    ),
    "megaglest-data": (
        Pick(GROUND, _GLEST + r"tilesets/[^/]+/textures/[^/]*\.(png|jpg|bmp|tga)"),
    ),
    "supertuxkart-data": (
        Pick(SCENE, _KART + r"tracks/[^/]+/[^/]*screenshot[^/]*\.(png|jpe?g)", skip=r"^$"),
        Pick(WALL, _KART + r"textures/(?!stkflag)[^/]*" + _MATERIAL + r"[^/]*\.(png|jpe?g)"),
        Pick(SKY, _KART + r"textures/skybox/[^/]*_(north|south|east|west)\.(png|jpe?g)"),
    ),
}  # fmt: skip
Found = tuple[str, str, Callable[[], bytes]]
"""Kind, path, and a function that reads the bytes."""


def write_backgrounds(
    roots: Mapping[str, Sequence[Path]],
    folder: Path,
    packages: Mapping[str, Sequence[str]] | None = None,
    most: int = MAX_PICTURES,
) -> dict[str, Any]:
    """Write the backgrounds into a corpus and return their counts by kind, source and split for the card.

    roots: the unpacked packages of each source; packages: their names, by default the name of the source. Nothing is written
    where no source has pictures, and the result is empty.
    """
    rows: list[dict[str, Any]] = []
    data: list[bytes] = []
    seen: set[str] = set()
    for source, folders in roots.items():
        names = list((packages or {}).get(source, [source] * len(folders)))
        for package, root in zip(names, folders):
            rights = read_copyright(root, package)
            for kind, path, read in _found(PICKS.get(source, ()), root):
                jpeg, signature = _encode(read, path)
                if not jpeg or signature in seen:
                    continue
                seen.add(signature)
                terms = rights.terms_of(re.sub(r"^usr/share/games/[^/]+/", "", path))
                name = f"{source}/{re.sub(r'^usr/share/games/', '', path)}"
                rows.append({
                    "name": name, "source": source, "kind": kind, "licence": terms.licence,
                    "author": terms.author(f"{source}'s authors"),
                    "split": assign_split(f"background {family_stem(_stem(name))}"),
                })  # fmt: skip
                data.append(jpeg)
    order = sorted(range(len(rows)), key=lambda i: hashlib.sha256(rows[i]["name"].encode()).digest())[:most]
    order.sort(key=lambda i: rows[i]["name"])
    offset = 0
    for i in order:
        rows[i].update(offset=offset, bytes=len(data[i]))
        offset += len(data[i])
    rows = [rows[i] for i in order]
    if not rows:
        return {}
    write_bytes(folder / BACKGROUNDS, b"".join(data[i] for i in order))
    write_bytes(folder / LISTING, json.dumps(rows, indent=0, sort_keys=True).encode())
    counts = {
        key: dict(Counter(row[key] for row in rows).most_common()) for key in ("kind", "source", "split")
    }
    return {"pictures": len(rows), "bytes": offset, **counts}


def _found(picks: Sequence[Pick], root: Path) -> Iterator[Found]:
    """The pictures that match the selections, sorted by path."""
    for pick in picks:
        fits, skip = re.compile(pick.path), re.compile(pick.skip)
        if pick.archive:
            if (root / pick.archive).is_file():
                with zipfile.ZipFile(root / pick.archive) as packed:
                    for entry in sorted(packed.infolist(), key=lambda e: e.filename):
                        name = entry.filename
                        if (
                            fits.fullmatch(name)
                            and not skip.search(_last(name))
                            and entry.file_size <= MAX_FILE
                        ):
                            yield pick.kind, name, lambda e=entry, p=packed: p.read(e)  # type: ignore[misc]
            continue
        start = root / re.split(r"[(\[\\.*]", pick.path)[0].rpartition("/")[0]
        for file in sorted(start.rglob("*")):
            path = file.relative_to(root).as_posix()
            if (
                fits.fullmatch(path)
                and not skip.search(_last(path))
                and file.is_file()
                and not file.is_symlink()
            ):
                yield pick.kind, path, file.read_bytes


def _last(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _stem(path: str) -> str:
    return re.sub(r"(\.(png|jpe?g|bmp|tga|dds|cached))+$", "", path)


def _encode(read: Callable[[], bytes], path: str) -> tuple[bytes, str]:
    """The picture cropped to a square as JPEG, and a hash of its appearance; both empty where it is unsuitable."""
    try:
        picture = open_picture(read(), path, FORMATS)
        if min(picture.size) < MIN_SIDE or max(picture.size) > 4096:
            return b"", ""
        if "A" in picture.getbands() or "transparency" in picture.info:
            picture = picture.convert("RGBA")
            if int(np.asarray(picture.getchannel("A")).min()) < 250:
                return b"", ""
        picture = picture.convert("RGB")
    except (InputError, OSError, ValueError, SyntaxError, zipfile.BadZipFile, EOFError, NotImplementedError):
        return b"", ""
    side = min(picture.size)
    x, y = (picture.width - side) // 2, (picture.height - side) // 2
    picture = picture.crop((x, y, x + side, y + side)).resize((SIDE, SIDE), Pil.Resampling.LANCZOS)
    grey, mean = np.asarray(picture.convert("L"), np.float32), np.asarray(picture).mean((0, 1))
    normal_map = bool((np.abs(mean - (128, 128, 250)) < (20, 20, 24)).all())  # a normal map
    if grey.std() < MIN_DEVIATION or not 12 < grey.mean() < 248 or normal_map:
        return b"", ""
    small = np.asarray(picture.resize((6, 6), Pil.Resampling.BOX), np.int64) // 12
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=88, subsampling=2)
    return out.getvalue(), hashlib.sha256(small.tobytes()).hexdigest()


class Backgrounds:
    """The backgrounds of a corpus; empty where the corpus has none. Raises InputError for damaged files."""

    def __init__(self, folder: Path) -> None:
        self.rows: list[dict[str, Any]] = []
        self.data: NDArray[np.uint8] = np.zeros(0, np.uint8)
        if not (folder / LISTING).is_file():
            return
        try:
            self.rows = json.loads((folder / LISTING).read_text("utf-8"))
            self.data = np.memmap(folder / BACKGROUNDS, np.uint8, "r") if self.rows else self.data
            ends = [int(row["offset"]) + int(row["bytes"]) for row in self.rows]
            whole = max(ends, default=0) <= len(self.data) and all(row["kind"] for row in self.rows)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{folder / LISTING} is damaged", "build the corpus again") from error
        if not whole:
            raise InputError(f"{folder / BACKGROUNDS} is cut short", "build the corpus again")

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def _by_split(self) -> dict[tuple[str, str], list[int]]:
        found: dict[tuple[str, str], list[int]] = {}
        for i, row in enumerate(self.rows):
            found.setdefault((row["split"], row["kind"]), []).append(i)
        return found

    def select(self, split: str, *kinds: str) -> list[int]:
        """Indices of the pictures of a split, of the given kinds or of all."""
        wanted = kinds or (GROUND, WALL, SKY, SCENE)
        return [i for kind in wanted for i in self._by_split.get((split, kind), [])]

    def __getitem__(self, i: int) -> NDArray[np.uint8]:
        """Picture i, (256, 256, 3) uint8 sRGB."""
        start = int(self.rows[i]["offset"])
        data = self.data[start : start + int(self.rows[i]["bytes"])].tobytes()
        picture = open_picture(data, self.rows[i]["name"], ("JPEG",))
        if picture.size != (SIDE, SIDE):
            raise InputError(f"background {i} has the wrong size", "build the corpus again")
        return np.array(picture.convert("RGB"))

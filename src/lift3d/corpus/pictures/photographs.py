"""Photographs and cut-out objects from Debian packages, used to train masks in addition to rendered images.

    FOLDER/photographs/NAME.jpg     landscapes, rooms, animals, buildings; shorter side at most 768 pixels
    FOLDER/cutouts/NAME.png         single objects on a transparent background, photographed or drawn; longer side at most 320
    FOLDER/ATTRIBUTION.csv          file, package, version, path, licence, author, split

A network trained only on renderings in front of textures mistakes the background of a photo for a part of the object. Splits
follow from a hash of the file name, so a folder of the user's pictures with these two folders works as well.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.corpus.packages.obtain import obtain
from lift3d.corpus.sources.common import family_stem, read_copyright
from lift3d.corpus.splits import assign_split
from lift3d.errors import InputError
from lift3d.io.files.atomic import write_bytes
from lift3d.io.image.decode import DECODER_ERRORS, open_picture

PHOTOGRAPHS, CUTOUTS = "photographs", "cutouts"
MAX_SHORT_SIDE, MAX_LONG_SIDE = 768, 320
FORMATS = ("JPEG", "PNG", "WEBP")
MAX_FILE, MAX_FILES, MAX_PIXELS = 64 << 20, 20_000, 40_000_000
MAX_CLEAR_ALPHA = 20
"""A picture is a cut-out when its smallest alpha is below this."""


@dataclass(frozen=True)
class Pick:
    """Pictures of a package. path: a pattern of the whole path; packed: the files are Qt resources that contain WebP."""

    package: str
    kind: str
    path: str
    packed: bool = False


PICKS = (
    Pick("tuxpaint-stamps-default", CUTOUTS, r"usr/share/tuxpaint/stamps/(?!symbols/).*(?<!_mirror)\.png"),
    Pick(
        "gcompris-qt-data", PHOTOGRAPHS,
        r"usr/share/gcompris-qt/rcc/(erase|categorization|explore_(monuments|farm_animals|world_animals|world_music))\.rcc",
        packed=True,
    ),
    Pick("endless-sky-data", PHOTOGRAPHS, r"usr/share/games/endless-sky/images/land/.*\.jpg"),
    Pick("gnome-backgrounds", PHOTOGRAPHS, r"usr/share/backgrounds/gnome/wood-.\.webp"),
    Pick("lomiri-wallpapers-16.04", PHOTOGRAPHS, r"usr/share/backgrounds/.*\.jpg"),
    Pick("lomiri-wallpapers-20.04", PHOTOGRAPHS, r"usr/share/backgrounds/.*\.jpg"),
    Pick("mate-backgrounds", PHOTOGRAPHS, r"usr/share/backgrounds/mate/nature/.*\.jpg"),
    Pick("palapeli-data", PHOTOGRAPHS, r"usr/share/palapeli/collection/.*\.jpg"),
    Pick("plasma-workspace-wallpapers", PHOTOGRAPHS, r"usr/share/wallpapers/[^/]*/contents/screenshot\.(jpg|png)"),
    Pick("ukui-wallpapers", PHOTOGRAPHS, r"usr/share/backgrounds/.*\.(jpg|png)"),
    Pick("oxygen-icon-theme", CUTOUTS, r"usr/share/icons/oxygen/base/256x256/(applets|apps|categories|devices)/.*\.png"),
    Pick(
        "openclipart-png", CUTOUTS,
        r"usr/share/openclipart/png/(animals|buildings|education|electronics|food|plants|tools|transportation/(boating|vehicles)"
        r"|recreation/(music|sports|toys))/.*\.png",
    ),
)  # fmt: skip


def collect_photographs(
    folder: Path, cache: Path, debs: Path | None, log: Callable[[str], None], progress: Callable[[str, float], None]
) -> dict[str, int]:  # fmt: skip
    """Fill a folder from the packages; returns the numbers of photographs and cut-outs by name of their folder.

    cache, debs: see `obtain`. The same packages give the same bytes. Raises InputError as `obtain` does.
    """
    rows: list[dict[str, str]] = []
    seen: set[str] = set()
    for k, pick in enumerate(PICKS):
        fits = re.compile(pick.path)
        package = obtain(
            pick.package, cache, debs, log, lambda path, fits=fits: bool(fits.fullmatch(path))  # type: ignore[misc]
        )  # fmt: skip
        rights = read_copyright(package.root, pick.package)
        make = _cutout if pick.kind == CUTOUTS else _photograph
        for path, data in _pictures(package.root, pick):
            picture = make(data, path)
            if picture is None or (signature := _signature(picture)) in seen:
                continue
            seen.add(signature)
            terms = rights.terms_of(path)
            stem = re.sub(r"[^\w]+", "-", path.removeprefix("usr/share/").rpartition(".")[0])
            ending = "png" if pick.kind == CUTOUTS else "jpg"
            name = f"{pick.kind}/{stem}-{hashlib.sha256(data).hexdigest()[:6]}.{ending}"
            write_bytes(folder / name, _encoded(picture, ending))
            rows.append({
                "file": name, "package": pick.package, "version": package.version, "path": path, "licence": terms.licence,
                "author": terms.author(f"{pick.package}'s authors"), "split": _split(name),
            })  # fmt: skip
        progress("photographs", (k + 1) / len(PICKS))
    text = io.StringIO()
    table = csv.DictWriter(
        text, ["file", "package", "version", "path", "licence", "author", "split"], lineterminator="\n"
    )
    table.writeheader()
    table.writerows(rows)
    write_bytes(folder / "ATTRIBUTION.csv", text.getvalue().encode())
    return {kind: sum(row["file"].startswith(kind) for row in rows) for kind in (PHOTOGRAPHS, CUTOUTS)}


class Photographs:
    """The pictures of one split of such a folder, in memory. Raises InputError when there are no photographs."""

    def __init__(self, folder: str | Path, split: str) -> None:
        folder = Path(folder).expanduser()
        self.photographs: list[NDArray[np.uint8]] = []
        self.cutouts: list[Pil.Image] = []
        self._sum = hashlib.sha256()
        for kind, make in ((PHOTOGRAPHS, _photograph), (CUTOUTS, _cutout)):
            files = sorted((folder / kind).glob("*")) if (folder / kind).is_dir() else []
            for file in files[:MAX_FILES]:
                name = f"{kind}/{file.name}"
                if file.suffix.lower() not in (".jpg", ".jpeg", ".png", ".webp") or _split(name) != split:
                    continue
                if not file.is_file() or file.stat().st_size > MAX_FILE:
                    continue
                data = file.read_bytes()
                picture = make(data, file.name)
                if picture is None:
                    continue
                self._sum.update(name.encode() + hashlib.sha256(data).digest())
                if kind == PHOTOGRAPHS:
                    self.photographs.append(np.asarray(picture))
                else:
                    self.cutouts.append(picture)
        if not self.photographs:
            raise InputError(
                f"{folder} holds no photographs for the split {split}",
                "fill it with `lift3d corpus photographs`, or put about a hundred photos into its folder photographs",
            )

    def digest(self) -> str:
        """A checksum of the pictures, recorded with a training run."""
        return self._sum.hexdigest()[:16]


def _split(name: str) -> str:
    """The split of a file, "train" or "val"; masks are tested on pictures from elsewhere."""
    stem = re.sub(r"-[0-9a-f]{6}$", "", name.rpartition(".")[0])
    return "train" if assign_split(f"photograph {family_stem(stem)}") != "val" else "val"


def _pictures(root: Path, pick: Pick) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of the pictures that a pick selects, sorted by path; those in a packed file are numbered."""
    fits = re.compile(pick.path)
    for file in sorted((root / "usr/share").rglob("*")):
        path = file.relative_to(root).as_posix()
        if (
            not fits.fullmatch(path)
            or file.is_symlink()
            or not file.is_file()
            or file.stat().st_size > MAX_FILE
        ):
            continue
        data = file.read_bytes()
        if not pick.packed:
            yield path, data
            continue
        for k, start in enumerate(m.start() for m in re.finditer(b"RIFF....WEBP", data, re.DOTALL)):
            size = int.from_bytes(data[start + 4 : start + 8], "little") + 8
            yield f"{path}.{k:03d}.webp", data[start : start + size]


def _photograph(data: bytes, name: str) -> Pil.Image | None:
    """The photograph scaled down, None where it is too small, flat or transparent."""
    picture = _opened(data, name)
    if picture is None or min(picture.size) < 200 or _clear(picture):
        return None
    picture = _smaller(picture.convert("RGB"), MAX_SHORT_SIDE / min(picture.size))
    return picture if np.asarray(picture.convert("L"), np.float32).std() >= 4 else None


def _cutout(data: bytes, name: str) -> Pil.Image | None:
    """The picture cropped to its object and scaled down, None where it is opaque or too small."""
    picture = _opened(data, name)
    if picture is None or not _clear(picture):
        return None
    picture = picture.convert("RGBA")
    seen = np.asarray(picture.getchannel("A")) > 127
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if seen.sum() < 500 or max(np.ptp(rows), np.ptp(columns)) < 90:
        return None
    picture = picture.crop((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    return _smaller(picture, MAX_LONG_SIDE / max(picture.size))


def _opened(data: bytes, name: str) -> Pil.Image | None:
    """The decoded picture, None where it is damaged or very large."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Pil.DecompressionBombWarning)
            picture = open_picture(data, name, FORMATS)
        if picture.width * picture.height > MAX_PIXELS:
            return None
        picture.load()
    except (InputError, *DECODER_ERRORS):
        return None
    return picture


def _smaller(picture: Pil.Image, scale: float) -> Pil.Image:
    if scale >= 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Pil.Resampling.LANCZOS)


def _encoded(picture: Pil.Image, ending: str) -> bytes:
    out = io.BytesIO()
    if ending == "png":
        picture.save(out, "PNG")
    else:
        picture.save(out, "JPEG", quality=90)
    return out.getvalue()


def _clear(picture: Pil.Image) -> bool:
    """Whether parts of the picture are transparent."""
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return False
    return int(np.asarray(picture.convert("RGBA").getchannel("A")).min()) < MAX_CLEAR_ALPHA


def _signature(picture: Pil.Image) -> str:
    """A hash that is equal for pictures that look the same."""
    small = np.asarray(picture.convert("RGB").resize((6, 6), Pil.Resampling.BOX), np.int64) // 12
    return hashlib.sha256(small.tobytes()).hexdigest()

"""Photographs and cut-outs out of packages: what is taken, told, and the same each time."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import game_files as files
import numpy as np
import pytest
from PIL import Image as Pil
from typer.testing import CliRunner

from lift3d.cli import app
from lift3d.corpus.pictures.photographs import CUTOUTS, PHOTOGRAPHS, PICKS, Photographs

COPYRIGHT = (
    b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
    b"Files: *\nCopyright: 2020 Ann\nLicense: CC0-1.0\n"
)
PATHS = {
    "tuxpaint-stamps-default": ["usr/share/tuxpaint/stamps/animals/cat.png", "usr/share/tuxpaint/stamps/animals/cat_mirror.png",
                                "usr/share/tuxpaint/stamps/symbols/star.png"],
    "gcompris-qt-data": ["usr/share/gcompris-qt/rcc/erase.rcc", "usr/share/gcompris-qt/rcc/lang.rcc"],
    "endless-sky-data": ["usr/share/games/endless-sky/images/land/h.jpg", "usr/share/games/endless-sky/images/ship/i.jpg"],
    "gnome-backgrounds": ["usr/share/backgrounds/gnome/wood-l.webp", "usr/share/backgrounds/gnome/vnc-l.webp"],
    "lomiri-wallpapers-16.04": ["usr/share/backgrounds/a.jpg"],
    "lomiri-wallpapers-20.04": ["usr/share/backgrounds/b.jpg"],
    "mate-backgrounds": ["usr/share/backgrounds/mate/nature/c.jpg", "usr/share/backgrounds/mate/abstract/d.jpg"],
    "palapeli-data": ["usr/share/palapeli/collection/e.jpg"],
    "plasma-workspace-wallpapers": ["usr/share/wallpapers/F/contents/screenshot.png"],
    "ukui-wallpapers": ["usr/share/backgrounds/g.png"],
    "oxygen-icon-theme": ["usr/share/icons/oxygen/base/256x256/devices/camera.png",
                          "usr/share/icons/oxygen/base/256x256/mimetypes/text.png"],
    "openclipart-png": [f"usr/share/openclipart/png/{name}.png" for name in ("animals/ant", "animals/bee", "signs/stop")],
}  # fmt: skip
WANTED = {
    "erase.rcc.000.webp",
    "erase.rcc.001.webp",
    "wood-l.webp",
    "a.jpg",
    "b.jpg",
    "c.jpg",
    "e.jpg",
    "screenshot.png",
    "g.png",
    "h.jpg",
}


def picture(seed: int, form: str, clear: bool = False) -> bytes:
    rng = np.random.default_rng(seed)
    codes = rng.integers(1, 255, (6, 7, 4 if clear else 3), dtype=np.uint8)
    codes = codes.repeat(40, 0).repeat(40, 1)
    if clear:
        codes[..., 3] = 255
        codes[:30, :, 3] = 0
    out = io.BytesIO()
    Pil.fromarray(codes).save(out, form, **({"lossless": True} if form == "WEBP" else {}))
    return out.getvalue()


@pytest.fixture(scope="module")
def debs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("debs")
    for k, (package, paths) in enumerate(PATHS.items()):
        held = {f"./usr/share/doc/{package}/copyright": COPYRIGHT}
        for i, path in enumerate(paths):
            seed = 10 * k + i
            if path.endswith(".rcc"):
                held[f"./{path}"] = (
                    b"qres"
                    + picture(seed, "WEBP")
                    + b"??"
                    + picture(seed + 5, "WEBP")
                    + b"RIFF\xff\xff\xff\xffWEBP"
                )
            else:
                form = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}[path.rpartition(".")[2]]
                held[f"./{path}"] = picture(
                    seed, form, clear=any(word in path for word in ("stamps", "icons", "clipart"))
                )
        (folder / f"{package}_1.0-1_all.deb").write_bytes(files.deb(held))
    return folder


def test_the_packages_of_the_test_are_those_of_the_code() -> None:
    assert set(PATHS) == {pick.package for pick in PICKS}


def test_pictures_of_the_packages_are_collected_attributed_and_repeatable(debs: Path, tmp_path: Path) -> None:
    said = []
    for name in ("one", "two"):
        done = CliRunner().invoke(
            app,
            [
                "corpus",
                "photographs",
                str(tmp_path / name),
                "--debs",
                str(debs),
                "--cache",
                str(tmp_path / "cache"),
            ],
        )
        assert done.exit_code == 0, done.output
        said.append(done.output)
    assert "10 photographs and 4 cut-outs" in said[0].replace("\n", " ")
    one, two = (
        {f.relative_to(tmp_path / n): f.read_bytes() for f in (tmp_path / n).rglob("*.*")}
        for n in ("one", "two")
    )
    assert one == two
    rows = list(csv.DictReader(io.StringIO((tmp_path / "one/ATTRIBUTION.csv").read_text())))
    taken = {row["path"].rpartition("/")[2] for row in rows if row["file"].startswith(PHOTOGRAPHS)}
    assert taken == WANTED and all((tmp_path / "one" / row["file"]).is_file() for row in rows)
    assert {row["path"] for row in rows if row["file"].startswith(CUTOUTS)} == {
        PATHS["tuxpaint-stamps-default"][0],
        PATHS["oxygen-icon-theme"][0],
        *PATHS["openclipart-png"][:2],
    }
    assert {(row["licence"], row["author"]) for row in rows} == {("CC0-1.0", "Ann")}
    held = Photographs(tmp_path / "one", "train")
    assert {row["split"] for row in rows} <= {"train", "val"} and 0 < len(held.photographs) <= 10


def test_a_missing_package_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "debs").mkdir()
    done = CliRunner().invoke(
        app, ["corpus", "photographs", str(tmp_path / "p"), "--debs", str(tmp_path / "debs")]
    )
    assert (
        done.exit_code == 2
        and "holds no tuxpaint-stamps-default" in done.output
        and "Traceback" not in done.output
    )
    assert not (tmp_path / "p").exists()

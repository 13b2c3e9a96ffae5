"""Sources list and load small packages made here: names, families, terms, textures, axes."""

from __future__ import annotations

import io
from pathlib import Path

import game_files as files
import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.corpus.packages.licences import UNCLEAR
from lift3d.corpus.readers.texture_lookup import Textures
from lift3d.corpus.sources import sources
from lift3d.corpus.sources.common import family_stem, files_below, from_left_handed, parse_xml, split_words
from lift3d.corpus.sources.flightgear import family_of
from lift3d.corpus.sources.glest import parse_authors
from lift3d.corpus.sources.homedecor import parse_definitions
from lift3d.corpus.sources.supertuxkart import parse_kart
from lift3d.corpus.sources.sweethome3d import parse_catalogue, size_in_metres
from lift3d.corpus.sources.zeroad import parse_actor
from lift3d.io.mesh.zip_archive import pack
from lift3d.types import Material, Part

RIGHTS = "Files: *\nCopyright: 2001 The Team\nLicense: GPL-2+\n"


def picture(colour: tuple[int, ...], ending: str = "PNG") -> bytes:
    out = io.BytesIO()
    Pil.new("RGB" if len(colour) == 3 else "RGBA", (4, 4), colour).save(out, ending)
    return out.getvalue()


def package(root: Path, name: str, held: dict[str, bytes], rights: str = RIGHTS) -> Path:
    for path, data in (held | {f"usr/share/doc/{name}/copyright": rights.encode()}).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def volume(parts: list[Part]) -> float:
    total = 0.0
    for part in parts:
        a, b, c = (part.vertices[part.faces[:, k]] for k in range(3))
        total += float((a * np.cross(b, c)).sum() / 6)
    return total


def test_sources_are_new_instances_by_name():
    assert list(sources()) == [s.name for s in sources().values()] and len(sources()) == 8
    for name, source in sources().items():
        assert source.packages and source is not sources()[name]


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("a/door_02_open", "a/door"), ("a/door_b", "a/door"), ("x/Plane.002", "x/plane"), ("acacia", "acacia"),
        ("x/fence_a", "x/fence"), ("objects/rubbish/barrel", "objects/rubbish/barrel"), ("tree1", "tree"), ("12", "12"),
    ],
)  # fmt: skip
def test_family_stems_drop_numbers_letters_and_states_but_no_part_of_a_word(path, stem):
    assert family_stem(path) == stem


def test_families_of_flightgear():
    assert (
        family_of("AI/Aircraft/737/Models/737-blue")
        == family_of("AI/Aircraft/737/737-red")
        == "ai/aircraft/737"
    )
    assert family_of("Scenery/Models/Commercial/tower_02") == family_of("Models/Commercial/tower_01")
    assert family_of("Models/Airport/KIMTHangarB") == family_of("Models/Airport/KIMTHangarX")
    assert family_of("Models/Airport/HANGAR") == "models/airport/hangar"


def test_words_of_paths():
    assert split_words("Town/TownHall_b-2.old") == "Town Town Hall b 2 old"


def test_from_left_handed_keeps_volumes_and_puts_y_up_to_z(tmp_path):
    part = Part(files.V.astype(float), files.F.astype(np.int64)[:, ::-1])
    (turned,) = from_left_handed([part], clockwise=True)
    assert volume([part]) == pytest.approx(-4) and volume([turned]) == pytest.approx(4)
    np.testing.assert_array_equal(turned.vertices[:, 2], part.vertices[:, 1])
    assert volume(from_left_handed([turned], clockwise=False)) == pytest.approx(4)


def test_textures_are_found_beside_then_by_path_then_by_name(tmp_path):
    for path, colour in (
        ("a/wood.png", (1, 0, 0)),
        ("b/Wood.JPG", (2, 0, 0)),
        ("c/iron.bmp", (3, 0, 0, 128)),
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(picture(colour[:3], "BMP" if "bmp" in path else "PNG"))
    (tmp_path / "broken.png").write_bytes(picture((9, 9, 9))[:40])
    found = Textures(tmp_path)
    assert found.find("wood.rgb", tmp_path / "b") == tmp_path / "b/Wood.JPG"
    assert found.find("x\\a\\WOOD.tga", tmp_path / "c") == tmp_path / "a/wood.png"
    assert (
        found.find("b/wood") == tmp_path / "b/Wood.JPG"
        and found.find("../c/iron.png") == tmp_path / "c/iron.bmp"
    )
    assert found.find("brick") is None and found.open("broken") is None and found.open("") is None
    glass = Part(np.eye(3), np.array([[0, 1, 2]]), material=Material("iron", (9, 9, 9, 100)))
    plain = Part(np.eye(3), np.array([[0, 1, 2]]), material=Material("brick", (9, 9, 9, 100)))
    first, second = found.with_textures([glass, plain])
    assert first.material.colour == (255, 255, 255, 100) and first.material.texture.getpixel((0, 0)) == (
        3,
        0,
        0,
    )
    assert second.material.colour == (9, 9, 9, 100) and second.material.texture is None
    assert found.with_textures([plain], otherwise="wood")[0].material.texture is not None


def test_a_kart_has_its_wheels_and_is_not_reflected(tmp_path):
    folder = "usr/share/games/supertuxkart/data/karts/tux"
    held = {f"{folder}/{n}.spm": files.spm() for n in ("tux", "wheel-front-left", "hat")}
    held |= {f"{folder}/kart.xml": files.KART, f"{folder}/thing.png": picture((5, 6, 7))}
    rights = RIGHTS + "\nFiles: data/karts/tux/*.spm\nCopyright: 2013 Bob\nLicense: CC-BY-SA-3.0\n"
    source = sources()["supertuxkart-data"]
    tux, hat = sorted(
        source.entries([package(tmp_path, source.name, held, rights)]), key=lambda e: e.name != "tux"
    )
    assert (tux.licence, tux.author, hat.name) == ("CC-BY-SA-3.0", "Bob", "hat")
    body, wheel = source.load(tux)
    np.testing.assert_allclose(wheel.vertices - body.vertices, np.tile([-0.3, 0.4, 0.1], (4, 1)))
    assert volume([body]) == pytest.approx(4) and body.material.texture.getpixel((0, 0)) == (5, 6, 7)


def test_descriptions_that_are_hostile_or_damaged_are_empty():
    for text in (
        b"",
        b"<kart",
        b'<!DOCTYPE x [<!ENTITY a "b">]><kart>&a;</kart>',
        b"\xff\xfe<\0k\0",
        b"<a>" + b" " * (1 << 20),
    ):
        assert parse_xml(text) is None and parse_kart(text) == ("", []) and parse_actor(text).mesh == ""
    evil = files.KART.replace(b"wheel-front-left.spm", b"../../evil.spm").replace(
        b'"-0.3 0.1 -0.3"', b'"1 2 inf"'
    )
    assert parse_kart(evil) == ("tux.spm", [])


def test_actors_show_the_most_frequent_variant():
    what = parse_actor(files.ACTOR)
    assert what.mesh == "structural/hut" and what.texture.startswith("structural/wall")
    assert what.props == (("door", "props/door"), ("root", "props/roof"))


def test_catalogue_and_licences_of_sweet_home(tmp_path):
    rows = parse_catalogue(files.CATALOGUE)
    assert [r["name"] for r in rows] == ["Chair \u00e9", "Table"] and size_in_metres(rows[0]) == (
        0.505,
        0.4,
        0.9,
    )
    assert (
        size_in_metres(rows[1]) is None
        and size_in_metres(rows[0] | {"width": "-1"}) is None
        and size_in_metres(rows[0] | {"width": "x"}) is None
    )
    far = files.MTL.replace(b"thing.png", b"/home/bob/far.png")
    library = pack([
        ("PluginFurnitureCatalog.properties", files.CATALOGUE + b"id#3=X#out\nname#3=Out\nmodel#3=/../../out.obj\n"),
        ("maker/chair/chair.obj", files.OBJ), ("maker/chair/thing.mtl", far), ("maker/table.obj", files.OBJ),
        ("maker/chair/License.txt", b"Released under Creative Commons Zero"),
        ("LICENSE.TXT", b"Creative Commons Attribution 3.0 United States"),
    ])  # fmt: skip
    source = sources()["sweethome3d-furniture"]
    held = {"usr/share/sweethome3d/furniture/Maker.sh3f": library}
    chair, table = source.entries([package(tmp_path, source.name, held)])
    assert (chair.licence, chair.author, chair.size) == ("CC0-1.0", "Maker", (0.505, 0.4, 0.9))
    assert (table.licence, table.author) == ("CC-BY-3.0-US", "The Team")
    assert len(source.load(chair)) == 2, "a texture on its author's computer is left out"


def test_poses_of_a_unit_are_one_family_and_links_are_left_out(tmp_path):
    base = "usr/share/games/megaglest/techs/megapack/factions/indian/units/archer/models"
    notes = "Factions:\nIndians:\nCopyright 2007-2011 (c) Titus and\nPhilipp\n(<http://x.de>)\n"
    held = {f"{base}/{n}.g3d": files.g3d() for n in ("attack", "stand")}
    held["usr/share/games/megaglest/docs/AUTHORS.data.txt"] = notes.encode()
    source = sources()["megaglest-data"]
    root = package(tmp_path, source.name, held)
    (root / base / "alias.g3d").symlink_to("stand.g3d")
    entries = source.entries([root])
    assert [e.key.rsplit("/", 1)[1] for e in entries] == ["attack", "stand"]
    assert len({e.family for e in entries}) == 1 and {e.author for e in entries} == {"Titus and Philipp"}
    assert volume(source.load(entries[0])) == pytest.approx(4)


def test_authors_of_tilesets():
    text = "Tilesets:\n=====\n Pine Peat          by Trappin. Uses\n                      some. \n"
    text += " Scrubland   by Mad\n\nMaps:\n x   by y\n"
    assert parse_authors(text) == {
        "tilesets/pine_peat/": "Trappin. Uses some.",
        "tilesets/scrub_land/": "Mad",
    }


def test_the_tiles_nearest_to_a_mesh_are_its_own():
    assert parse_definitions(files.LUA.decode()) == [
        ("homedecor_chair.obj", ["wood.png", "cloth.png"]), ("lamp.obj", ["lamp.png"])
    ]  # fmt: skip


def test_a_package_without_a_copyright_file_states_no_licence(tmp_path):
    source = sources()["kicad-packages3d"]
    for number in range(5):
        file = tmp_path / f"usr/share/kicad/3dmodels/Box.3dshapes/Box_{number}mm.wrl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(files.vrml())
    entries = source.entries([tmp_path])
    assert len(entries) == 3 and {e.licence for e in entries} == {UNCLEAR}
    assert volume(source.load(entries[0])) == pytest.approx(4 * 0.00254**3, rel=1e-6)


def test_files_below_are_sorted_regular_files(tmp_path):
    for name in ("b.AC", "a.ac", "c.txt"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "d.ac").symlink_to("a.ac")
    assert [f.name for f in files_below(tmp_path, ".ac")] == ["a.ac", "b.AC"]

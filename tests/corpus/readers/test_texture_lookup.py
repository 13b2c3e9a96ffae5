"""Alpha that encodes the owner's colour, textures of an actor's variants, and meshes with another up axis."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pil

from lift3d.corpus.readers.texture_lookup import TEAM_COLOUR, apply_team_colour
from lift3d.corpus.sources.homedecor import WALL_MOUNTED
from lift3d.corpus.sources.zeroad import parse_actor, shown_by
from lift3d.types import Material, Part


def part(picture: Pil.Image | None) -> Part:
    return Part(np.eye(3), np.array([[0, 1, 2]]), np.zeros((3, 2)), material=Material("a", texture=picture))


def test_the_owners_colour_shows_where_alpha_is_low() -> None:
    pixels = np.array([[[100, 200, 250, 255], [100, 200, 250, 0]]], np.uint8)
    (mixed,) = apply_team_colour([part(Pil.fromarray(pixels))], multiplied=False)
    np.testing.assert_array_equal(np.asarray(mixed.material.texture), [[[100, 200, 250], TEAM_COLOUR]])
    (times,) = apply_team_colour([part(Pil.fromarray(pixels))], multiplied=True)
    expected = np.rint(np.array([100, 200, 250]) * np.array(TEAM_COLOUR) / 255)
    np.testing.assert_array_equal(np.asarray(times.material.texture)[0, 1], expected)


def test_opaque_pictures_stay() -> None:
    for picture in (None, Pil.new("RGB", (2, 2))):
        before = part(picture)
        assert apply_team_colour([before], multiplied=True) == [before]


ACTOR = b"""<actor version="1"><group>
  <variant frequency="9"><mesh>a/one.dae</mesh><textures><texture file="x.png" name="baseTex"/></textures></variant>
  <variant frequency="1"><mesh>a/two.dae</mesh><textures><texture file="y.png" name="baseTex"/></textures></variant>
  <variant frequency="1"><mesh>a/three.dae</mesh></variant>
</group><material>%s</material></actor>"""


def test_every_variant_of_an_actor_has_a_texture() -> None:
    found = shown_by({"p": parse_actor(ACTOR % b"player_trans.xml")})
    assert found == {
        "a/one": ("p", "x.png.cached.dds", False),
        "a/two": ("p", "y.png.cached.dds", False),
        "a/three": ("p", "x.png.cached.dds", False),
    }


def test_materials_state_the_meaning_of_alpha() -> None:
    clear = {
        name: parse_actor(ACTOR % name.encode()).clear
        for name in ("basic_trans_wind.xml", "no_trans_spec.xml", "")
    }
    assert clear == {"basic_trans_wind.xml": True, "no_trans_spec.xml": False, "": False}


def test_wall_mounted_meshes_have_z_up() -> None:
    assert WALL_MOUNTED.search("homedecor_bed_kingsize") and WALL_MOUNTED.search("homedecor_kitchen_chair")
    assert not WALL_MOUNTED.search("homedecor_office_chair_basic") and not WALL_MOUNTED.search(
        "homedecor_refrigerator"
    )

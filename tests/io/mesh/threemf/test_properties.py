"""Properties of 3MF triangles: which colour every kind of property and layer gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from threemf_files import box_object, model, package, png, warnings_of

from lift3d.errors import InputError
from lift3d.geometry.image.colour_space import linear_to_srgb, srgb_to_linear
from lift3d.geometry.parts.convert import mesh_to_part, vertex_colours
from lift3d.io.mesh.meshes import load_mesh
from lift3d.types import F64, Mesh

BASE = '<basematerials id="1"><base name="pla" displaycolor="#FFFFFF"/><base name="red" displaycolor="#FF0000"/></basematerials>'
COLOURS = '<m:colorgroup id="2"><m:color color="#CC6633"/><m:color color="#0000FF80"/></m:colorgroup>'
UV = "".join(f'<m:tex2coord u="{u}" v="{v}"/>' for u, v in ((0, 0), (1, 0), (1, 1), (-1, 2)))
GREEN_BASE = BASE.replace("#FFFFFF", "#00FF00")
TEXTURE = '<m:texture2d id="6" path="/3D/t.png" contenttype="image/png"{}/>'
TEXTURE += '<m:texture2dgroup id="7" texid="6">{}</m:texture2dgroup>'
GREEN = png(np.full((4, 4, 3), (0, 200, 0)))


def read(
    tmp_path: Path, resources: str, attributes: str = "", triangle: str = "", picture: bytes = GREEN
) -> Mesh:
    text = model(resources + box_object(1, attributes, triangle=triangle))
    return load_mesh(package(tmp_path / "a.3mf", text, **{"3D__t.png": picture}))


def colours(mesh: Mesh) -> set[tuple[int, ...]]:
    """All colours of the corners."""
    found = vertex_colours(mesh_to_part(mesh))
    assert found is not None
    return {tuple(c) for c in found.tolist()}


def mixed(over: F64, alpha: float, under: F64) -> F64:
    """sRGB bytes of one colour over another, in linear light."""
    linear = srgb_to_linear(over / 255) * alpha + srgb_to_linear(under / 255) * (1 - alpha)
    return np.rint(linear_to_srgb(linear) * 255)


@pytest.mark.parametrize(
    ("resources", "attributes", "triangle", "colour"),
    [
        (BASE, 'pid="1" pindex="1"', "", (255, 0, 0, 255)),
        (BASE, 'pid="1"', ' p1="1"', (255, 0, 0, 255)),
        (BASE, 'pid="1" pindex="1"', ' pid="1"', (255, 0, 0, 255)),  # without p1 the object's property counts
        (BASE + COLOURS, 'pid="1" pindex="1"', ' pid="2"', (255, 0, 0, 255)),
        (
            BASE + COLOURS,
            'pid="1"',
            ' pid="2" p1="0" p2="1"',
            (204, 102, 51, 255),
        ),  # p3 is missing: p1 all over
        (BASE, 'pid="1"', ' p1="1" p2="0" p3="0"', (255, 0, 0, 255)),  # materials form no gradients
        (BASE.replace("#FF0000", "#FF000080"), 'pid="1" pindex="1"', "", (255, 0, 0, 128)),
        (
            COLOURS.replace("color", "COLOR", 0),
            'pid="2" pindex="1"',
            "",
            (0, 0, 255, 255),
        ),  # opaque by definition
    ],
)
def test_one_colour(
    tmp_path: Path, resources: str, attributes: str, triangle: str, colour: tuple[int, ...]
) -> None:
    assert colours(read(tmp_path, resources, attributes, triangle)) == {colour}


def test_the_alpha_of_a_colour_group_is_said(tmp_path: Path) -> None:
    assert "alpha of its colours is not used" in warnings_of(read(tmp_path, COLOURS, 'pid="2" pindex="1"'))


def test_the_name_of_a_material_is_kept(tmp_path: Path) -> None:
    assert read(tmp_path, BASE, 'pid="1" pindex="1"').visual.material.name == "red"


def test_colours_differ_by_corner(tmp_path: Path) -> None:
    found = colours(read(tmp_path, COLOURS, "", ' pid="2" p1="0" p2="1" p3="0"'))
    assert found == {(204, 102, 51, 255), (0, 0, 255, 255)}


@pytest.mark.parametrize(
    ("values", "colour"),
    [
        ("1 0", (0, 255, 0)),
        ("0 1", (255, 0, 0)),
        ("1 3", (191, 64, 0)),
        ("0 0", (128, 128, 0)),
        ("0.5", (0, 255, 0)),
    ],
)
def test_composites_mix_the_colours_of_their_materials(
    tmp_path: Path, values: str, colour: tuple[int, int, int]
) -> None:
    group = f'<m:compositematerials id="3" matid="1" matindices="0 1"><m:composite values="{values}"/></m:compositematerials>'
    assert colours(read(tmp_path, GREEN_BASE + group, 'pid="3" pindex="0"')) == {(*colour, 255)}


def multi(pids: str, pindices: str, methods: str = "") -> str:
    blend = f' blendmethods="{methods}"' if methods else ""
    return (
        f'<m:multiproperties id="9" pids="{pids}"{blend}><m:multi pindices="{pindices}"/></m:multiproperties>'
    )


WHITE, RED, ORANGE, BLUE = (
    np.array(c, float) for c in ((255,) * 3, (255, 0, 0), (204, 102, 51), (0, 0, 255))
)
SECOND = '<m:colorgroup id="4"><m:color color="#00FF0080"/></m:colorgroup>'


@pytest.mark.parametrize(
    ("group", "colour"),
    [
        (multi("1 2", "0 0"), ORANGE),
        (multi("1 2", "0"), ORANGE),  # an index that is missing is 0
        (multi("1 2", "1 1"), mixed(BLUE, 128 / 255, RED)),
        (multi("2", "1"), BLUE),
        (multi("2 4", "0 0", "multiply"), np.array([0, 102, 0])),
        (multi("1 2", "1 0", "multiply"), ORANGE),  # over a material the second layer starts opaque
        (multi("1", "1"), RED),
        (multi("1 77 2", "0 0 0"), ORANGE),
    ],
)
def test_layers_of_colours(tmp_path: Path, group: str, colour: F64) -> None:
    (found,) = colours(read(tmp_path, BASE + COLOURS + SECOND + group, 'pid="9" pindex="0"'))
    assert np.abs(np.array(found[:3]) - colour).max() <= 1 and found[3] == 255


def test_layers_over_a_material_are_accumulated_before_they_cover_it(tmp_path: Path) -> None:
    (found,) = colours(
        read(tmp_path, BASE + COLOURS + SECOND + multi("1 2 4", "1 1 0"), 'pid="9" pindex="0"')
    )
    a = 128 / 255
    linear = [srgb_to_linear(c / 255) for c in (RED, BLUE, np.array([0, 255, 0.0]))]
    accumulated, alpha = linear[2] * a + linear[1] * (1 - a), a + a * (1 - a)
    expected = linear_to_srgb(accumulated * alpha + linear[0] * (1 - alpha)) * 255
    assert np.abs(np.array(found[:3]) - expected).max() <= 1


@pytest.mark.parametrize(("method", "colour"), [("mix", None), ("multiply", (0, 0, 0))])
def test_a_texture_over_a_colour(tmp_path: Path, method: str, colour: tuple[int, ...] | None) -> None:
    texture = TEXTURE.format("", UV)
    picture = png(np.concatenate([np.full((4, 4, 4), (0, 200, 0, 255)), np.full((4, 4, 4), (9, 9, 9, 0))], 1))
    group = multi("2 7", "0 0", method)
    mesh = read(
        tmp_path,
        COLOURS.replace("#CC6633", "#FF0000") + texture + group,
        'pid="9" pindex="0"',
        picture=picture,
    )
    pixels = np.asarray(mesh.visual.material.baseColorTexture)
    if colour is None:
        assert (pixels[:, :4] == (0, 200, 0)).all() and (pixels[:, 4:] == (255, 0, 0)).all()
    else:
        assert (pixels[:, :4] == colour).all()


def test_textures_with_their_own_coordinates_are_baked(tmp_path: Path) -> None:
    texture = TEXTURE.format("", UV)
    other = (
        texture.replace('id="6"', 'id="16"').replace('id="7"', 'id="17"').replace('texid="6"', 'texid="16"')
    )
    group = '<m:multiproperties id="9" pids="7 17" blendmethods="multiply"><m:multi pindices="0 2"/></m:multiproperties>'
    mesh = read(tmp_path, texture + other + group, 'pid="9" pindex="0"')
    g = float(np.rint(linear_to_srgb(srgb_to_linear(np.array(200 / 255)) ** 2) * 255))
    found = {c[:3] for c in colours(mesh)}
    assert len(found) == 1 and abs(found.pop()[1] - g) <= 1


@pytest.mark.parametrize("style", ["wrap", "mirror", "clamp", "none"])
def test_tile_styles(tmp_path: Path, style: str) -> None:
    """A picture of two halves, at u from 1 to 2: repeated, mirrored, its border, or the object's colour."""
    picture = png(np.concatenate([np.full((8, 8, 3), (200, 0, 0)), np.full((8, 8, 3), (0, 0, 200))], 1))
    corners = "".join(f'<m:tex2coord u="{u}" v="{v}"/>' for u, v in ((1.05, 0.2), (1.4, 0.3), (1.2, 0.7)))
    texture = TEXTURE.format(f' tilestyleu="{style}"', corners)
    mesh = read(tmp_path, BASE + texture, 'pid="1" pindex="0"', ' pid="7" p1="0" p2="1" p3="2"', picture)
    expected = {"wrap": (200, 0, 0), "mirror": (0, 0, 200), "clamp": (0, 0, 200), "none": (255, 255, 255)}
    assert {c[:3] for c in colours(mesh)} == {expected[style]}


def test_a_texture_without_smoothing_is_enlarged(tmp_path: Path) -> None:
    picture = png(np.random.default_rng(0).integers(0, 255, (4, 4, 3)))
    mesh = read(
        tmp_path, TEXTURE.format(' filter="nearest"', UV), 'pid="7"', ' p1="0" p2="1" p3="2"', picture
    )
    assert mesh.visual.material.baseColorTexture.size == (512, 512)


def test_the_alpha_of_a_texture_alone_is_not_used(tmp_path: Path) -> None:
    mesh = read(
        tmp_path, TEXTURE.format("", UV), 'pid="7"', ' p1="0" p2="1" p3="2"', png(np.full((4, 4, 4), 90))
    )
    assert mesh.visual.material.baseColorTexture.mode == "RGB" and "alpha of its textures" in warnings_of(
        mesh
    )


@pytest.mark.parametrize(
    ("path", "entry"),
    [("/3D/my%20t.png", "3D/my t.png"), ("/3D/T.PNG", "3D/t.png"), ("3D/t.png", "3D/t.png"), ("t.png", "3D/t.png"),
     ("/3D/ü.png", "3D/%C3%BC.png")],
)  # fmt: skip
def test_names_of_pictures(tmp_path: Path, path: str, entry: str) -> None:
    texture = TEXTURE.format("", UV).replace("/3D/t.png", path)
    text = model(texture + box_object(1, 'pid="7"', triangle=' p1="0" p2="1" p3="2"'))
    mesh = load_mesh(package(tmp_path / "a.3mf", text, **{entry: GREEN}))
    assert mesh.visual.material.baseColorTexture is not None and not warnings_of(mesh)


def test_a_picture_that_is_missing_is_said(tmp_path: Path) -> None:
    texture = TEXTURE.format("", UV).replace("t.png", "no.png")
    mesh = read(tmp_path, texture, 'pid="7"', ' p1="0" p2="1" p3="2"')
    assert colours(mesh) == {(200, 200, 200, 255)} and "3D/no.png is missing" in warnings_of(mesh)
    mesh = read(tmp_path, COLOURS + texture + multi("2 7", "0 0"), 'pid="9"')
    assert colours(mesh) == {(204, 102, 51, 255)}


@pytest.mark.parametrize(
    ("resources", "attributes", "message"),
    [
        (COLOURS, 'pid="2" pindex="5"', "property that it does not hold"),
        (TEXTURE.format(' tilestyleu="spiral"', UV), 'pid="7"', "tile style 'spiral'"),
        (COLOURS + SECOND + multi("2 4", "0 0", "burn"), 'pid="9"', "unknown method 'burn'"),
        (COLOURS.replace("#CC6633", "#CC66"), 'pid="2"', "the colour '#CC66'"),
        ('<m:compositematerials id="3" matid="8" matindices="0"><m:composite values="1"/></m:compositematerials>',
         'pid="3"', "mixes materials that it does not hold"),
    ],
)  # fmt: skip
def test_properties_that_are_wrong_are_refused(
    tmp_path: Path, resources: str, attributes: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, resources, attributes, ' p1="0" p2="1" p3="0"' if "5" not in attributes else "")


def test_properties_that_are_missing_are_said(tmp_path: Path) -> None:
    assert "properties 44 that its triangles refer to are missing" in warnings_of(
        read(tmp_path, "", 'pid="44"')
    )

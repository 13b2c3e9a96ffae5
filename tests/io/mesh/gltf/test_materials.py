"""Materials of glTF: what alpha means, colours and textures of every material model, vertex colours, samplers, fallbacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil
from tests.helpers.gltf_files import TRIANGLE, GltfFile, textured_triangle

from lift3d.geometry.image.colour_space import linear_to_srgb
from lift3d.geometry.parts.convert import model_to_mesh
from lift3d.io.mesh import glb_writer
from lift3d.types import Material, Part

BASE = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}


def srgb(*linear: float) -> list[int]:
    """sRGB bytes of linear light."""
    return np.rint(linear_to_srgb(np.array(linear)) * 255).astype(int).tolist()


def picture_with_alpha(*alphas: int) -> Pil.Image:
    """One row of red pixels with these alphas."""
    return Pil.fromarray(np.array([[(200, 30, 30, a) for a in alphas]], np.uint8))


def alpha_of(material: Material | None) -> list[int] | None:
    """The alphas of the first row of a material's texture; None for an opaque one."""
    assert material is not None and material.texture is not None
    if material.texture.mode == "RGB":
        return None
    return np.asarray(material.texture)[0, :, 3].tolist()


@pytest.mark.parametrize(
    ("fields", "alphas", "factor", "expected", "written"),
    [
        ({}, (0, 128, 255), 0.2, None, "OPAQUE"),
        ({"alphaMode": "OPAQUE"}, (100, 100, 100), 1, None, "OPAQUE"),
        ({"alphaMode": "MASK"}, (0, 127, 128), 1, [0, 0, 255], "MASK"),
        ({"alphaMode": "MASK", "alphaCutoff": 0.1}, (0, 25, 26), 1, [0, 0, 255], "MASK"),
        ({"alphaMode": "MASK"}, (128, 200, 255), 0.6, [0, 0, 255], "MASK"),
        ({"alphaMode": "MASK", "alphaCutoff": 0.0}, (0, 1, 255), 1, None, "OPAQUE"),
        ({"alphaMode": "MASK", "alphaCutoff": 1.5}, (0, 1, 255), 1, [0, 0, 0], "MASK"),
        ({"alphaMode": "BLEND"}, (0, 100, 255), 1, [0, 100, 255], "BLEND"),
        ({"alphaMode": "BLEND"}, (0, 100, 255), 0.2, [0, 100, 255], "BLEND"),
        ({"alphaMode": "SOMETHING"}, (0, 100, 255), 0.2, None, "OPAQUE"),
    ],
)
def test_alpha_means_what_the_material_says(
    fields: dict[str, Any], alphas: tuple[int, ...], factor: float, expected: list[int] | None, written: str
) -> None:
    pbr = {"baseColorTexture": {"index": 0}, "baseColorFactor": [1, 1, 1, factor]}
    model = textured_triangle({"pbrMetallicRoughness": pbr, **fields}, picture_with_alpha(*alphas)).read()
    material = model.parts[0].material
    assert material is not None and alpha_of(material) == expected
    assert material.colour[3] == (round(factor * 255) if fields.get("alphaMode") == "BLEND" else 255)
    file = glb_writer._File(None)
    file.primitive(model.parts[0], None)
    assert file.materials[0].get("alphaMode", "OPAQUE") == written


@pytest.mark.parametrize(
    ("mode", "factor", "expected"),
    [("OPAQUE", 0.2, 255), ("MASK", 0.2, 0), ("MASK", 0.7, 255), ("BLEND", 0.2, 51)],
)
def test_alpha_of_factors_and_vertex_colours(mode: str, factor: float, expected: int) -> None:
    pbr = {"baseColorFactor": [0.5, 0.25, 1, factor]}
    material = textured_triangle({"pbrMetallicRoughness": pbr, "alphaMode": mode}).read().parts[0].material
    assert material is not None and list(material.colour) == [*srgb(0.5, 0.25, 1), expected]
    half = [[1, 0.5, 0, 0.5]] * 3
    part = textured_triangle({"pbrMetallicRoughness": pbr, "alphaMode": mode}, COLOR_0=half).read().parts[0]
    assert part.colours is not None and part.material is not None
    alpha = {"OPAQUE": 255, "MASK": 0, "BLEND": round(factor * 127.5)}[mode]
    assert part.colours[0].tolist() == [*srgb(0.5, 0.125, 0), alpha] and part.material.colour == (255,) * 4


@pytest.mark.parametrize(("kind", "scale"), [("f4", 1), ("u1", 255), ("u2", 65535)])
@pytest.mark.parametrize("width", [3, 4])
@pytest.mark.parametrize("flag", [True, False])
def test_every_type_of_vertex_colour(kind: str, scale: int, width: int, flag: bool) -> None:
    values = np.array([[1, 0.4, 0, 1], [0, 0.6, 1, 1], [0.2, 0.2, 0.2, 1]])[:, :width]
    file = GltfFile()
    more = {"normalized": True} if kind != "f4" and flag else {}  # without it a common defect
    colours = file.array(np.rint(values * scale) if scale > 1 else values, kind, **more)
    file.mesh({"attributes": {"POSITION": file.array(TRIANGLE), "COLOR_0": colours}})
    got = file.read().parts[0].colours
    assert got is not None and np.abs(got[:, :3].astype(int) - [srgb(*row[:3]) for row in values]).max() <= 1
    assert (got[:, 3] == 255).all()


def test_vertex_colours_times_texture_survive_as_one_mesh() -> None:
    """Texture, factor and vertex colours are multiplied in linear light."""
    texture = Pil.new("RGB", (4, 4), tuple(srgb(0.5, 1, 1)))
    texture.putpixel((0, 0), tuple(srgb(0.5, 1, 0.5)))  # not uniform
    pbr = {"baseColorTexture": {"index": 0}, "baseColorFactor": [1, 0.5, 1, 1]}
    uv = [[0.6, 0.6], [0.9, 0.6], [0.6, 0.9]]
    red = textured_triangle({"pbrMetallicRoughness": pbr}, texture, uv, COLOR_0=[[1, 0, 0]] * 3).read()
    mesh = model_to_mesh(red, "a.glb")
    assert mesh.visual.material.baseColorFactor.tolist() == [255, 0, 0, 255]
    colours = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    mixed = textured_triangle({"pbrMetallicRoughness": pbr}, texture, uv, COLOR_0=colours).read()
    mesh = model_to_mesh(mixed, "a.glb")
    pixels = np.asarray(mesh.visual.material.baseColorTexture)
    for corner, want in zip(mesh.visual.uv, ([0.5, 0, 0], [0, 0.5, 0], [0, 0, 1])):
        x, y = corner[0] * pixels.shape[1], (1 - corner[1]) * pixels.shape[0]
        assert (np.abs(pixels[int(y), int(x)].astype(int) - srgb(*want)) <= 1).all()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"diffuseFactor": [0.2, 0.4, 0.6, 1]}, [0.2, 0.4, 0.6]),
        ({}, [1, 1, 1]),
        ({"diffuseFactor": [0, 0, 0, 1], "specularFactor": [1, 0.7, 0.3]}, [1, 0.7, 0.3]),  # a metal
    ],
)
def test_the_older_material_model(fields: dict[str, Any], expected: list[float]) -> None:
    material = {
        "pbrMetallicRoughness": {"baseColorFactor": [0, 1, 0, 1]},
        "extensions": {"KHR_materials_pbrSpecularGlossiness": fields},
    }
    file = textured_triangle(material)
    file.document["extensionsRequired"] = ["KHR_materials_pbrSpecularGlossiness"]
    got = file.read().parts[0].material
    assert got is not None and list(got.colour) == [*srgb(*expected), 255]


def test_the_diffuse_texture_of_the_older_model() -> None:
    old = {"diffuseFactor": [1, 0.5, 1, 1], "diffuseTexture": {"index": 0}}
    picture = Pil.new("RGBA", (2, 2), (10, 200, 30, 80))
    got = textured_triangle({"extensions": {"KHR_materials_pbrSpecularGlossiness": old}}, picture).read()
    material = got.parts[0].material
    assert material is not None and material.texture is not None and material.texture.mode == "RGB"
    assert material.texture.getpixel((0, 0)) == (10, 200, 30) and list(material.colour[:3]) == srgb(1, 0.5, 1)


@pytest.mark.parametrize(
    ("fields", "expected", "said"),
    [
        ({"pbrMetallicRoughness": {"baseColorFactor": [0, 0, 0, 1]}}, [1, 0.5, 0], 0),
        ({"pbrMetallicRoughness": {"baseColorFactor": [0.2, 0, 0, 1]}}, [0.2, 0, 0], 1),
        ({"extensions": {"KHR_materials_unlit": {}}}, [1, 1, 1], 0),
        (
            {
                "pbrMetallicRoughness": {"baseColorFactor": [0, 0, 0, 1]},
                "extensions": {"KHR_materials_emissive_strength": {"emissiveStrength": 4}},
            },
            [1, 0.5, 0],
            0,
        ),
    ],
)
def test_emission_counts_where_nothing_else_is_seen(
    fields: dict[str, Any], expected: list[float], said: int
) -> None:
    model = textured_triangle({"emissiveFactor": [1, 0.5, 0], **fields}).read()
    material = model.parts[0].material
    assert material is not None and list(material.colour) == [*srgb(*expected), 255]
    assert len(model.warnings) == said


def test_an_emissive_texture_over_a_black_base() -> None:
    material = {
        "pbrMetallicRoughness": {"baseColorFactor": [0, 0, 0, 1]},
        "emissiveFactor": [1, 1, 1],
        "emissiveTexture": {"index": 0},
    }
    got = textured_triangle(material, Pil.new("RGB", (2, 2), (9, 99, 199))).read().parts[0].material
    assert got is not None and got.texture is not None and got.texture.getpixel((0, 0)) == (9, 99, 199)
    assert got.colour == (255,) * 4


def test_the_transform_chooses_the_coordinates() -> None:
    info = {
        "index": 0,
        "texCoord": 0,
        "extensions": {"KHR_texture_transform": {"texCoord": 1, "offset": [0.25, 0]}},
    }
    second = np.array([[0.1, 0.2], [0.3, 0.2], [0.1, 0.6]])
    file = textured_triangle(
        {"pbrMetallicRoughness": {"baseColorTexture": info}}, Pil.new("RGB", (2, 2)), TEXCOORD_1=second
    )
    uv = file.read().parts[0].uv
    assert uv is not None and np.allclose(uv, np.column_stack([second[:, 0] + 0.25, 1 - second[:, 1]]))
    del file.document["meshes"][0]["primitives"][0]["attributes"]["TEXCOORD_1"]
    model = file.read()
    assert model.parts[0].uv is None and "TEXCOORD_1" in model.warnings[0]


def texel(part: Part, uv: np.ndarray) -> np.ndarray:
    """The nearest texel of a part's repeating texture at a position of its first triangle, as in the file's coordinates."""
    assert part.uv is not None and part.material is not None and part.material.texture is not None
    pixels = np.asarray(part.material.texture)
    h, w = pixels.shape[:2]
    return pixels[int((1 - uv[1]) % 1 * h) % h, int(uv[0] % 1 * w) % w]


@pytest.mark.parametrize(
    ("code", "lookup"),
    [
        (10497, lambda i: i % 4),
        (33071, lambda i: min(max(i, 0), 3)),
        (33648, lambda i: [0, 1, 2, 3, 3, 2, 1, 0][i % 8]),
    ],
)
def test_wrap_modes(code: int, lookup: Any) -> None:
    colours = np.arange(48).reshape(4, 4, 3).astype(np.uint8) * 5
    corner = np.array([[-1, -2], [3, -2], [-1, 3]], float)
    for key in ("wrapS", "wrapT"):
        file = textured_triangle(BASE, Pil.fromarray(colours), corner)
        file.document["samplers"] = [{key: code}]
        file.document["textures"][0]["sampler"] = 0
        part = file.read().parts[0]
        assert part.uv is not None
        for x in range(-4, 3):
            for y in range(-8, 2):
                s, t = (x + 0.5) / 4, (y + 0.5) / 4
                u, v = (s + 1) / 4, (t + 2) / 5
                row, column = (y % 4, lookup(x)) if key == "wrapS" else (lookup(y), x % 4)
                place = (1 - u - v) * part.uv[0] + u * part.uv[1] + v * part.uv[2]
                assert texel(part, place).tolist() == colours[row, column].tolist()


def test_textures_without_interpolation_keep_their_pixels() -> None:
    file = textured_triangle(BASE, Pil.fromarray(np.arange(12).reshape(2, 2, 3).astype(np.uint8)))
    file.document["samplers"] = [{"magFilter": 9728, "minFilter": 9728}]
    file.document["textures"][0]["sampler"] = 0
    material = file.read().parts[0].material
    assert material is not None and material.texture is not None and material.texture.size == (16, 16)
    assert np.asarray(material.texture)[7, 8].tolist() == [3, 4, 5]


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize("extension", ["KHR_texture_basisu", "MSFT_texture_dds", "EXT_texture_avif"])
def test_the_picture_that_stands_in(extension: str, required: bool) -> None:
    file = textured_triangle(BASE, Pil.new("RGB", (2, 2), (7, 8, 9)))
    unread = file.table("images", {"bufferView": file.view(b"\xabKTX 20\xbb\r\n\x1a\n" + bytes(60))})
    file.document["textures"][0]["extensions"] = {extension: {"source": unread}}
    if required:
        file.document["extensionsRequired"] = [extension]
    material = file.read().parts[0].material
    assert material is not None and material.texture is not None and not file.read().warnings
    assert material.texture.getpixel((0, 0)) == (7, 8, 9)
    del file.document["textures"][0]["source"]
    model = file.read()
    assert model.parts[0].material is not None and model.parts[0].material.texture is None
    assert len(model.warnings) == 1 and "KTX2" in model.warnings[0]


@pytest.mark.parametrize(("extension", "kind"), [("EXT_texture_webp", "WEBP"), ("EXT_texture_avif", "AVIF")])
def test_webp_and_avif_are_preferred(extension: str, kind: str) -> None:
    if kind not in Pil.SAVE and kind not in Pil.registered_extensions().values():
        pytest.skip(f"Pillow without {kind}")
    file = textured_triangle(BASE, Pil.new("RGB", (16, 16), (200, 0, 0)))
    better = file.image(Pil.new("RGB", (16, 16), (0, 0, 200)), kind)
    file.document["textures"][0]["extensions"] = {extension: {"source": better}}
    material = file.read().parts[0].material
    assert material is not None and material.texture is not None
    red, _, blue = material.texture.getpixel((5, 5))  # type: ignore[misc]
    assert blue > 150 > 50 > red


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ({"uri": "wood.png"}, "wood.png is missing"),
        ({"uri": "../wood.png"}, "outside its folder"),
        ({"uri": "https://example.org/wood.png"}, "network address"),
        ({"uri": "data:image/png;base64,@@@"}, "is empty"),
        ({}, "has no data"),
        ({"bufferView": 0}, "not a picture"),
    ],
)
def test_a_missing_texture_is_said_and_the_shape_read(
    tmp_path: Path, image: dict[str, Any], said: str
) -> None:
    file = textured_triangle(BASE)
    file.document |= {"textures": [{"source": 0}], "images": [image]}
    (tmp_path / "a.glb").write_bytes(file.glb())
    from lift3d.io.mesh.meshes import load_mesh

    mesh = load_mesh(tmp_path / "a.glb")
    assert len(mesh.faces) == 1 and len(mesh.metadata["warnings"]) == 1
    assert said in mesh.metadata["warnings"][0]


def test_sixteen_bits_and_palettes() -> None:
    grey = Pil.fromarray(np.full((2, 2), 40000, np.uint16))
    palette = Pil.new("RGB", (2, 2), (10, 20, 30)).convert("P", palette=Pil.Palette.ADAPTIVE)
    for picture, expected in ((grey, (156,) * 3), (palette, (10, 20, 30))):
        material = textured_triangle(BASE, picture).read().parts[0].material
        assert material is not None and material.texture is not None
        assert material.texture.getpixel((0, 0)) == expected


def test_a_mesh_of_coloured_and_textured_parts_keeps_both() -> None:
    colours = np.array([[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255]], np.uint8)
    v, f = TRIANGLE.astype(float), np.array([[0, 1, 2]])
    from lift3d.types import Model

    wood = Material("wood", texture=Pil.new("RGB", (4, 4), (90, 60, 30)))
    mesh = model_to_mesh(Model([Part(v, f, None, colours), Part(v + 2, f, v[:, :2], None, wood)]), "a")
    assert isinstance(mesh.visual, trimesh.visual.texture.TextureVisuals)
    pixels = np.asarray(mesh.visual.material.baseColorTexture)
    at = [(int((1 - v) * pixels.shape[0]), int(u * pixels.shape[1])) for u, v in mesh.visual.uv]
    got = np.array([pixels[p] for p in at]).astype(int)
    assert np.abs(got[:3] - colours[:, :3]).max() <= 1 and (got[3:] == [90, 60, 30]).all()


def test_what_a_material_has_besides_its_colour_is_said_once() -> None:
    picture = Pil.new("RGB", (2, 2), (9, 99, 199))
    texture = {"index": 0}
    pbr = {"baseColorTexture": texture, "metallicRoughnessTexture": texture}
    shiny = {"KHR_materials_ior": {"ior": 1.4}, "KHR_materials_transmission": {"transmissionFactor": 1}}
    rest = {"normalTexture": texture, "occlusionTexture": texture, "emissiveFactor": [0, 0, 1]}
    entry = {"name": "wood", "pbrMetallicRoughness": pbr, "extensions": shiny, **rest}
    model = textured_triangle(entry, picture).read()
    assert model.parts[0].material is not None and model.parts[0].material.texture is not None
    assert model.warnings == [
        "of materials only the base colour is read, not emission, normal maps, occlusion maps, maps of metal and roughness, "
        "KHR_materials_transmission (1: wood)"
    ]
    plain = {"pbrMetallicRoughness": {"metallicFactor": 1}, "extensions": {"KHR_materials_unlit": {}}}
    assert textured_triangle(plain).read().warnings == []


def test_variants_and_animations_are_said() -> None:
    file = textured_triangle({})
    file.document["extensions"] = {"KHR_materials_variants": {"variants": [{"name": "a"}, {"name": "b"}]}}
    file.document["animations"] = [{"channels": [], "samplers": []}]
    assert file.read().warnings == [
        "animations are not read (1): the model has the pose of its nodes",
        "of its 2 variants of materials the default one is read",
    ]

"""USD scenes written as text: what is drawn, where, of which shape, and with which colours and texture coordinates."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.geometry.image.colour_space import linear_to_srgb
from lift3d.geometry.parts.convert import model_to_mesh
from lift3d.types import Model

pytest.importorskip("pxr")

SQUARE = """
int[] faceVertexCounts = [4]
int[] faceVertexIndices = [0, 1, 2, 3]
point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
uniform token subdivisionScheme = "none"
"""
ST = "[(0, 0), (1, 0), (1, 1), (0, 1)]"


def read(body: str, head: str = 'metersPerUnit = 1\nupAxis = "Z"', **files: Pil.Image) -> Model:
    """The model of a stage with this text and these pictures (t.png is textures/t.png)."""
    from lift3d.io.mesh import usdz_reader

    body = body.replace("}", "\n}\n")  # a value ends with its line
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.usda", f"#usda 1.0\n(\n{head}\n)\n{body}")
        for name, picture in files.items():
            data = io.BytesIO()
            picture.save(data, "PNG")
            archive.writestr(f"textures/{name}.png", data.getvalue())
    return usdz_reader.read(out.getvalue(), Path("a.usdz"))


def mesh(name: str = "m", more: str = "", body: str = SQUARE) -> str:
    return f'def Mesh "{name}" {{\n{body}\n{more}\n}}\n'


def bounds(model: Model) -> list[list[float]]:
    return np.round(model_to_mesh(model, "a").bounds, 6).tolist()


@pytest.mark.parametrize(
    ("more", "drawn"),
    [
        ("", True),
        ('token visibility = "invisible"', False),
        ('token visibility = "inherited"', True),
        ('uniform token purpose = "guide"', False),
        ('uniform token purpose = "proxy"', False),
        ('uniform token purpose = "render"', True),
    ],
)
def test_visibility_and_purpose_are_inherited(more: str, drawn: bool) -> None:
    body = f'def Xform "x" {{\n{more}\n{mesh()}}}\n' + mesh(
        "other", body=SQUARE.replace("(1, 1, 0)", "(3, 3, 0)")
    )
    model = read(body)
    assert len(model.parts) == 1 + drawn
    assert ("invisible" in more) == any("invisible" in w for w in model.warnings)


def test_proxies_are_read_where_there_is_nothing_else() -> None:
    model = read(mesh(more='uniform token purpose = "proxy"'))
    assert len(model.parts) == 1 and "proxies" in model.warnings[0]
    with pytest.raises(InputError, match="no triangles.*invisible"):
        read(mesh(more='token visibility = "invisible"'))


def test_inactive_abstract_and_undefined_prims_are_not_drawn() -> None:
    body = mesh() + mesh("b").replace("def", "class") + mesh("c").replace("def", "over")
    body += mesh("d").replace('"d"', '"d" (active = false)')
    assert len(read(body).parts) == 1


INSTANCER = """
def PointInstancer "pi" {{
    double3 xformOp:translate = (0, 0, 10)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    point3f[] positions = [(0, 0, 0), (5, 0, 0), (0, 7, 0)]
    int[] protoIndices = [0, 1, 0]
    rel prototypes = [</pi/a>, </pi/b>]
    {more}
    {a}
    {b}
}}
"""


@pytest.mark.parametrize("specifier", ["def", "over", "class"])
def test_point_instancers(specifier: str) -> None:
    moved = 'double3 xformOp:translate = (0, 0, 1)\nuniform token[] xformOpOrder = ["xformOp:translate"]'
    a = mesh("a", moved).replace("def", specifier)
    more = "float3[] scales = [(1, 1, 1), (2, 2, 2), (-3, 1, 1)]"
    model = read(INSTANCER.format(a=a, b=mesh("b").replace("def", specifier), more=more))
    made = model_to_mesh(model, "a")
    assert len(made.faces) == 6 and (made.face_normals[:, 2] > 0.99).all()
    assert np.round(made.bounds, 6).tolist() == [[-3, 0, 10], [7, 8, 11]]


@pytest.mark.parametrize(
    "more", ["int64[] invisibleIds = [1]", "", "int64[] ids = [7, 8, 9]\nint64[] invisibleIds = [8]"]
)
def test_invisible_and_inactive_instances(more: str) -> None:
    text = INSTANCER.format(a=mesh("a"), b=mesh("b"), more=more)
    assert sum(len(p.faces) for p in read(text).parts) == (4 if more else 6)


def test_nested_instancers_multiply_and_wrong_ones_are_refused() -> None:
    inner = INSTANCER.format(a=mesh("a"), b=mesh("b"), more="").replace("/pi/", "/pi/a/pi/")
    outer = INSTANCER.format(a=f'def Xform "a" {{ {inner} }}', b=mesh("b"), more="")
    assert sum(len(p.faces) for p in read(outer).parts) == 2 * (2 * 3 + 1)
    text = INSTANCER.format(a=mesh("a"), b=mesh("b"), more="")
    for old, new in (("[0, 1, 0]", "[0, 7, 0]"), ("[0, 1, 0]", "[0, 1]")):
        with pytest.raises(InputError, match="point instancer"):
            read(text.replace(old, new))


def test_instanceable_prims_are_drawn_once_for_each() -> None:
    reference = "(instanceable = true\nprepend references = </proto>)"
    text = f'class Xform "proto" {{ {mesh()} }}\n'
    for i in range(3):
        place = f'double3 xformOp:translate = ({i * 2}, 0, 0)\nuniform token[] xformOpOrder = ["xformOp:translate"]'
        text += f'def Xform "i{i}" {reference} {{ {place} }}\n'
    assert bounds(read(text)) == [[0, 0, 0], [5, 1, 0]]


@pytest.mark.parametrize(
    ("text", "size", "volume"),
    [
        ('def Cube "c" { double size = 3 }', (3, 3, 3), 27),
        ('def Cube "c" { }', (2, 2, 2), 8),
        ('def Sphere "s" { double radius = 2 }', (4, 4, 4), 32 / 3 * np.pi),
        (
            'def Cylinder "c" { double radius = 2\ndouble height = 3\nuniform token axis = "X" }',
            (3, 4, 4),
            12 * np.pi,
        ),
        ('def Cylinder "c" { }', (2, 2, 2), 2 * np.pi),
        ('def Cone "c" { double height = 3\nuniform token axis = "Y" }', (2, 3, 2), np.pi),
        (
            'def Capsule "c" { double radius = 1\ndouble height = 2\nuniform token axis = "Z" }',
            (2, 2, 4),
            10 / 3 * np.pi,
        ),
        (
            'def Cylinder_1 "c" { double radiusBottom = 2\ndouble radiusTop = 0\ndouble height = 3 }',
            (4, 4, 3),
            4 * np.pi,
        ),
        (
            'def Capsule_1 "c" { double radiusBottom = 1\ndouble radiusTop = 1\ndouble height = 2 }',
            (2, 2, 4),
            10 / 3 * np.pi,
        ),
    ],
)
def test_implicit_shapes_are_closed_and_of_their_size(
    text: str, size: tuple[float, ...], volume: float
) -> None:
    made = model_to_mesh(read(text), "a")
    made.merge_vertices()
    assert made.is_watertight and np.allclose(made.extents, size)
    assert 0.98 * volume < made.volume <= volume * (1 + 1e-9)


@pytest.mark.parametrize(("axis", "size"), [("X", (0, 3, 5)), ("Y", (5, 0, 3)), ("Z", (5, 3, 0))])
def test_planes_face_along_their_axis(axis: str, size: tuple[float, ...]) -> None:
    made = model_to_mesh(
        read(f'def Plane "p" {{ double width = 5\ndouble length = 3\nuniform token axis = "{axis}" }}'), "a"
    )
    assert np.allclose(made.extents, size)
    assert np.allclose(made.face_normals, np.eye(3)["XYZ".index(axis)])


def test_what_is_not_a_surface_is_said() -> None:
    curves = 'def BasisCurves "c" { int[] curveVertexCounts = [2]\npoint3f[] points = [(0,0,0), (1,1,1)] }'
    assert "curves" in read(mesh() + curves).warnings[0]
    with pytest.raises(InputError, match="no triangles.*curves"):
        read(curves)


def test_left_handed_meshes_holes_and_concave_polygons() -> None:
    made = model_to_mesh(read(mesh(more='uniform token orientation = "leftHanded"')), "a")
    assert (made.face_normals[:, 2] < -0.99).all()
    two = SQUARE.replace("[4]", "[4, 3]").replace("2, 3]", "2, 3, 0, 1, 2]")
    assert len(read(mesh(body=two, more="int[] holeIndices = [1]")).parts[0].faces) == 2
    dart = SQUARE.replace("(1, 0, 0), (1, 1, 0)", "(4, 0, 0), (1, 1, 0)").replace("(0, 1, 0)]", "(0, 4, 0)]")
    assert model_to_mesh(read(mesh(body=dart)), "a").area == pytest.approx(4)


@pytest.mark.parametrize(
    ("head", "size"),
    [
        ('upAxis = "Z"', (0.01, 0.01, 0)),
        ('metersPerUnit = 2\nupAxis = "Y"', (2, 0, 2)),
        ("metersPerUnit = 0.0254", (0.0254, 0, 0.0254)),
    ],
)
def test_units_and_axes(head: str, size: tuple[float, ...]) -> None:
    model = read(mesh(), head)
    assert model.unit == "m" and np.allclose(model_to_mesh(model, "a").extents, size)


def test_subdivision_that_is_stated_is_said() -> None:
    smooth = SQUARE.replace('"none"', '"catmullClark"')
    assert "subdivision" in read(mesh(body=smooth)).warnings[0]
    assert not read(mesh(body=SQUARE)).warnings


@pytest.mark.parametrize(
    ("interpolation", "values", "expected"),
    [
        ("constant", "[(1, 0, 0)]", [[1, 0, 0]] * 4),
        ("uniform", "[(0, 1, 0)]", [[0, 1, 0]] * 4),
        (
            "vertex",
            "[(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)]",
            [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]],
        ),
        (
            "varying",
            "[(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)]",
            [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]],
        ),
        (
            "faceVarying",
            "[(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)]",
            [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]],
        ),
    ],
)
def test_display_colours(interpolation: str, values: str, expected: list[list[int]]) -> None:
    more = f'color3f[] primvars:displayColor = {values} (interpolation = "{interpolation}")\n'
    more += 'float[] primvars:displayOpacity = [0.5] (interpolation = "constant")'
    part = read(mesh(more=more)).parts[0]
    assert part.colours is not None
    corners = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    got = {tuple(v): tuple(c) for v, c in zip(part.vertices.tolist(), part.colours.tolist())}
    assert got == {tuple(v): (*(255 * c for c in colour), 128) for v, colour in zip(corners, expected)}


def test_constant_colours_come_from_ancestors_too() -> None:
    colour = 'color3f[] primvars:displayColor = [(0, 0, 1)] (interpolation = "constant")'
    part = read(f'def Xform "x" {{ {colour}\n{mesh()} }}').parts[0]
    assert part.colours is not None and (part.colours == [0, 0, 255, 255]).all()


MATERIAL = """
def Material "mat" {{
    token outputs:surface.connect = </mat/s.outputs:surface>
    string inputs:name = "{varname}"
    def Shader "s" {{
        uniform token info:id = "UsdPreviewSurface"
        color3f inputs:diffuseColor.connect = </mat/t.outputs:rgb>
        {surface}
        token outputs:surface
    }}
    def Shader "r" {{
        uniform token info:id = "UsdPrimvarReader_float2"
        string inputs:varname.connect = </mat.inputs:name>
        float2 outputs:result
    }}
    def Shader "x" {{
        uniform token info:id = "UsdTransform2d"
        float2 inputs:in.connect = </mat/r.outputs:result>
        {transform}
        float2 outputs:result
    }}
    def Shader "t" {{
        uniform token info:id = "UsdUVTexture"
        asset inputs:file = @{file}@
        float2 inputs:st.connect = </mat/x.outputs:result>
        {texture}
        float3 outputs:rgb
        float outputs:a
    }}
}}
"""
BOUND = "rel material:binding = </mat>\n"


def textured(picture: Pil.Image, uv: str = "st", varname: str = "st", **fields: str) -> Model:
    """A square with a texture."""
    texts = {"surface": "", "transform": "", "texture": "", "file": "textures/t.png", **fields}
    more = BOUND + f'texCoord2f[] primvars:{uv} = {ST} (interpolation = "vertex")'
    square = mesh(more=more).replace('"m"', '"m" (prepend apiSchemas = ["MaterialBindingAPI"])')
    return read(square + MATERIAL.format(varname=varname, **texts), t=picture)


FOUR = Pil.fromarray(np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 0]]], np.uint8))


@pytest.mark.parametrize(
    ("uv", "varname"), [("st", "st"), ("map1", "map1"), ("my_uv", "my_uv"), ("UVMap", "st"), ("odd", "")]
)
def test_names_of_texture_coordinates(uv: str, varname: str) -> None:
    part = textured(FOUR, uv, varname).parts[0]
    assert part.uv is not None and np.array_equal(part.uv, part.vertices[:, :2])
    assert part.material is not None and part.material.texture is not None
    assert np.array_equal(np.asarray(part.material.texture), np.asarray(FOUR))


def test_the_name_chooses_between_several() -> None:
    more = "float2 inputs:scale = (2, 4)\nfloat inputs:rotation = 90\nfloat2 inputs:translation = (0.5, 0.25)"
    part = textured(FOUR, transform=more, texture='token inputs:wrapS = "repeat"').parts[0]
    x, y = part.vertices[:, 0], part.vertices[:, 1]
    assert part.uv is not None and np.allclose(
        part.uv, np.column_stack([0.5 - 4 * y, 0.25 + 2 * x]), atol=1e-6
    )


@pytest.mark.parametrize(
    ("wrap", "expected"),
    [("clamp", (255, 255, 0)), ("mirror", (0, 255, 0)), ("black", (0, 0, 0)), ("repeat", (0, 0, 255))],
)
def test_wrap_modes(wrap: str, expected: tuple[int, ...]) -> None:
    """The corner (1, 0) of the square shows the texture at u = 2.75, v = 0.25: beyond the right edge of the lower row."""
    more = "float2 inputs:scale = (2.5, 0.5)\nfloat2 inputs:translation = (0.25, 0.25)"
    part = textured(FOUR, transform=more, texture=f'token inputs:wrapS = "{wrap}"').parts[0]
    assert part.uv is not None and part.material is not None and part.material.texture is not None
    pixels = np.asarray(part.material.texture)
    u, v = part.uv[np.argmax(part.vertices @ [1, -1, 0])]
    u -= 1e-3
    if wrap == "mirror":
        expected = (255, 255, 0)  # 2.75 is 0.75
    elif wrap == "repeat":
        expected = (255, 255, 0)
    got = pixels[int((1 - v) % 1 * pixels.shape[0]), int(u % 1 * pixels.shape[1])]
    assert tuple(got.tolist()) == expected


@pytest.mark.parametrize(
    ("surface", "alphas"),
    [
        ("", None),
        ("float inputs:opacity.connect = </mat/t.outputs:a>", [0, 100, 255]),
        (
            "float inputs:opacity.connect = </mat/t.outputs:a>\nfloat inputs:opacityThreshold = 0.3",
            [0, 255, 255],
        ),
    ],
)
def test_alpha_counts_where_opacity_is_connected(surface: str, alphas: list[int] | None) -> None:
    picture = Pil.fromarray(np.array([[(9, 99, 199, a) for a in (0, 100, 255)]], np.uint8))
    material = textured(picture, surface=surface).parts[0].material
    assert material is not None and material.texture is not None and material.colour == (255,) * 4
    got = None if material.texture.mode == "RGB" else np.asarray(material.texture)[0, :, 3].tolist()
    assert got == alphas


def test_scale_bias_and_raw_values() -> None:
    picture = Pil.new("RGB", (2, 2), (128, 128, 128))
    cases: list[tuple[str, Any]] = [
        ("float4 inputs:scale = (0, 1, 1, 1)\nfloat4 inputs:bias = (0.5, 0, 0, 0)", (188, 128, 128)),
        (
            'token inputs:sourceColorSpace = "raw"',
            (round(linear_to_srgb(np.array(128 / 255)).item() * 255),) * 3,
        ),
        ('token inputs:sourceColorSpace = "sRGB"', (128,) * 3),
    ]
    for texture, expected in cases:
        material = textured(picture, texture=texture).parts[0].material
        assert material is not None and material.texture is not None
        assert material.texture.getpixel((0, 0)) == expected


def surface(inputs: str, more: str = "") -> Model:
    """A square with an untextured material."""
    text = f'def Material "mat" {{ token outputs:surface.connect = </mat/s.outputs:surface>\n{more}\ndef Shader "s" {{\n'
    text += f'uniform token info:id = "UsdPreviewSurface"\n{inputs}\ntoken outputs:surface\n}}\n}}'
    return read(mesh(more=BOUND) + text)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ("", (118, 118, 118, 255)),
        ("color3f inputs:diffuseColor = (1, 0.5, 0)", (255, 188, 0, 255)),
        ("color3f inputs:diffuseColor = (1, 1, 1)\nfloat inputs:opacity = 0.2", (255, 255, 255, 51)),
        ("float inputs:opacity = 0.2\nfloat inputs:opacityThreshold = 0.5", (118, 118, 118, 0)),
        ("float inputs:opacity = 0.6\nfloat inputs:opacityThreshold = 0.5", (118, 118, 118, 255)),
        (
            "color3f inputs:diffuseColor = (0, 0, 0)\ncolor3f inputs:emissiveColor = (0, 2, 1)",
            (0, 255, 188, 255),
        ),
        ("color3f inputs:diffuseColor = (0, 0, 0)", (0, 0, 0, 255)),
    ],
)
def test_colours_of_surfaces(inputs: str, expected: tuple[int, ...]) -> None:
    material = surface(inputs).parts[0].material
    assert material is not None and material.colour == expected and material.texture is None


def test_colours_through_interfaces_and_from_primvars() -> None:
    connected = "color3f inputs:diffuseColor.connect = </mat.inputs:tint>"
    material = surface(connected, "color3f inputs:tint = (1, 0, 1)").parts[0].material
    assert material is not None and material.colour == (255, 0, 255, 255)
    text = """def Material "mat" { token outputs:surface.connect = </mat/s.outputs:surface>
        def Shader "s" { uniform token info:id = "UsdPreviewSurface"
            color3f inputs:diffuseColor.connect = </mat/r.outputs:result>
            token outputs:surface }
        def Shader "r" { uniform token info:id = "UsdPrimvarReader_float3"
            string inputs:varname = "paint"
            float3 outputs:result } }"""
    colour = 'color3f[] primvars:paint = [(0, 1, 0)] (interpolation = "constant")'
    part = read(mesh(more=BOUND + colour) + text).parts[0]
    assert part.colours is not None and (part.colours == [0, 255, 0, 255]).all()


def test_missing_textures_and_surfaces_are_said() -> None:
    model = textured(FOUR, file="textures/none.png")
    assert len(model.parts) == 1 and model.parts[0].uv is None and "none.png is missing" in model.warnings[0]
    assert "UDIM" in textured(FOUR, file="textures/a.<UDIM>.png").warnings[0]
    empty = read(mesh(more=BOUND) + 'def Material "mat" { }')
    assert len(empty.parts) == 1 and "no surface" in empty.warnings[0]


def test_skinned_meshes_are_posed() -> None:
    text = """def SkelRoot "r" {
        def Skeleton "k" {
            double3 xformOp:translate = (10, 0, 0)
            uniform token[] xformOpOrder = ["xformOp:translate"]
            uniform token[] joints = ["a"]
            uniform matrix4d[] bindTransforms = [((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,0,1))]
            uniform matrix4d[] restTransforms = [((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,5,1))]
        }
        def Mesh "m" (prepend apiSchemas = ["SkelBindingAPI"]) {
            double3 xformOp:scale = (100, 100, 100)
            uniform token[] xformOpOrder = ["xformOp:scale"]
            rel skel:skeleton = </r/k>
            int[] primvars:skel:jointIndices = [0, 0, 0, 0] (interpolation = "vertex"
                elementSize = 1)
            float[] primvars:skel:jointWeights = [1, 1, 1, 1] (interpolation = "vertex"
                elementSize = 1)
            matrix4d primvars:skel:geomBindTransform = ((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,0,1))
            SQUARE } }""".replace("SQUARE", SQUARE)
    assert bounds(read(text)) == [[10, 0, 5], [11, 1, 5]]


def test_tetrahedral_meshes_and_guides() -> None:
    text = """def TetMesh "t" { point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
        int4[] tetVertexIndices = [(0, 1, 2, 3)]
        FACES }"""
    faces = "int3[] surfaceFaceVertexIndices = [(0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)]"
    for more in (faces, ""):
        made = model_to_mesh(read(text.replace("FACES", more)), "a")
        assert len(made.faces) == 4 and made.volume == pytest.approx(1 / 6)
    with pytest.raises(InputError, match="no triangles.*guides"):
        read(mesh(more='uniform token purpose = "guide"'))


def test_maps_that_are_not_read_and_guides_are_said() -> None:
    rough = "float inputs:roughness.connect = </mat/t.outputs:a>\nnormal3f inputs:normal.connect = </mat/t.outputs:rgb>"
    model = textured(Pil.new("RGB", (2, 2), (9, 99, 199)), surface=rough)
    assert model.warnings == [
        "of materials only the base colour is read, not normal maps, maps of metal and roughness (1: mat)"
    ]
    assert read(mesh() + mesh("g", 'uniform token purpose = "guide"')).warnings == [
        "1 guide is left out of a.usdz"
    ]

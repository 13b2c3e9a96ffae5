"""Undamaged models for `fuzz.py` that use what the formats' specifications allow: skins, lattices, instancers, layers."""

from __future__ import annotations

import base64
import json
import struct
import sys
from pathlib import Path

import numpy as np
from PIL import Image as Pil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "helpers"))
from gltf_files import TRIANGLE, GltfFile  # noqa: E402
from threemf_files import box_mesh, box_object, model  # noqa: E402

PICTURE = Pil.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
_PLACED = 'double3 xformOp:translate = (0, 0, 1)\nuniform token[] xformOpOrder = ["xformOp:translate"]'
_SQUARE = """point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
int[] faceVertexCounts = [4]
int[] faceVertexIndices = [0, 1, 2, 3]
texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1), (0, 1)] (interpolation = "vertex")
color3f[] primvars:displayColor = [(0.5, 0, 0)] (interpolation = "constant")"""


def gltf_scenes() -> list[bytes]:
    """JSON with embedded buffers: skin, morph target, sparse values, instances, samplers, clear coat and old materials."""
    file = GltfFile(scenes=[{"nodes": [0, 1, 2, 3]}], scene=0, samplers=[{"wrapS": 33071, "wrapT": 33648}])
    file.table("textures", {"source": file.image(PICTURE), "sampler": 0})
    moved = {"texture": {"offset": [0.5, 0], "rotation": 0.3, "scale": [2, 2]}}
    base = {"index": 0, "extensions": {"KHR_texture_transform": moved["texture"]}}
    file.table("materials", {"pbrMetallicRoughness": {"baseColorTexture": base}, "alphaMode": "MASK"})
    old = {"diffuseFactor": [1, 0.5, 0.5, 1], "diffuseTexture": {"index": 0}}
    file.table("materials", {"extensions": {"KHR_materials_pbrSpecularGlossiness": old}})
    names = {"POSITION": file.array(TRIANGLE), "TEXCOORD_0": file.array([[0, 0], [2, 0], [0, 2]])}
    colours = {"COLOR_0": file.array(np.full((3, 4), 128), "u1", normalized=True)}
    target = {"POSITION": file.array(np.ones((3, 3)))}
    file.mesh({"attributes": names | colours, "material": 0, "targets": [target]}, scale=[1, 2, 3])
    file.document["meshes"][0]["weights"] = [0.5]
    joints = {"JOINTS_0": file.array(np.zeros((3, 4)), "u1"), "WEIGHTS_0": file.array(np.eye(3, 4))}
    file.mesh({"attributes": names | joints, "material": 1}, skin=0)
    file.table("skins", {"joints": [3], "inverseBindMatrices": file.array(np.eye(4).reshape(1, 16))})
    instances = {
        "TRANSLATION": file.array([[0, 0, 0], [2, 0, 0]]),
        "ROTATION": file.array([[0, 0, 0, 1], [0, 1, 0, 0]]),
    }
    strip = {"attributes": names, "indices": file.array([0, 1, 2, 0], "u2"), "mode": 5}
    file.mesh(strip, extensions={"EXT_mesh_gpu_instancing": {"attributes": instances}})
    sparse = {
        "count": 1,
        "indices": {"bufferView": file.view(struct.pack("<H", 1)), "componentType": 5123},
        "values": {"bufferView": file.view(struct.pack("<3f", 9, 9, 9))},
    }
    file.mesh({"attributes": {"POSITION": file.array(TRIANGLE, sparse=sparse)}}, rotation=[0, 0, 1, 0])
    uri = "data:application/octet-stream;base64," + base64.b64encode(file.data).decode()
    document = {**file.document, "buffers": [{"byteLength": len(file.data), "uri": uri}]}
    return [json.dumps(document).encode()]


def usd_scenes() -> list[bytes]:
    """USD as text: instancers, subsets, skeletons, shapes, variants, time samples, materials."""
    head = '#usda 1.0\n(\n    metersPerUnit = 0.01\n    upAxis = "Y"\n)\n'
    plain = f'def Mesh "a" {{\n{_SQUARE}\n{_PLACED}\n}}\n'
    instancer = f"""def PointInstancer "pi" {{
    point3f[] positions.timeSamples = {{ 0: [(0, 0, 0), (5, 0, 0), (0, 7, 0)] }}
    int[] protoIndices = [0, 0, 0]
    quath[] orientations = [(1, 0, 0, 0), (0, 1, 0, 0), (0.7, 0, 0.7, 0)]
    float3[] scales = [(1, 1, 1), (2, 2, 2), (-3, 1, 1)]
    int64[] invisibleIds = [1]
    rel prototypes = [</pi/a>]
    {plain}}}
"""
    subsets = f"""def Mesh "m" (prepend apiSchemas = ["MaterialBindingAPI"]) {{
{_SQUARE.replace("[4]", "[3, 3]").replace("[0, 1, 2, 3]", "[0, 1, 2, 0, 2, 3]")}
int[] holeIndices = [1]
uniform token subdivisionScheme = "catmullClark"
uniform token orientation = "leftHanded"
def GeomSubset "s" {{
    uniform token elementType = "face"
    uniform token familyName = "materialBind"
    int[] indices = [0]
    rel material:binding = </mat>
}}
}}
def Material "mat" {{
    token outputs:surface.connect = </mat/s.outputs:surface>
    def Shader "s" {{
        uniform token info:id = "UsdPreviewSurface"
        color3f inputs:diffuseColor.connect = </mat/t.outputs:rgb>
        float inputs:opacity = 0.5
        token outputs:surface
    }}
    def Shader "t" {{
        uniform token info:id = "UsdUVTexture"
        asset inputs:file = @t.png@
        token inputs:wrapS = "mirror"
        float4 inputs:scale = (1, 0.5, 1, 1)
        float2 inputs:st.connect = </mat/x.outputs:result>
        float3 outputs:rgb
    }}
    def Shader "x" {{
        uniform token info:id = "UsdTransform2d"
        float2 inputs:in.connect = </mat/r.outputs:result>
        float inputs:rotation = 30
        float2 outputs:result
    }}
    def Shader "r" {{
        uniform token info:id = "UsdPrimvarReader_float2"
        string inputs:varname = "st"
        float2 outputs:result
    }}
}}
"""
    skinned = f"""def SkelRoot "r" {{
def Skeleton "k" {{
    uniform token[] joints = ["a", "a/b"]
    uniform matrix4d[] bindTransforms = [((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,0,1)), ((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,0,1))]
    uniform matrix4d[] restTransforms = [((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,5,1)), ((1,0,0,0),(0,1,0,0),(0,0,1,0),(0,0,5,1))]
}}
def Mesh "m" (prepend apiSchemas = ["SkelBindingAPI"]) {{
    rel skel:skeleton = </r/k>
    int[] primvars:skel:jointIndices = [0, 1, 0, 1] (
        interpolation = "vertex"
        elementSize = 1
    )
    float[] primvars:skel:jointWeights = [1, 1, 1, 1] (
        interpolation = "vertex"
        elementSize = 1
    )
    {_SQUARE}
}}
}}
"""
    shapes = """def Sphere "s" {
    double radius = 2
}
def Capsule "c" {
    double height = 3
    uniform token axis = "X"
}
def Cylinder "y" {
    token visibility = "invisible"
}
def TetMesh "t" {
    point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    int4[] tetVertexIndices = [(0, 1, 2, 3)]
}
def Xform "v" (
    variants = {
        string size = "big"
    }
    prepend variantSets = "size"
) {
    variantSet "size" = {
        "big" {
            def Cube "c" {
                double size = 3
            }
        }
    }
}
"""
    return [(head + text).encode() for text in (plain, instancer, subsets, skinned, shapes)]


def threemf_models() -> list[bytes]:
    """The XML of model parts: layers of properties, composites, components, boolean shapes, lattices, slices."""
    groups = """<basematerials id="5"><base name="a" displaycolor="#CC6633"/>
<base name="b" displaycolor="#00FF0080"/></basematerials>
<m:colorgroup id="6"><m:color color="#FFFFFF"/><m:color color="#80808080"/></m:colorgroup>
<m:compositematerials id="7" matid="5" matindices="0 1"><m:composite values="0.5 0.5"/></m:compositematerials>
<m:multiproperties id="8" pids="5 6" blendmethods="multiply"><m:multi pindices="0 1"/>
<m:multi pindices="1 0"/></m:multiproperties>"""
    box = box_mesh(triangle=' p1="0" p2="1" p3="0"')
    painted = groups + f'<object id="1" pid="8" pindex="0">{box}</object>'
    parts = (
        box_object(1)
        + '<object id="2" type="support"><components><component objectid="1"/></components></object>'
    )
    parts += '<object id="3"><components><component objectid="1" transform="1 0 0 0 2 0 0 0 1 5 0 0"/></components></object>'
    cut = box_object(1) + box_object(2, at=(0.5, 0, 0))
    cut += '<object id="3"><bo:booleanshape objectid="1" operation="difference">'
    cut += '<bo:boolean objectid="2"/></bo:booleanshape></object>'
    vertices = '<vertices><vertex x="0" y="0" z="0"/><vertex x="5" y="0" z="0"/><vertex x="0" y="5" z="0"/></vertices>'
    beams = '<b:beamlattice minlength="0.1" radius="1" cap="hemisphere" b2:ballmode="all" b2:ballradius="1.2"><b:beams>'
    beams += '<b:beam v1="0" v2="1"/><b:beam v1="1" v2="2" r1="0.5" r2="0.7" cap1="butt"/></b:beams></b:beamlattice>'
    lattice = f'<object id="1"><mesh>{vertices}<triangles/>{beams}</mesh></object>'
    sliced = '<s:slicestack id="9" zbottom="0"><s:slice ztop="1"/></s:slicestack>' + box_object(
        1, 's:slicestackid="9"'
    )
    return [
        model(painted).encode(), model(parts, '<item objectid="3"/><item objectid="2"/>', 'unit="inch"').encode(),
        model(cut, '<item objectid="3" printable="1"/>', 'requiredextensions="bo"').encode(), model(lattice).encode(),
        model(sliced).encode(),
    ]  # fmt: skip


OBJ = b"""mtllib thing.mtl
v 0 0 0 200 100 50
v 2 0 0 1.0
v 2 2 0 0.5 0.5 0.5
v 0 2 0 1 0 0
v 1 1 2
vt 0 0 0
vt 3 0
vt 3 3
vt 0 -3
usemtl wood
f -5/1 -4/2 -3/3 -2/4
f 1/1 2/2 \\
5/3 # end
usemtl missing
f 2//1 3//1 5//1
l 1 2 3
p 1
curv 0 1 1 2
"""
MTL = b"""newmtl wood
Kd xyz 0.3 0.2 0.1
Tr 0.25
map_Kd -s 0.5 0.5 1 -o 0.1 0 0 -clamp on -mm 0.1 0.8 thing.png
map_d -imfchan l thing.png
newmtl iron
Ke 1 1 1
map_Ke thing.png
disp -bm 2 thing.png
"""
PLY = [
    b"""ply
format ascii 1.0
comment TextureFile thing.png
element vertex 4
property double x
property double y
property double z
property float s
property float t
element face 2
property list uchar int vertex_indices
property list uchar float texcoord
property int texnumber
property uchar red
property uchar green
property uchar blue
element edge 1
property int vertex1
property int vertex2
end_header
0 0 0 0 0
1 0 0 1 0
1 1 0 1 1
0 1 0.5 0 1
4 0 1 2 3 8 0 0 1 0 1 1 0 1 0 255 0 0
3 0 2 1 6 0 0 1 1 1 0 0 0 0 255
0 1
""",
    b"ply\nformat binary_big_endian 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\nproperty ushort "
    b"diffuse_red\nproperty ushort diffuse_green\nproperty ushort diffuse_blue\nelement tristrips 1\nproperty list int int "
    b"vertex_indices\nend_header\n"
    + b"".join(struct.pack(">3f3H", *p, 9, 60000, 255) for p in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)))
    + struct.pack(">i7i", 7, 0, 1, 2, 3, -1, 0, 1),
]  # fmt: skip
OFF = [
    b"STCNOFF\n3 1 0\n0 0 0 0 0 1 0.5 0.5 0.5 1 0 0\n1 0 0 0 0 1 255 0 0 255 1 0\n0 1 0 0 0 1 1 0 0 1 0 1\n3 0 1 2 0.5 0.5 0.5\n",
    b"4nOFF 3\n4 2 0\n0 0 0 1\n2 0 0 1\n0 2 0 2\n0 0 2 1\n3 0 1 2 1\n3 0 1 3 255 0 0 128\n",
    b"OFF BINARY\n" + struct.pack(">3i", 3, 1, 0) + struct.pack(">9f", 0, 0, 0, 1, 0, 0, 0, 1, 0)
    + struct.pack(">5i3f", 3, 0, 1, 2, 3, 1, 0, 0),
    b"3 1 0 0 0 0 1 0 0 0 1 0 3 0 1 2",
]  # fmt: skip
STL = [
    b"COLOR=\xc8\x64\x32\xff".ljust(80) + struct.pack("<I", 2)
    + b"".join(struct.pack("<12fH", 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, k, 0x83FF) for k in (0, 1)),
    b"SOLID a\r\nFACET NORMAL 0 0 1\r\nOUTER LOOP\r\nVERTEX 0 0 0\r\nVERTEX 1 0 0\r\nVERTEX 1,5 1 0\r\nVERTEX 0 1 0\r\n"
    b"ENDLOOP\r\nENDFACET\r\nENDSOLID a\r\n",
]  # fmt: skip

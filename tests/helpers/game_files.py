"""A tetrahedron written in each game format, from the formats' descriptions, to read it back."""

from __future__ import annotations

import io
import lzma
import struct
import tarfile

import numpy as np

V = np.array([[0, 0, 0], [2, 0, 0], [0, 3, 0], [0, 0, 4]], np.float32)
F = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.uint16)
UV = np.array([[0, 0], [1, 0], [0, 1], [0.5, 0.25]], np.float32)


def pmd(version: int = 4) -> bytes:
    head = struct.pack("<4sIII", b"PSMD", version, 0, 4) + (struct.pack("<I", 1) if version >= 4 else b"")
    rows = b"".join(
        struct.pack("<3f3f2f4f4B", *v, 0, 0, 1, *uv, 1, 0, 0, 0, 0, 0, 0, 0)
        for v, uv in zip(V.tolist(), UV.tolist())
    )
    return head + rows + struct.pack("<I", 4) + F.astype("<u2").tobytes()


def md2() -> bytes:
    scale = V.max(0) / 255
    points = np.rint(V / scale).astype(np.uint8)
    skin = b"models/thing.tga".ljust(64, b"\0")
    coordinates = np.rint(UV * [64, 32] * [1, -1] + [0, 32]).astype("<i2")
    corners = np.concatenate([F[:, ::-1], F[:, ::-1]], 1).astype("<u2")
    frame = (
        struct.pack("<3f3f16s", *scale, 0, 0, 0, b"stand") + np.c_[points, np.zeros(4, np.uint8)].tobytes()
    )
    at = [68, 68 + 64, 0, 0, 0]
    at[2] = at[1] + coordinates.nbytes
    at[3] = at[2] + corners.nbytes
    head = struct.pack(
        "<4s16i",
        b"IDP2",
        8,
        64,
        32,
        len(frame),
        1,
        4,
        4,
        4,
        0,
        1,
        at[0],
        at[1],
        at[2],
        at[3],
        0,
        at[3] + len(frame),
    )
    return head + skin + coordinates.tobytes() + corners.tobytes() + frame


def g3d(frames: int = 2, textured: bool = True) -> bytes:
    mesh = b"body".ljust(64, b"\0") + struct.pack(
        "<3I8f2I", frames, 4, 12, 1, 0.5, 0, 1, 1, 1, 1, 0, 0, int(textured)
    )
    mesh += b"thing.bmp".ljust(64, b"\0") if textured else b""
    mesh += V.tobytes() * frames + np.ones_like(V).tobytes() * frames
    mesh += UV.tobytes() if textured else b""
    return b"G3D\x04" + struct.pack("<HB", 1, 0) + mesh + F.astype("<u4").tobytes()


def spm(flags: int = 0, kind: int = 2, second: bytes = b"") -> bytes:
    """flags: 1 normals, 2 colours, 4 tangents; kind: 1 with bones, 2 without."""
    out = b"SP" + bytes([8 | kind, flags]) + struct.pack("<6f", *V.min(0), *V.max(0)) + struct.pack("<H", 1)
    out += bytes([9]) + b"thing.png" + bytes([len(second)]) + second
    out += struct.pack("<HHIIH", 1, 1, 4, 12, 0)
    for i, (v, uv) in enumerate(zip(V.tolist(), UV * np.float32([1, -1]) + np.float32([0, 1]))):
        out += struct.pack("<3f", *v) + (b"\1\2\3\4" if flags & 1 else b"")
        if flags & 2:
            out += bytes([128]) if i % 2 else bytes([1, 10, 20, 30])
        out += (
            uv.astype("<f2").tobytes()
            + (b"\0\0\0\0" if second else b"")
            + (b"\5\6\7\10" if flags & 4 else b"")
        )
        out += bytes(16) if kind == 1 else b""
    return out + F.astype(np.uint8).tobytes()


def vrml() -> bytes:
    points = ", ".join(" ".join(f"{x:g}" for x in v) for v in V)
    faces = ",".join(" ".join(map(str, f)).replace(" ", ",") + ",-1" for f in F.tolist())
    return f"""#VRML V2.0 utf8
# a part
Shape {{ appearance Appearance {{ material DEF PIN Material {{ ambientIntensity 0.2 diffuseColor 0.8 0.4 0
 transparency 0.25}} }} geometry IndexedFaceSet {{ coordIndex [{faces}] coord Coordinate {{ point [{points}] }} }} }}
Shape {{ appearance Appearance {{ material USE PIN }}
 geometry IndexedFaceSet {{ coordIndex [0 1 2 3 -1] coord Coordinate {{ point [0 0 0,1 0 0,1 1 0,0 1 0] }} }} }}
""".encode()


def ac3d() -> bytes:
    rows = "\n".join(" ".join(f"{x:g}" for x in v) for v in V)
    surfaces = "\n".join(
        "SURF 0x20\nmat 1\nrefs 3\n" + "\n".join(f"{i} {UV[i, 0]:g} {UV[i, 1]:g}" for i in face)
        for face in F.tolist()
    )
    return f"""AC3Db
MATERIAL "a" rgb 1 1 1  amb 1 1 1  emis 0 0 0  spec 0 0 0  shi 0  trans 0
MATERIAL "b" rgb 0 0.5 1  amb 1 1 1  emis 0 0 0  spec 0 0 0  shi 0  trans 0.5
OBJECT world
kids 1
OBJECT group
name "outer"
loc 10 0 0
kids 1
OBJECT poly
name "tet"
data 5
hello
texture "thing.rgb"
rot 0 1 0 -1 0 0 0 0 1
loc 0 0 5
numvert 4
{rows}
numsurf 5
{surfaces}
SURF 0x2
mat 0
refs 2
0 0 0
1 0 0
kids 0
""".encode()


def tar(files: dict[str, bytes], links: dict[str, str] | None = None, mode: str = "w:xz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return out.getvalue()


def deb(files: dict[str, bytes], links: dict[str, str] | None = None, sums: bool = True) -> bytes:
    """A Debian package; without `sums` it has no list of its files."""
    listed = "".join(f"{'0' * 32}  {name.removeprefix('./')}\n" for name in files).encode()
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": tar(
            {"./control": b"Package: x\n"} | ({"./md5sums": listed} if sums else {}), mode="w:gz"
        ),
        "data.tar.xz": tar(files, links),
    }
    return ar(members)


def ar(members: dict[str, bytes]) -> bytes:
    out = b"!<arch>\n"
    for name, data in members.items():
        head = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode()
        out += head + data + b"\n" * (len(data) % 2)
    return out


def g3d_old(version: int = 3, frames: int = 2, textured: bool = True) -> bytes:
    """Versions 2 and 3."""
    mesh = struct.pack("<6I", frames, frames, frames, 1, 4, 12)
    mesh += bytes([textured, 0, 2]) if version == 2 else struct.pack("<I", not textured)
    mesh += b"thing.tga".ljust(64, b"\0") + (b"\0" if version == 2 else b"")
    mesh += (
        V.tobytes() * frames
        + np.ones_like(V).tobytes() * frames
        + (UV.tobytes() * frames if textured else b"")
    )
    mesh += struct.pack("<4f", 1, 0.5, 0, 1) + F.astype("<u4").tobytes()
    return b"G3D" + bytes([version]) + struct.pack("<I", 2) + mesh + mesh


def pmd_with_points() -> bytes:
    """A point "head" at (1, 2, 3) that hangs on no bone, and one that hangs on the only bone."""
    bone = struct.pack("<I7f", 1, 0, 0, 0, 0, 0, 0, 1)
    turn = (0.0, 0.0, 0.70710678, 0.70710678)
    points = b"".join(
        struct.pack("<I", len(label)) + label + struct.pack("<7fB", 1, 2, 3, *turn, on)
        for label, on in ((b"prop-head", 255), (b"prop_hand", 0))
    )
    return pmd() + bone + struct.pack("<I", 2) + points


ACTOR = b"""<?xml version="1.0" encoding="utf-8"?>
<actor version="1"><group><variant frequency="3" name="a"><mesh>structural/hut.dae</mesh>
<props><prop actor="props/door.xml" attachpoint="door"/><prop actor="props/roof.xml" attachpoint="root"/></props>
<textures><texture file="structural/wall.png" name="baseTex"/><texture file="n.png" name="normTex"/></textures></variant>
<variant frequency="1" name="b"><mesh>structural/hut_b.dae</mesh></variant></group></actor>
"""
KART = b"""<?xml version="1.0"?>
<kart name="Tux" model-file="tux.spm" rgb="1.00 0.00 0.00"><wheels>
<front-left position="-0.3 0.1 0.4" model="wheel-front-left.spm"/><rear-left position="-0.3 0.1 -0.3" model="rear.spm"/>
</wheels></kart>
"""
CATALOGUE = rb"""# a catalogue
id#1=Maker#chair
name#1=Chair \u00e9
tags#1=seat, wood
category#1=Living room
model#1=/maker/chair/chair.obj
width#1=50.5
depth#1=40
height#1=90
creator#1=Maker
id#2=Maker#table
name#2=Table
model#2=/maker/table.obj
width#2=120
"""
LUA = b"""homedecor.register("chair", {
	description = "Chair",
	mesh = "homedecor_chair.obj",
	tiles = { "wood.png^[brighten", { name = "cloth.png", color = 0xff } },
	groups = { snappy = 3 },
})
minetest.register_node("x:lamp", { tiles = {"lamp.png"}, drawtype = "mesh", mesh = "lamp.obj" })
"""
OBJ = b"""# a tetrahedron
mtllib thing.mtl
v 0 0 0
v 2 0 0
v 0 3 0
v 0 0 4 0.5 0.5 1
vt 0 0
vt 1 0
vt 0 1
vn 0 0 -1
usemtl wood
f 1/1/1 3/3/1 2/2/1
f 1/1 2/2 4/3
usemtl iron
f 1 4 3
f -3 -2 -1
"""
MTL = b"""newmtl wood
Kd 0.5 0.25 1
d 0.75
map_Kd -s 1 1 1 thing.png
newmtl iron
Kd 1 1 1
Tr 0.25
"""
DEP5 = b"""Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: things

Files: *
Copyright: 2001-2008, The Team (<http://team.org>)
License: GPL-2+

Files: data/chairs/* data/a?b.obj
Copyright: 2012 Bob;Eve
           (C) 2010 Ann <ann@other.org>
License: CC-BY-SA-3.0 or GPL-3
 words of it

License: GPL-2+
 more words
"""
STL = b"""solid thing
facet normal 0 0 1
outer loop
vertex 0 0 0
vertex 1 0 0
vertex 0 1 1.5e0
endloop
endfacet
endsolid thing
"""
PLY = b"""ply
format ascii 1.0
comment TextureFile thing.png
element vertex 4
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
element face 2
property list uchar int vertex_indices
end_header
0 0 0 255 0 0
2 0 0 0 255 0
0 3 0 0 0 255
0 0 4 9 9 9
3 0 2 1
4 0 1 2 3
"""
OFF = b"""OFF
# a tetrahedron
4 3 0
0 0 0
2 0 0
0 3 0
0 0 4
3 0 2 1
3 0 1 3
4 0 3 2 1 255 0 0
"""


def deb_around(data: bytes) -> bytes:
    """A Debian package whose data are these bytes, compressed."""
    return ar(
        {"debian-binary": b"2.0\n", "control.tar.xz": tar({}), "data.tar.xz": lzma.compress(data, preset=0)}
    )

"""Wavefront OBJ in. lift3d writes the unit as a comment ("# unit: m" or "# unit: null"); a file without it has none. Axes are
read unchanged. What lift3d does not read (lines, points, free-form geometry, files that are called) is named in a warning.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import damaged_file
from lift3d.io.mesh.common import in_metres, only_colour_note
from lift3d.io.mesh.faces import finite_parts
from lift3d.io.mesh.obj.materials import Materials, Shading
from lift3d.io.mesh.obj.vertices import polypaint, read_rows, split_vertices
from lift3d.io.mesh.polygons import triangulate
from lift3d.io.mesh.text import decode_name, logical_lines, utf8_text
from lift3d.types import F64, GREY, Material, Model, Part

_FREE_FORM = frozenset(
    b"vp deg degree bmat step cstype curv curv2 surf parm trim hole scrv sp end con bsp bzp cdc cdp res stech ctech".split()
)
_HARMLESS = frozenset(
    b"g o s mg vn bevel c_interp d_interp lod shadow_obj trace_obj version obj_info".split()
)
"""Statements that change neither shape nor colour: groups, names, smoothing, display."""
_LOST = {
    b"l": "lines", b"p": "points", b"call": "files that are called", b"csh": "shell commands", b"scmp": "comparisons",
    b"usemap": "texture maps of the old form (usemap)", b"maplib": "texture maps of the old form (maplib)",
}  # fmt: skip
_MOST_NOTES = 20


@dataclass
class _Group:
    """Faces of one material: distinct corners ("7/3/1") with their numbers, the corners of all faces, how many each has."""

    known: dict[bytes, int] = field(default_factory=dict)
    corners: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


@dataclass
class _Statements:
    """The content of a file, by kind of statement."""

    vertices: list[list[bytes]] = field(default_factory=list)
    uvs: list[list[bytes]] = field(default_factory=list)
    groups: dict[bytes, _Group] = field(default_factory=dict)
    libraries: list[bytes] = field(default_factory=list)
    named: bool = False
    """Whether a material is used by name."""
    lost: Counter[str] = field(default_factory=Counter)
    unknown: Counter[bytes] = field(default_factory=Counter)
    painted: list[bytes] = field(default_factory=list)
    """Colours of vertices in comments of ZBrush, hexadecimal."""
    unit: str | None = None


def read(data: bytes, path: Path, materials: dict[str, Material] | None = None) -> Model:
    """One part per material; corners that share position and texture coordinate share a vertex. Of a textured material, faces
    without texture coordinates are a part of their own, in its plain colour.

    materials: by name, overriding those of the file's libraries. A library or texture that is missing, damaged or outside the
    model's folder is left out with a warning. Raises InputError for a damaged file.
    """
    found = _statements(utf8_text(data))
    if not found.vertices or not found.groups:
        what = "holds no faces"
        if found.lost:
            what += f", only {' and '.join(found.lost)}, which lift3d does not read"
        raise damaged_file(path.name, what)
    notes = [f"{what} are not read ({count})" for what, count in found.lost.items()]
    if found.unknown:
        words = ", ".join(decode_name(w)[:20] for w in sorted(found.unknown)[:5])
        notes.append(f"lines that are not part of OBJ are not read ({sum(found.unknown.values())}: {words})")
    points, colours = split_vertices(found.vertices, path.name, notes)
    if colours is None and found.painted:
        colours = polypaint(b"".join(found.painted), len(points), notes)
    uvs = read_rows(found.uvs, 1, 2, path.name, "texture coordinates")
    uvs[:, 1:] = np.nan_to_num(uvs[:, 1:])
    library = Materials(found.libraries, path, materials or {}, notes)
    parts: list[Part] = []
    for name, group in found.groups.items():
        shading = library.find(name, found.named)
        parts += _parts(group, points, colours, uvs, shading, path.name, notes)
    if library.unread:
        notes.append(only_colour_note(library.unread))
    parts = finite_parts(parts, notes)
    notes = list(dict.fromkeys(notes))
    if len(notes) > _MOST_NOTES:
        notes = [*notes[:_MOST_NOTES], f"{len(notes) - _MOST_NOTES} more warnings of this kind"]
    return in_metres(parts, found.unit, notes)


def _statements(text: bytes) -> _Statements:
    found = _Statements()
    vertices, uvs, normals, group, material = found.vertices, found.uvs, 0, None, b""
    for line in logical_lines(text):
        words = line.split()
        if not words:
            continue
        key = words[0].lower()
        if key.startswith(b"#"):
            if b" ".join(words) in (b"# unit: m", b"# unit: mm"):
                found.unit = words[2].decode()
            elif key == b"#mrgb":
                found.painted += words[1:]
            continue
        if key == b"usemtl":
            material, group, found.named = line.strip()[6:].strip(), None, True
            continue
        if key == b"mtllib":
            found.libraries.append(line.strip()[6:].strip())
            continue
        if b"#" in line:
            words = line[: line.index(b"#")].split()
        if key == b"v":
            vertices.append(words[1:])
        elif key == b"vn":
            normals += 1
        elif key == b"vt":
            uvs.append(words[1:])
        elif key in (b"f", b"fo"):
            tokens = words[1:]
            if b"-" in line:
                counts = (len(vertices), len(uvs), normals)
                tokens = [_absolute(t, counts) for t in tokens]
            if group is None:
                group = found.groups.setdefault(material, _Group())
            known = group.known
            group.corners += [known.setdefault(t, len(known)) for t in tokens]
            group.counts.append(len(tokens))
        elif key in _LOST:
            found.lost[_LOST[key]] += 1
        elif key in _FREE_FORM:
            found.lost["statements of free-form curves and surfaces"] += 1
        elif key not in _HARMLESS:
            found.unknown[key[:40]] += 1
    return found


def _absolute(token: bytes, counts: tuple[int, int, int]) -> bytes:
    """A corner "v/vt/vn" with relative (negative) indices rewritten with absolute ones."""
    fields = token.split(b"/")
    return b"/".join(b"%d" % (int(f) + n + 1) if f.startswith(b"-") else f for f, n in zip(fields, counts))


def _corners(tokens: list[bytes], points: int, uvs: int, name: str) -> tuple[NDArray[np.int64], bool]:
    """((C, 2) position and texture coordinate of distinct corners, the latter -1 without one; whether some are out of range)."""
    split = [t.split(b"/", 2) for t in tokens]
    try:
        position = np.array([int(s[0]) for s in split], np.int64) - 1
        texture = np.array([int(s[1]) if len(s) > 1 and s[1] else 0 for s in split], np.int64) - 1
    except (ValueError, OverflowError) as error:
        raise damaged_file(name, "has faces whose corners are not whole numbers") from error
    if len(position) and (position.min() < 0 or position.max() >= points):
        worst = int(position.max() if position.max() >= points else position.min()) + 1
        raise damaged_file(name, f"has a face that refers to vertex {worst}, but there are {points} vertices")
    wrong = (texture < -1) | (texture >= uvs)
    return np.column_stack([position, np.where(wrong, -1, texture)]), bool(wrong.any())


def _parts(
    group: _Group, points: F64, colours: NDArray[np.uint8] | None, uvs: F64, shading: Shading, name: str,
    notes: list[str],
) -> list[Part]:  # fmt: skip
    """The textured faces of a material and those without texture coordinates, each as one part if there are any."""
    corners, wrong = _corners(list(group.known), len(points), len(uvs), name)
    index = np.array(group.corners, np.int64)
    triangles = triangulate(np.array(group.counts, np.int64), corners[index, 0], points)
    notes += triangles.notes()
    faces = index[triangles.corners]
    material = shading.material
    textured = np.zeros(len(faces), bool)
    if material is not None and material.texture is not None:
        complete = np.ones(len(group.counts), bool)
        polygon = np.repeat(np.arange(len(group.counts)), group.counts)
        complete[polygon[corners[index, 1] < 0]] = False
        textured = complete[triangles.polygon]
        if wrong:
            notes.append("some faces refer to texture coordinates that are not there")
        if not textured.all():
            notes.append(
                f"{int((~textured).sum())} triangles of the textured material {material.name} have no texture coordinates: "
                "they get its plain colour"
            )
        if colours is not None and textured.any() and (colours[corners[faces[textured], 0]] != 255).any():
            notes.append("colours of vertices are not used where there is a texture")
    parts: list[Part] = []
    if textured.any() or not len(faces):
        xyz, drawn, keys = _compact(corners, faces[textured], points)
        uv, material = shading.place(uvs[keys[:, 1]]) if len(uvs) else (None, material)
        parts.append(Part(xyz, drawn, uv, None, material))
    if not textured.all():
        plain = np.column_stack([corners[:, 0], np.full(len(corners), -1)])
        xyz, rest, keys = _compact(plain, faces[~textured], points)
        own = colours[keys[:, 0]] if colours is not None else None
        if own is not None and not own[:, 3].any():
            own = None
        elif own is not None and not own[:, 3].all():
            notes.append("some vertices have no colour: they are grey")
            own = np.where(own[:, 3:] > 0, own, np.array(GREY, np.uint8))
        parts.append(Part(xyz, rest, None, own, shading.plain()))
    return parts


def _compact(
    corners: NDArray[np.int64], faces: NDArray[np.int64], points: F64
) -> tuple[F64, NDArray[np.int64], NDArray[np.int64]]:
    """(vertices, faces, keys (V, 2)) of the corners that faces use; equal ones are one vertex, in order of first use in the
    list of corners."""
    used = np.zeros(len(corners), bool)
    used[faces] = True
    keys = corners[used]
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    number = np.zeros(len(corners), np.int64)
    number[used] = rank[inverse.reshape(-1)]
    chosen = keys[first[order]]
    return points[chosen[:, 0]], number[faces], chosen

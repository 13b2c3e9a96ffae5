"""PLY in: polygons and triangle strips, colours of vertices or faces, textures.

The comment "unit: m" states the unit; a file without it has none. The comments "TextureFile NAME" refer to textures beside the
model, with coordinates per vertex (s t, u v, texture_u texture_v) or per face corner (the list texcoord; the scalar texnumber
chooses between several textures).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.errors import InputError, damaged_file
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import decode_texture, in_metres, resolve_companion
from lift3d.io.mesh.faces import finite_parts, paint_faces, rgba_bytes
from lift3d.io.mesh.ply.tables import Lists, Table, read_tables
from lift3d.io.mesh.polygons import triangulate
from lift3d.types import F64, Material, Model, Part

I64 = NDArray[np.int64]
_COLOURS = (
    ("red", "green", "blue", "alpha"), ("r", "g", "b", "a"), ("diffuse_red", "diffuse_green", "diffuse_blue", "diffuse_alpha"),
    ("vertex_red", "vertex_green", "vertex_blue", "vertex_alpha"),
    ("face_red", "face_green", "face_blue", "face_alpha"), ("ambient_red", "ambient_green", "ambient_blue", "ambient_alpha"),
)  # fmt: skip
_GREYS = ("intensity", "gray", "grey", "luminance")
_COORDINATES = (
    ("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"), ("s0", "t0"), ("u0", "v0"),
    ("texcoord_u", "texcoord_v"), ("tx", "ty"),
)  # fmt: skip
_CORNERS = ("vertex_indices", "vertex_index", "vertex_indexes", "vertices", "indices")
_WEDGES = ("texcoord", "texcoords", "texture_coordinates", "uv")
_MOST_TEXTURES = 256


def read(data: bytes, path: Path) -> Model:
    """One part per texture, with texture coordinates per vertex or per face corner; faces without them are a part of their own.

    Elements that are no vertices and faces, and textures that are missing, damaged or outside the folder, are warnings. Raises
    InputError for a damaged file.
    """
    name, notes = path.name, list[str]()
    found, comments = read_tables(data, name, notes)
    for element, entries in found.items():
        if element not in ("vertex", "face", "tristrips", "tristrip") and entries.count:
            notes.append(f"entries called {element[:40]} are not read ({entries.count})")
    vertex, face = found.get("vertex", Table()), found.get("face", Table())
    if not all(axis in vertex.columns for axis in "xyz"):
        raise damaged_file(name, "holds no vertices")
    xyz = np.column_stack([vertex.columns[a] for a in "xyz"])
    corners = _list(face, _CORNERS)
    strips = [_list(found.get(key, Table()), _CORNERS) for key in ("tristrips", "tristrip")]
    strip = next((s for s in strips if s is not None and len(s[1])), None)
    if (corners is None or not len(corners[0])) and strip is None:
        raise damaged_file(name, "holds points but no faces" if len(xyz) else "holds no vertices")
    counts, flat = corners if corners is not None else (np.zeros(0, np.int64), np.zeros(0))
    index = _indices(flat, len(xyz), name)
    triangles = triangulate(counts, index, xyz)
    notes += triangles.notes()
    place = triangles.corners
    unit = next((one for one in ("m", "mm") if f"unit: {one}" in comments), None)
    textures = _textures(comments, path, notes)
    parts: list[Part] = []
    colours = colours_of(vertex)
    own = _own_coordinates(vertex)
    rest = np.ones(len(place), bool)
    wedge = _list(face, _WEDGES)
    if len(textures) == 1 and textures[0] is not None and wedge is None and own is not None:
        parts.append(Part(xyz, index[place], own, None, Material("material", texture=textures[0])))
        rest[:] = False
    elif any(t is not None for t in textures):
        chosen = np.zeros(len(counts), np.int64)
        if "texnumber" in face.columns and len(textures) > 1:
            stated = np.nan_to_num(face.columns["texnumber"], nan=-1)
            chosen = np.clip(stated, -1, len(textures)).astype(np.int64)
        for number, picture in enumerate(textures):
            material = None if picture is None else Material("material", texture=picture)
            for coordinates, faces in _drawn(wedge, own, counts, index, chosen == number):
                use = faces[triangles.polygon] & rest
                if material is not None and use.any():
                    rest &= ~use
                    parts.append(_textured(xyz, index, coordinates, place[use], material))
        if rest.any():
            notes.append(f"{int(rest.sum())} triangles have no texture coordinates or no texture")
    bands = index[place[rest]]
    if strip is not None:
        bands = np.concatenate([bands, _strip_triangles(strip, len(xyz), name)])
    if len(bands) or not parts:
        painted = colours_of(face) if colours is None else None
        if colours is not None and not parts and colours_of(face) is not None:
            notes.append("colours of faces are not used, because the vertices have colours")
        if painted is not None and len(painted) == len(counts) and strip is None:
            parts.append(paint_faces(xyz, bands, painted[triangles.polygon[rest]]))
        else:
            parts.append(Part(xyz, bands, None, colours))
    return in_metres(finite_parts(parts, notes), unit, notes)


def _list(table: Table, names: tuple[str, ...]) -> Lists | None:
    return next((table.lists[key] for key in names if key in table.lists), None)


def _indices(values: F64, count: int, name: str) -> I64:
    """Values as indices of `count` vertices."""
    if len(values) and not ((values >= 0) & (values < count)).all():
        raise damaged_file(
            name, f"has faces that refer to vertices out of range (there are {count} vertices)"
        )
    return values.astype(np.int64)


def _strip_triangles(strip: Lists, count: int, name: str) -> I64:
    """(F, 3) triangles of strips: every second one is reversed, -1 begins a new strip, and those without area only join."""
    lengths, values = strip
    ends = np.cumsum(lengths)
    first = np.zeros(len(values), bool)
    first[(ends - lengths)[lengths > 0]] = True
    cut = values == -1
    first[1:] |= cut[:-1]
    index = _indices(np.where(cut, 0, values), count, name)
    number = np.arange(len(values))
    start = np.maximum.accumulate(np.where(first, number, 0))
    last = number[(number - start >= 2) & ~cut]
    odd = (last - start[last]) % 2
    faces = np.stack([index[last - 2 + odd], index[last - 1 - odd], index[last]], 1)
    a, b, c = faces.T
    return faces[(a != b) & (b != c) & (c != a)]


def _own_coordinates(vertex: Table) -> F64 | None:
    """(V, 2) texture coordinates of the vertices."""
    for u, v in _COORDINATES:
        if u in vertex.columns and v in vertex.columns:
            return np.column_stack([vertex.columns[u], vertex.columns[v]])
    return None


def _drawn(
    wedge: Lists | None, own: F64 | None, counts: I64, index: I64, chosen: NDArray[np.bool_]
) -> list[tuple[F64, NDArray[np.bool_]]]:
    """[(coordinates (C, 2) of all corners, the faces that have them)]: those of corners, then those of vertices."""
    found = []
    if wedge is not None and len(wedge[0]) == len(counts):
        sizes, values = wedge
        complete = (sizes == 2 * counts) & chosen
        corner = np.zeros((len(index), 2))
        corner[np.repeat(complete, counts)] = values[np.repeat(complete, sizes)].reshape(-1, 2)
        found.append((corner, complete))
    if own is not None:
        found.append((own[index], chosen))
    return found


def _textured(xyz: F64, index: I64, coordinates: F64, place: I64, material: Material) -> Part:
    """The triangles at `place` in the list of corners, whose equal corners are one vertex."""
    flat = place.reshape(-1)
    keys = np.column_stack([index[flat].astype(np.float64), coordinates[flat]])
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    source = unique[:, 0].astype(np.int64)
    return Part(xyz[source], inverse.reshape(-1, 3), unique[:, 1:], None, material)


def colours_of(table: Table) -> NDArray[np.uint8] | None:
    """(N, 4) RGBA of the rows of an element, by any of the usual names; None where they have no colours."""
    columns = table.columns
    names = next((n for n in _COLOURS if all(c in columns for c in n[:3])), None)
    grey = next((g for g in _GREYS if g in columns), None)
    if names is None and grey is None:
        return None
    red, green, blue, alpha = names if names is not None else (str(grey), str(grey), str(grey), "alpha")
    rgba = rgba_bytes(np.column_stack([columns[red], columns[green], columns[blue]]), red in table.whole)
    opacity = next((n for n in (alpha, "alpha", "opacity") if n in columns), None)
    if opacity is not None:
        rgba[:, 3] = rgba_bytes(np.repeat(columns[opacity][:, None], 3, 1), opacity in table.whole)[:, 0]
    return rgba


def _textures(comments: list[str], path: Path, notes: list[str]) -> list[Pil.Image | None]:
    """The textures that comments name, None where one cannot be read."""
    found: list[Pil.Image | None] = []
    for comment in comments:
        if not comment.lower().startswith("texturefile") or len(found) >= _MOST_TEXTURES:
            continue
        reference = comment[len("TextureFile") :].strip()
        try:
            place = resolve_companion(path.parent, reference, path.name)
            found.append(decode_texture(read_bytes(place), reference[:200]))
        except FileNotFoundError:
            notes.append(f"the texture {reference[:200]} is missing")
            found.append(None)
        except InputError as error:
            notes.append(f"the texture {reference[:200]} is left out ({error.cause}): {error.advice}")
            found.append(None)
    return found

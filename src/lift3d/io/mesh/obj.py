"""Wavefront OBJ with its MTL and textures, in and out.

lift3d writes the unit as a comment ("# unit: m" or "# unit: null"); a file without it has none. Axes are read and written
unchanged, Z up.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lift3d.errors import (
    InputError,
    damaged_file,  # fmt: skip
)
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import decode_texture, format_rows, resolve_companion  # fmt: skip
from lift3d.types import WHITE, Bytes4, Material, Model, Part  # fmt: skip

_MTL_LIMIT = 1 << 24


def _logical_lines(data: bytes) -> list[bytes]:
    return data.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ").splitlines()


def _numbers(lines: list[bytes], low: int, high: int, name: str, what: str) -> np.ndarray:
    """(N, high) float64 from lines "v x y z ..."; missing columns are nan, fewer than `low` raise InputError."""
    if not lines:
        return np.zeros((0, high))
    rows = [line.split()[1 : high + 1] for line in lines]
    widths = {len(r) for r in rows}
    if min(widths) < low:
        raise damaged_file(name, f"has {what} with fewer than {low} numbers")
    if len(widths) > 1:
        rows = [r + [b"nan"] * (high - len(r)) for r in rows]
    table = np.array(rows).astype(np.float64)
    if table.shape[1] < high:
        table = np.pad(table, ((0, 0), (0, high - table.shape[1])), constant_values=np.nan)
    return table


def _absolute(token: bytes, counts: tuple[int, int, int]) -> bytes:
    """A corner "v/vt/vn" with relative (negative) indices rewritten with absolute ones."""
    fields = token.split(b"/")
    return b"/".join(b"%d" % (int(f) + n + 1) if f.startswith(b"-") else f for f, n in zip(fields, counts))


def read(
    data: bytes, path: Path, materials: dict[str, Material] | None = None, lenient: bool = False
) -> Model:
    """One part per material; corners that share position and texture coordinate share a vertex.

    materials: by name, overriding those of the file's libraries. lenient: any texture that cannot be read is left out
    with a warning; otherwise only a missing one is, and a damaged one raises InputError, as a damaged file does.
    """
    name = path.name
    vertex_lines: list[bytes] = []
    uv_lines: list[bytes] = []
    normals = 0
    libraries: list[bytes] = []
    material = b""
    corners: dict[bytes, dict[bytes, int]] = {}
    faces: dict[bytes, list[tuple[int, int, int]]] = {}
    unit = None
    for line in _logical_lines(data):
        head = line[:2]
        if head in (b"v ", b"v\t"):
            vertex_lines.append(line)
        elif head == b"vt":
            uv_lines.append(line)
        elif head == b"vn":
            normals += 1
        elif head in (b"f ", b"f\t"):
            tokens = line.split()[1:]
            if b"-" in line:
                counts = (len(vertex_lines), len(uv_lines), normals)
                tokens = [_absolute(t, counts) for t in tokens]
            known = corners.setdefault(material, {})
            ids = [known.setdefault(t, len(known)) for t in tokens]
            rows = faces.setdefault(material, [])
            rows.extend((ids[0], ids[k], ids[k + 1]) for k in range(1, len(ids) - 1))
        elif line.startswith(b"usemtl"):
            material = line[6:].strip()
        elif line.startswith(b"mtllib"):
            libraries.append(line[6:].strip())
        elif line.startswith(b"# unit: m") and line.strip() == b"# unit: m":
            unit = "m"
    if not vertex_lines or not faces:
        raise damaged_file(name, "holds no faces")
    points = _numbers(vertex_lines, 3, 6, name, "vertices")
    uvs = _numbers(uv_lines, 1, 2, name, "texture coordinates")
    uvs[:, 1:] = np.nan_to_num(uvs[:, 1:])
    warnings: list[str] = []
    table = _libraries(libraries, path, warnings, lenient) | (materials or {})
    parts = []
    for key, known in corners.items():
        used = table.get(key.decode("utf-8", "replace"))
        parts.append(
            _part(list(known), np.array(faces[key], np.int64).reshape(-1, 3), points, uvs, used, name)
        )
    return Model(parts, unit, warnings)


def _part(
    tokens: list[bytes],
    faces: np.ndarray,
    points: np.ndarray,
    uvs: np.ndarray,
    material: Material | None,
    name: str,
) -> Part:
    """One part from distinct corners ("7/3/1"), which become vertices with texture coordinates, and faces of them."""
    split = [t.split(b"/") for t in tokens]
    position = np.array([int(s[0]) for s in split]) - 1
    if position.min() < 0 or position.max() >= len(points):
        worst = int(position.max() if position.max() >= len(points) else position.min()) + 1
        raise damaged_file(
            name, f"has a face that refers to vertex {worst}, but there are {len(points)} vertices"
        )
    textured = material is not None and material.texture is not None
    texture = np.array([int(s[1]) if len(s) > 1 and s[1] else 0 for s in split]) - 1
    if not textured or (texture < 0).any():
        textured = False
        texture = np.full(len(split), -1)
    elif texture.max() >= len(uvs):
        raise damaged_file(
            name,
            f"has a face that refers to texture coordinate {texture.max() + 1}, but there are {len(uvs)}",
        )
    keys = np.column_stack([position, texture])
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)  # in order of first appearance
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    chosen = keys[first[order]]
    faces = rank[inverse.reshape(-1)][faces]
    rows = points[chosen[:, 0]]
    colours = None
    if not textured and np.isfinite(rows[:, 3:]).all():
        rgb = np.rint(np.clip(rows[:, 3:], 0, 1) * 255)
        colours = np.column_stack([rgb, np.full(len(rgb), 255)]).astype(np.uint8)
    return Part(rows[:, :3], faces, uvs[chosen[:, 1]] if textured else None, colours, material)


def _libraries(names: list[bytes], path: Path, warnings: list[str], lenient: bool) -> dict[str, Material]:
    """Materials by name from the MTL files that the model refers to; missing files become warnings."""
    materials: dict[str, Material] = {}
    for raw in names[:16]:
        reference = raw.decode("utf-8", "replace")
        try:
            data = read_bytes(resolve_companion(path.parent, reference, path.name), _MTL_LIMIT)
        except FileNotFoundError:
            warnings.append(f"the material file {reference} is missing")
            continue
        materials.update(_materials(data, path, warnings, lenient))
    return materials


def _materials(data: bytes, path: Path, warnings: list[str], lenient: bool) -> dict[str, Material]:
    """Materials of an MTL file: newmtl, Kd, d or Tr, and map_Kd without its options."""
    found: dict[str, Material] = {}
    pictures: dict[str, Material] = {}
    label = ""
    for line in data.decode("utf-8", "replace").splitlines():
        key, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        if key == "newmtl":
            label = rest
            found[label] = Material(label[:200])
        elif label and key == "Kd":
            rgb = [min(255, max(0, round(float(c) * 255))) for c in rest.split()[:3]]
            if len(rgb) == 3:
                colour: Bytes4 = (rgb[0], rgb[1], rgb[2], found[label].colour[3])
                found[label] = Material(label[:200], colour, found[label].texture)
        elif label and key in ("d", "Tr") and rest:
            alpha = float(rest.split()[-1])
            alpha = 1 - alpha if key == "Tr" else alpha
            old = found[label]
            found[label] = Material(
                old.name, (*old.colour[:3], min(255, max(0, round(alpha * 255)))), old.texture
            )
        elif label and key == "map_Kd":
            reference = rest if not rest.startswith("-") else rest.split()[-1]
            if reference not in pictures:
                try:
                    place = resolve_companion(path.parent, reference, path.name)
                    pictures[reference] = Material("", WHITE, decode_texture(read_bytes(place), reference))
                except (FileNotFoundError, InputError) as error:
                    if isinstance(error, InputError) and not lenient:
                        raise
                    warnings.append(f"the texture {reference} is missing")
                    pictures[reference] = Material("")
            found[label] = Material(label[:200], found[label].colour, pictures[reference].texture)
    # many exporters leave Kd black or grey beside a texture; viewers show the texture unchanged
    return {k: Material(m.name, WHITE, m.texture) if m.texture is not None else m for k, m in found.items()}


def write(part: Part, unit: str | None, library: str | None, normals: np.ndarray | None = None) -> bytes:
    """The OBJ file of a part; library: the name of the MTL beside it; normals: (V, 3) per vertex."""
    lines = ["# made by lift3d", f"# unit: {unit or 'null'}", "# up: Z"]
    if library is not None:
        lines.append(f"mtllib {library}")
    xyz = part.vertices.astype(np.float32)
    if part.colours is not None:
        rgb = part.colours[:, :3] / 255.0
        lines += [f"v {p} {c}" for p, c in zip(format_rows(xyz), format_rows(rgb, 6))]
    else:
        lines += [f"v {p}" for p in format_rows(xyz)]
    if part.uv is not None:
        lines += [f"vt {p}" for p in format_rows(part.uv.astype(np.float32))]
    if normals is not None:
        lines += [f"vn {p}" for p in format_rows(normals, 6)]
    if library is not None and part.material is not None:
        lines.append(f"usemtl {_token(part.material.name)}")
    pattern = {
        (False, False): "{0}",
        (True, False): "{0}/{0}",
        (False, True): "{0}//{0}",
        (True, True): "{0}/{0}/{0}",
    }[(part.uv is not None, normals is not None)]
    corner = [pattern.format(i + 1) for i in range(len(part.vertices))]
    lines += [f"f {corner[a]} {corner[b]} {corner[c]}" for a, b, c in part.faces.tolist()]
    return ("\n".join(lines) + "\n").encode()


def _token(label: str) -> str:
    """A name without spaces, which MTL does not allow."""
    return "_".join(label.split()) or "material"


def write_library(material: Material, picture: str | None) -> bytes:
    """The MTL file of one material; `picture` is the name of its texture file."""
    r, g, b, a = (c / 255 for c in material.colour)
    lines = [
        "# made by lift3d",
        f"newmtl {_token(material.name)}",
        f"Kd {r:.6f} {g:.6f} {b:.6f}",
        "Ka 0 0 0",
        "Ks 0 0 0",
    ]
    lines += [f"d {a:.6f}", "illum 1"]
    if picture is not None:
        lines.append(f"map_Kd {picture}")
    return ("\n".join(lines) + "\n").encode()

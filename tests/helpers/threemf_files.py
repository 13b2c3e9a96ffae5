"""3MF packages made by hand: the XML of boxes and the parts around it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image as Pil

from lift3d.types import Mesh

CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
ROOT = "http://schemas.microsoft.com/3dmanufacturing"
NAMESPACES = {
    "m": f"{ROOT}/material/2015/02",
    "p": f"{ROOT}/production/2015/06",
    "pa": f"{ROOT}/production/alternatives/2021/04",
    "b": f"{ROOT}/beamlattice/2017/02",
    "b2": f"{ROOT}/beamlattice/balls/2020/07",
    "s": f"{ROOT}/slice/2015/07",
    "d": f"{ROOT}/displacement/2022/07",
    "t": f"{ROOT}/trianglesets/2021/07",
    "bo": "http://schemas.3mf.io/3dmanufacturing/booleanoperations/2023/07",
    "v": "http://schemas.3mf.io/3dmanufacturing/volumetric/2022/01",
    "sc": f"{ROOT}/securecontent/2019/04",
    "slic3r": "http://schemas.slic3r.org/3mf/2017/06",
}
START = f"{ROOT}/2013/01/3dmodel"


def relations(*targets: str, kind: str = START) -> str:
    rows = "".join(f'<Relationship Target="{t}" Id="r{i}" Type="{kind}"/>' for i, t in enumerate(targets))
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{rows}</Relationships>'


def box_mesh(
    size: tuple[float, ...] = (1, 2, 3),
    at: tuple[float, ...] = (0, 0, 0),
    triangle: str = "",
    inner: str = "",
) -> str:
    """<mesh> of a box whose lowest corner is at a point. triangle: attributes of every triangle; inner: after triangles."""
    box = trimesh.creation.box(size)
    points = box.vertices + np.array(size) / 2 + at
    vertices = "".join(f'<vertex x="{x:g}" y="{y:g}" z="{z:g}"/>' for x, y, z in points)
    rows = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"{triangle}/>' for a, b, c in box.faces)
    return f"<mesh><vertices>{vertices}</vertices><triangles>{rows}</triangles>{inner}</mesh>"


def model(
    resources: str, build: str = '<item objectid="1"/>', attributes: str = "", metadata: str = ""
) -> str:
    names = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><model xmlns="{CORE}"{names} {attributes}>{metadata}'
        f"<resources>{resources}</resources><build>{build}</build></model>"
    )


def box_object(number: int = 1, attributes: str = "", **options: object) -> str:
    return f'<object id="{number}" {attributes}>{box_mesh(**options)}</object>'  # type: ignore[arg-type]


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Pil.fromarray(np.asarray(pixels, np.uint8)).save(out, "PNG")
    return out.getvalue()


def package(path: Path, text: str, **parts: str | bytes) -> Path:
    """A package with a root model and parts by name; a key "a__b" stands for the name "a/b"."""
    entries: dict[str, str | bytes] = {
        "_rels/.rels": relations("/3D/3dmodel.model"),
        "3D/3dmodel.model": text,
    }
    return raw_package(path, entries | {name.replace("__", "/"): data for name, data in parts.items()})


def raw_package(path: Path, entries: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


def warnings_of(mesh: Mesh) -> str:
    return "; ".join(mesh.metadata.get("warnings", ()))


def is_box(mesh: Mesh, size: tuple[float, ...] = (1, 2, 3)) -> bool:
    """Whether the mesh is one box of a size in millimetres."""
    volume = float(np.prod(size)) * 1e-9
    return (
        len(mesh.faces) == 12
        and np.allclose(mesh.extents, np.array(size) / 1000)
        and np.isclose(mesh.volume, volume)
    )

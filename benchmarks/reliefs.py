"""Lithophanes and reliefs of photographs, faces, text, logos, meshes and depth frames, at 0.2 mm on a width of 120 mm.

    python benchmarks/reliefs.py [--data ../shared/data] [--only NAME]

Each model is written as STL and read back; the predicate for solids inspects every face of what was read. Walls are measured by
rays through the mesh, radial ones if it is bent. What a light shows through a lithophane is simulated by the same rays,
T = exp(-t / mu), and correlated with the luminance of the photo in linear light. Writes results/reliefs.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image as Pil
from PIL import ImageDraw

import lift3d
from lift3d.geometry.mesh.distances import build_search_tree, hits_in_tree
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.geometry.relief.transmission import linear_luminance
from lift3d.pipelines.arguments import load_photo
from lift3d.types import F64, Mesh

HERE = Path(__file__).resolve().parent
WIDTH, THIN, BASE, ATTENUATION = 0.12, 0.8e-3, 2e-3, 1e-3
COLUMNS = 300
"""Rays along the width."""


def logo() -> np.ndarray:
    """A ring, a triangle and letters in black on white, 512 x 512."""
    picture = Pil.new("RGB", (512, 512), "white")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((40, 40, 472, 472), outline="black", width=40)
    pen.polygon([(256, 110), (380, 330), (132, 330)], fill=(190, 30, 30))
    pen.text((175, 345), "lift3d", fill="black", font_size=60)
    return np.asarray(picture)


def pictures(data: Path) -> dict[str, Any]:
    """Pictures by name."""
    objects = data / "images"
    found: dict[str, Any] = {
        "face and shuttle (scikit-image astronaut)": skimage.data.astronaut(),
        "cat (scikit-image chelsea)": skimage.data.chelsea(),
        "coffee (scikit-image)": skimage.data.coffee(),
        "printed text (scikit-image page)": skimage.data.page(),
        "logo": logo(),
    }
    for path in (
        objects / "triposr/horse.png",
        objects / "triposr/police_woman.png",
        objects / "trellis/typical_creature_dragon.png",
    ):
        found[f"{path.stem}, cut out"] = path
    found["head on a table (Buddha set)"] = sorted((data / "multiview/buddha").rglob("*.jpg"))[0]
    found["room (Open3D frame)"] = data / "rgbd/open3d_sequence/color/00000.jpg"
    return found


def reliefs(data: Path) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Sources and options of reliefs by name."""
    meshes, frames = data / "meshes", data / "rgbd"
    return {
        "cow, mesh": (meshes / "spot/spot_triangulated.obj", {"up": "y", "azimuth": 150.0}),
        "sofa, mesh": (meshes / "aws_house/SofaB_01.glb", {"azimuth": 60.0}),
        "fitness equipment, mesh": (meshes / "aws_house/FitnessEquipment_01.glb", {"azimuth": 30.0}),
        "tableware, mesh": (meshes / "aws_house/Tableware_01.glb", {"azimuth": 30.0}),
        "room, depth camera (Open3D)": (
            frames / "open3d_sequence/color/00000.jpg",
            {"depth_map": frames / "open3d_sequence/depth/00000.png", "near": "dark"},
        ),
        "desk, depth camera (TUM)": (
            frames / "single_frames/TUM_color.png",
            {"depth_map": frames / "single_frames/TUM_depth.png", "near": "dark"},
        ),
    }


def thickness_of(mesh: Mesh, curve: float) -> F64:
    """(rows, columns) thickness in metres by rays from the back to the front, through pixel centres; nan where a ray misses."""
    v = np.asarray(mesh.vertices, np.float64)
    tree = build_search_tree(v, np.asarray(mesh.faces, np.int32))
    flat = np.ptp(v[:, 2]) < 0.02 and curve == 0  # a relief lies on its back
    low, high = v.min(0), v.max(0)
    across, up = (0, 1) if flat else (0, 2)
    size = WIDTH, float(high[up] - low[up])
    rows = round(COLUMNS * size[1] / size[0])
    u, w = np.meshgrid((np.arange(COLUMNS) + 0.5) / COLUMNS, 1 - (np.arange(rows) + 0.5) / rows)
    if curve:
        angle = (u - 0.5) * np.radians(curve)
        direction = np.stack([np.sin(angle), -np.cos(angle), 0 * angle], -1).reshape(-1, 3)
        start = np.stack([0 * w, 0 * w, w * size[1]], -1).reshape(-1, 3)
    else:
        direction = np.tile([0.0, 0, 1] if flat else [0.0, -1, 0], (u.size, 1))
        start = np.zeros((u.size, 3))
        start[:, across], start[:, up] = low[0] + u.ravel() * size[0], low[up] + w.ravel() * size[1]
        start -= 0.01 * direction
    first, face = hits_in_tree(tree, start, direction, 0.0)
    second, last = hits_in_tree(
        tree, start + direction * (np.where(face >= 0, first, 0) + 1e-7)[:, None], direction, 0.0
    )
    return np.where((face >= 0) & (last >= 0), second + 1e-7, np.nan).reshape(rows, COLUMNS)


def seconds_of(make: Callable[[], Any]) -> tuple[float, float]:
    """Elapsed and processor time of one call; they differ on a machine that is busy with other work."""
    start = time.perf_counter(), time.process_time()
    make()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def measure(
    kind: str, name: str, make: Callable[[Path], Any], curve: float, wall: float, photo: Any
) -> list[Any]:
    """One row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.stl"
        elapsed, processor = seconds_of(lambda: make(path))
        mesh = lift3d.load(path)
        if not mesh.units:
            mesh.apply_scale(1e-3)
        solid = inspect_solid(mesh).is_solid
        thickness = thickness_of(mesh, curve)
    correlation = None
    if photo is not None:
        image = load_photo(photo, max_size=2048)
        luminance = Pil.fromarray(linear_luminance(image.pixels, image.mask))
        luminance = np.asarray(luminance.resize(thickness.shape[::-1], Pil.Resampling.BOX))[2:-2, 2:-2]
        seen = np.exp(-thickness / ATTENUATION)[2:-2, 2:-2]
        inside = np.isfinite(seen)
        correlation = round(float(np.corrcoef(seen[inside], luminance[inside])[0, 1]), 4)
    thin = float(np.nanmin(thickness))
    row = [kind, name, len(mesh.faces), "yes" if solid else "no", round(1000 * thin, 3)]
    row += ["yes" if thin > wall - 2e-6 else "no", round(elapsed, 1), round(processor, 1), correlation]
    print(row, flush=True)
    return row


def write_table(rows: list[list[Any]]) -> None:
    """Write results/reliefs.json."""
    correlations = [r[8] for r in rows if r[8] is not None]
    solid = 100 * np.mean([r[3] == "yes" for r in rows])
    kept = 100 * np.mean([r[5] == "yes" for r in rows])
    median, longest = np.median([r[7] for r in rows]), max(r[7] for r in rows)
    note = (
        f"{len(rows)} models: {solid:.0f} % solid, smallest wall kept in {kept:.0f} %; processor time of "
        f"making and writing one: median {median:.1f} s, longest {longest:.1f} s (the machine was busy with other work, so "
        "that the elapsed time is longer); "
        f"correlation of the simulated light with the photo: median "
        f"{np.median(correlations):.3f}, lowest {min(correlations):.3f}."
    )
    columns = [
        "model",
        "source",
        "faces",
        "solid",
        "thinnest wall, mm",
        "wall kept",
        "seconds elapsed",
        "seconds of processor",
        "correlation",
    ]
    table = {"columns": columns, "rows": rows, "note": note}
    (HERE / "results/reliefs.json").write_text(
        json.dumps({"table": table}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def main() -> None:
    """Measure all and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared/data")
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    lift3d.lithophane(skimage.data.astronaut(), width="30mm", curve=90.0)  # compilation
    rows = []
    for k, (name, photo) in enumerate(pictures(arguments.data).items()):
        for curve in (0.0, (120.0, 360.0)[k % 2]):
            if arguments.only in name:
                shape = {0.0: "flat", 120.0: "120°", 360.0: "closed"}[curve]
                make = lambda path, p=photo, c=curve: lift3d.lithophane(p, path, width=WIDTH, curve=c)  # noqa: E731
                rows.append(measure(f"lithophane, {shape}", name, make, curve, THIN, photo))
    for name, (source, options) in reliefs(arguments.data).items():
        if arguments.only in name:
            make = lambda path, s=source, o=options: lift3d.relief(s, path, width=WIDTH, **o)  # noqa: E731
            rows.append(measure("relief", name, make, 0.0, BASE, None))
    if not arguments.only:
        write_table(rows)


if __name__ == "__main__":
    main()

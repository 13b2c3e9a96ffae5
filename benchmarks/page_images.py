"""Images of the documentation that lift3d generates: docs/images/repair.jpg, shapes.jpg and interpolate.jpg.

    python benchmarks/page_images.py [FOLDER]

Damages the owl of the example (holes, inverted faces, debris) and repairs it; generates eight chairs, tables and airplanes
with seed 1, not selected; interpolates between two of the chairs. FOLDER receives the models. Needs the extra `learn`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image, ImageDraw

from owl import owl_colours, owl_mesh

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
HOLES = ((0.1, -0.25, 0.45), (-0.12, -0.2, 0.62), (0.2, -0.05, 0.95), (0.28, -0.1, 0.5), (-0.22, -0.15, 0.3))
"""Points on the owl around which the surface is removed."""


def lift3d(*words: str | Path) -> None:
    """Run one command of lift3d."""
    subprocess.run([sys.executable, "-m", "lift3d", *map(str, words)], check=True)


def damaged_owl() -> trimesh.Trimesh:
    """The owl with five holes of radius 0.07, inverted faces on one side of its head, and 14 small boxes around it."""
    vertices, faces = owl_mesh(110)
    linear = owl_colours(vertices)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    colours = np.c_[(255 * np.clip(srgb, 0, 1)).astype(np.uint8), np.full(len(vertices), 255, np.uint8)]
    centres = vertices[faces].mean(1)
    keep = np.ones(len(faces), bool)
    for point in HOLES:
        nearest = centres[np.argmin(np.linalg.norm(centres - point, axis=1))]
        keep &= np.linalg.norm(centres - nearest, axis=1) > 0.07
    faces, centres = faces[keep].copy(), centres[keep]
    inverted = (centres[:, 2] > 0.75) & (centres[:, 0] > 0)
    faces[inverted] = faces[inverted][:, ::-1]
    parts = [trimesh.Trimesh(vertices, faces, vertex_colors=colours, process=False)]
    rng = np.random.default_rng(3)
    for _ in range(14):
        box = trimesh.creation.box(rng.uniform(0.01, 0.03, 3))
        box.apply_translation([*rng.uniform(-0.5, 0.5, 2), rng.uniform(0.1, 1.1)])
        box.visual.vertex_colors = [150, 140, 130, 255]
        parts.append(box)
    return trimesh.util.concatenate(parts)


def repair_image(folder: Path) -> None:
    """Front and side of the damaged owl and of the repaired owl."""
    damaged_owl().export(folder / "broken.ply")
    lift3d("repair", folder / "broken.ply", "-o", folder / "solid.ply")
    sheet = Image.new("RGB", (4 * 320, 320), "white")
    for column, name in enumerate(("broken", "solid")):
        lift3d(
            "render",
            folder / f"{name}.ply",
            "-o",
            folder / name,
            "--views",
            "4",
            "--size",
            "320",
            "--elevation",
            "15",
        )
        views = sorted((folder / name).glob("*.png"))
        for k, view in enumerate((views[3], views[2])):
            sheet.paste(Image.open(view).convert("RGB"), (320 * (2 * column + k), 0))
    ImageDraw.Draw(sheet).line((640, 20, 640, 300), fill=(190, 190, 190))
    sheet.save(IMAGES / "repair.jpg", quality=86)


def shape_images(folder: Path) -> None:
    """A contact sheet of generated shapes, with one category below the other, and a contact sheet of an interpolation."""
    rows = []
    for category, top, bottom in (("chair", 0, 25), ("table", 25, 25), ("airplane", 55, 65)):
        lift3d("generate", category, "-n", "8", "--seed", "1", "-o", folder / category)
        sheet = Image.open(folder / category / "sheet.png").convert("RGB")
        rows.append(sheet.crop((0, top, sheet.width, sheet.height - bottom)))
    joined = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)))
    for k, row in enumerate(rows):
        joined.paste(row, (0, sum(above.height for above in rows[:k])))
    scaled(joined, 1280).save(IMAGES / "shapes.jpg", quality=85)
    ends = (folder / "chair/chair-05.glb", folder / "chair/chair-06.glb")
    lift3d("interpolate", *ends, "--steps", "6", "-o", folder / "between")
    sheet = Image.open(folder / "between/sheet.png").convert("RGB")
    scaled(sheet.crop((0, 0, sheet.width, sheet.height - 25)), 1000).save(
        IMAGES / "interpolate.jpg", quality=85
    )


def scaled(image: Image.Image, width: int) -> Image.Image:
    """The image, resized to this width."""
    return image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else scratch)
        folder.mkdir(parents=True, exist_ok=True)
        repair_image(folder)
        shape_images(folder)


if __name__ == "__main__":
    main()

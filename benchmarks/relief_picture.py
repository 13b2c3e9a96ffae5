"""docs/images/reliefs.jpg: a photo, the light through its lithophane, the bent lithophane, and a relief of a mesh in a frame.

    python benchmarks/relief_picture.py [--data ../shared/data]

The photo is one of examples/photos, the mesh the cow of ../shared/data/meshes/spot. The light is simulated by rays through
the mesh.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image as Pil

import lift3d
from lift3d.pipelines.reliefs.lithophane import backlit_picture
from lift3d.types import Mesh
from reliefs import thickness_of

ROOT = Path(__file__).resolve().parent.parent
HEIGHT, WIDTH, GAP = 420, 1400, 20


def cropped(picture: np.ndarray) -> Pil.Image:
    """The part of a rendering on white that is not white, HEIGHT high."""
    rows, columns = np.nonzero((picture < 250).any(2))
    found = Pil.fromarray(picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])
    return found.resize((round(found.width * HEIGHT / found.height), HEIGHT), Pil.Resampling.LANCZOS)


def rendered(mesh: Mesh, view: int) -> Pil.Image:
    """One of eight views all around."""
    return cropped(lift3d.render(mesh, views=8, size=1000, elevation=[15])[view].rgb)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    data = parser.parse_args().data
    source = sorted((ROOT / "examples/photos").glob("*.jpg"))[0]
    photo = Pil.open(source).convert("RGB")
    photo = photo.resize((round(photo.width * HEIGHT / photo.height), HEIGHT), Pil.Resampling.LANCZOS)
    lamp = lift3d.lithophane(source, width="12cm", curve="120deg")
    thickness = thickness_of(lamp, 120.0)
    light = Pil.fromarray(backlit_picture(np.nan_to_num(thickness, nan=3e-3), 1e-3)).convert("RGB")
    cow = data / "meshes/spot/spot_triangulated.obj"
    block = lift3d.relief(cow, up="y", azimuth=150, width="10cm", frame="4mm")
    block.apply_transform([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    parts = [photo, light.resize(photo.size, Pil.Resampling.LANCZOS), rendered(lamp, 6), rendered(block, 7)]
    sheet = Pil.new("RGB", (sum(part.width + GAP for part in parts) - GAP, HEIGHT), "white")
    x = 0
    for part in parts:
        sheet.paste(part, (x, 0))
        x += part.width + GAP
    sheet = sheet.resize((WIDTH, round(HEIGHT * WIDTH / sheet.width)), Pil.Resampling.LANCZOS)
    sheet.save(ROOT / "docs/images/reliefs.jpg", quality=88)


if __name__ == "__main__":
    main()

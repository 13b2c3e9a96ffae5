"""Render the bundled example, 22 photos of a clay owl on a wooden table, to examples/photos.

    python benchmarks/make_example_photos.py [--out examples/photos] [--only 0 7 15]

Object, materials, room and camera are all procedural (`owl`, `solid_textures`, `photo_studio`).
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

from lift3d.geometry.mesh.normals import corner_normals
from owl import owl_colours, owl_mesh
from photo_studio import Light, Studio, Subject
from rendered_sets import FOCAL, WIDTH, orbit

PHOTOS = 22
OUT = Path(__file__).resolve().parents[1] / "examples" / "photos"
PALETTE = np.array([[0.42, 0.41, 0.40], [0.56, 0.55, 0.53], [0.22, 0.21, 0.2], [0.8, 0.79, 0.77]])
KNOBS = np.array([42, 1.0, 0.15, 0.0, 0.35, 0.40])
_EXIF_IFD, _FOCAL_35MM = 0x8769, 0xA405


def owl_subject() -> Subject:
    """The glazed owl with a diagonal of 1, standing on z = 0, rotated slightly."""
    v, f = owl_mesh()
    colours = owl_colours(v)[f]
    turn = trimesh.transformations.rotation_matrix(0.5, [0, 0, 1])[:3, :3]
    v = v @ turn.T
    low, high = v.min(0), v.max(0)
    v = (v - [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]) / np.linalg.norm(high - low)
    return Subject(
        v, f, corner_normals(v, f, 60.0).astype(np.float64), PALETTE, KNOBS,
        own=1.0, table=0, gloss=0.10, seed=21, tint=colours,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--only", type=int, nargs="*", default=list(range(PHOTOS)))
    options = parser.parse_args()
    subject = owl_subject()
    studio = Studio(subject)
    options.out.mkdir(parents=True, exist_ok=True)
    for i, camera in enumerate(orbit(subject.v, PHOTOS, np.random.default_rng(7))):
        if i not in options.only:
            continue
        light = Light(azimuth=-1.2 + 0.05 * math.sin(0.5 * i), exposure=1.02 + 0.05 * math.cos(0.7 * i))
        photo = Image.fromarray(studio.photograph(camera, light, np.random.default_rng(1000 + i)))
        exif = Image.Exif()
        exif.get_ifd(_EXIF_IFD)[_FOCAL_35MM] = round(36 * FOCAL / WIDTH)
        photo.save(options.out / f"owl_{i + 1:02d}.jpg", quality=90, exif=exif)
    print(f"{len(options.only)} photos of {len(subject.f)} faces in {options.out}")


if __name__ == "__main__":
    main()

"""docs/images/room.jpg: frames of a rendered walk through a room, and the room that lift3d reconstructs from them.

    python benchmarks/room_picture.py [--work FOLDER] [--frames 60]

The walk is that of `rgbd_walks.py` with the noise of a Kinect; poses are estimated. Left: colour and depth of two frames. Right:
the model from above; walls and the ceiling are seen from behind and left out.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Pil

import lift3d
import rgbd_walks
from lift3d.geometry.render.drawable import drawable
from lift3d.geometry.render.lights import Environment, Lighting
from lift3d.geometry.render.renderer import render_many
from lift3d.io.mesh.meshes import load_parts
from lift3d.pipelines.pictures.depth import coloured, inverse_codes
from lift3d.types import Camera, Part

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT, TILE, GAP = 560, 480, (316, 237), 6
ELEVATION, AZIMUTH, DISTANCE = 50.0, 145.0, 2.6
"""Degrees, and half diagonals of the room."""


def inside_of(parts: list[Part], eye: np.ndarray) -> list[Part]:
    """The faces that turn to the eye."""
    out = []
    for part in parts:
        corners = part.vertices[part.faces]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        out.append(replace(part, faces=part.faces[((eye - corners[:, 0]) * normal).sum(1) > 0]))
    return out


def room_from_above(model: Path) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) uint8."""
    parts = load_parts(model).parts
    every = np.concatenate([p.vertices for p in parts])
    low, high = np.quantile(every, 0.005, axis=0), np.quantile(every, 0.995, axis=0)
    middle, size = 0.5 * (low + high), float(np.linalg.norm(high - low)) / 2
    e, a = np.radians([ELEVATION, AZIMUTH])
    away = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    eye, forward = middle + DISTANCE * size * away, -away
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    pose[:3, 3] = -pose[:3, :3] @ eye
    focal = 0.5 * HEIGHT * DISTANCE / 0.62
    camera = Camera(WIDTH, HEIGHT, focal, focal, WIDTH / 2, HEIGHT / 2, pose)
    light = Lighting((), (), Environment.from_colours((1.0, 1.0, 1.0), (1.0, 1.0, 1.0)))
    shot = next(iter(render_many(drawable(inside_of(parts, eye)), [camera], 2, lighting=light)))
    return np.where((shot.depth.z > 0)[..., None], shot.rgb, 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, help="folder for the walk and the model, which are used again")
    parser.add_argument("--frames", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        scan, model = work / "scan", work / "room.glb"
        if not (scan / "rgb.txt").is_file():
            rgbd_walks.write_tum(scan, rgbd_walks.walk("living", options.frames), poses=False)
        if not model.is_file():
            lift3d.reconstruct(scan, model, kind="scene", faces=80_000)
        colours, depths = (sorted((scan / name).glob("*.png")) for name in ("rgb", "depth"))
        sheet = np.full((2 * TILE[1] + GAP, 2 * TILE[0] + 2 * GAP + WIDTH, 3), 255, np.uint8)
        for row, k in enumerate((len(colours) // 3, len(colours) // 2)):
            z = np.asarray(Pil.open(depths[k])).astype(np.float32) / 5000
            tiles = Pil.open(colours[k]), Pil.fromarray(coloured(inverse_codes(z)))
            for column, tile in enumerate(tiles):
                top, left = row * (TILE[1] + GAP), column * (TILE[0] + GAP)
                pixels = np.asarray(tile.convert("RGB").resize(TILE, Pil.Resampling.BOX))
                sheet[top : top + TILE[1], left : left + TILE[0]] = pixels
        sheet[:HEIGHT, -WIDTH:] = room_from_above(model)
    Pil.fromarray(sheet).save(ROOT / "docs" / "images" / "room.jpg", quality=84, optimize=True)


if __name__ == "__main__":
    main()

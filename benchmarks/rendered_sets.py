"""Rendered photo sets with exact ground truth: the data of the geometry, whole, depth and texture tables.

    python benchmarks/rendered_sets.py [--cache benchmarks/.cache] [--only NAME or GROUP ...]

NAME is SHAPE or SHAPE@CAPTURE, and _faint after it for a quarter of the contrast. SHAPE: a model of ../shared/data/meshes
(`rendered_models`) or one made by a formula (`made_shapes`, `held_shapes`); without a CAPTURE it stands on a table in a room (see
`photo_studio`), and 26 photos of 800x600 are rendered around it at three heights, with 4 more held out of the reconstruction. The
others are in `captures`; `bad_sets` are those that no reconstruction can be right about. GROUP: a list of `set_lists`.
All choices depend on the name alone: the same name gives the same bytes. World: z up, table at z = 0, the object's diagonal is 1.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

from bad_sets import EFFECTS, bad_set
from captures import CAPTURES, HEIGHT, WIDTH, Shot
from lift3d.geometry.camera.projection import resize_camera
from lift3d.geometry.render.rasterizer import depth_map, rasterize, visible_points
from lift3d.types import Camera
from photo_studio import Light, Studio, Subject
from rendered_models import RECIPES, load_subject, seed_of
from scenery import Surroundings
from set_lists import GROUPS

CACHE = Path(__file__).resolve().parent / ".cache"
SAMPLES = 200_000
VERSION = 1


@dataclass(frozen=True, eq=False)
class RenderedSet:
    """One rendered set. photos and held_back with their true cameras; mesh: ground truth; seen: points (N, 3) of the mesh that
    are visible in at least 3 photos, with unit normals; mask(i), depth(i): of the object in photo i."""

    name: str
    folder: Path
    photos: tuple[Path, ...]
    cameras: tuple[Camera, ...]
    held_back: tuple[Path, ...]
    held_back_cameras: tuple[Camera, ...]
    bad: bool = False
    scene: bool = False
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        with np.load(self.folder / "truth.npz") as arrays:
            return {k: arrays[k] for k in arrays.files}

    @property
    def mesh(self) -> trimesh.Trimesh:
        return trimesh.Trimesh(self._arrays["v"], self._arrays["f"], process=False)

    @property
    def seen(self) -> np.ndarray:
        return self._arrays["seen"]

    @property
    def seen_normals(self) -> np.ndarray:
        return self._arrays["seen_normals"]

    @property
    def photo_folder(self) -> Path:
        return self.folder / "photos"

    @property
    def diagonal(self) -> float:
        v = self._arrays["v"]
        return float(np.linalg.norm(v.max(0) - v.min(0)))

    def depth(self, i: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
        """(H, W) float32 exact depth of the object in photo i (pixel centres), 0 in the background."""
        return depth_map(resize_camera(self.cameras[i], width, height), self._arrays["v"], self._arrays["f"])

    def mask(self, i: int) -> np.ndarray:
        return np.asarray(Image.open(self.folder / "masks" / f"{self.photos[i].stem}.png").convert("L")) > 127


def rendered_set(name: str, faint: bool = False, cache: Path = CACHE) -> RenderedSet:
    """The set `name`, rendered if it is not in the cache. faint: whether the contrast of the object is reduced to a quarter."""
    folder = Path(cache) / (name + ("_faint" if faint else ""))
    if (
        not (folder / "set.json").exists()
        or json.loads((folder / "set.json").read_text())["version"] != VERSION
    ):
        make(name, faint, folder)
    card = json.loads((folder / "set.json").read_text())
    cameras = {k: camera_from_json(c) for k, c in card["cameras"].items()}
    photos = [p for p in cameras if not p.startswith("held_back")]
    held = [p for p in cameras if p.startswith("held_back")]
    return RenderedSet(
        folder.name, folder,
        tuple(folder / p for p in photos), tuple(cameras[p] for p in photos),
        tuple(folder / p for p in held), tuple(cameras[p] for p in held),
        card.get("bad", False), card.get("scene", False), tuple(card.get("up", (0, 0, 1))),
    )  # fmt: skip


def set_of(name: str, cache: Path = CACHE) -> RenderedSet:
    """The set of a full name, such as spot or spot_faint."""
    base, faint = name.removesuffix("_faint"), name.endswith("_faint")
    return rendered_set(base, faint, cache)


def camera_to_json(c: Camera) -> dict:
    return {
        "size": [c.width, c.height],
        "K": [c.fx, c.fy, c.cx, c.cy],
        "world_to_camera": c.world_to_camera.tolist(),
    }


def camera_from_json(d: dict) -> Camera:
    return Camera(*d["size"], *d["K"], np.array(d["world_to_camera"]))


def seen_samples(
    v: np.ndarray, f: np.ndarray, cameras: list[Camera], rng: np.random.Generator, least: int = 3
):
    """Points (N, 3) and normals of the surface that are visible in at least `least` cameras, but not at grazing angles."""
    mesh = trimesh.Trimesh(v, f, process=False)
    face = np.searchsorted(np.cumsum(mesh.area_faces) / mesh.area, rng.random(2 * SAMPLES)).clip(
        0, len(f) - 1
    )
    a, b = rng.random((2, len(face)))
    a, b = np.where(a + b > 1, 1 - a, a), np.where(a + b > 1, 1 - b, b)
    t = v[f[face]]
    points = t[:, 0] + a[:, None] * (t[:, 1] - t[:, 0]) + b[:, None] * (t[:, 2] - t[:, 0])
    normals = mesh.face_normals[face]
    count = np.zeros(len(points), np.int64)
    for camera in cameras:
        z = depth_map(resize_camera(camera, 3 * camera.width, 3 * camera.height), v, f)
        ray = camera.centre - points
        facing = (ray * normals).sum(1) / np.linalg.norm(ray, axis=1)
        seen = visible_points(
            resize_camera(camera, 3 * camera.width, 3 * camera.height), z, points, slack=0.001
        )
        count += seen & (np.abs(facing) > 0.12)
    keep = np.nonzero(count >= least)[0][:SAMPLES]
    return points[keep], normals[keep]


def make(name: str, faint: bool, folder: Path) -> None:
    """Render one set to `folder`. set.json is written last, so that a set is either complete or absent."""
    shape, _, capture = name.partition("@")
    capture = capture or "around"
    bad = shape.startswith("bad_")
    subject, shots = bad_set(shape) if bad else subject_and_shots(shape, capture, faint)
    seed = seed_of(shape)
    studio = {"": Studio(subject)}
    for part in ("photos", "masks", "held_back"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(200 + seed + 1000 * faint)
    card: dict = {
        "name": name, "faint": faint, "version": VERSION, "capture": capture, "bad": bad, "scene": capture == "front",
        "up": [0, 0, 1], "exif": "focal length" if any(s.zoom35 for s in shots) else "none",
        "rolled": "photos are turned by 90 degrees, without a word in EXIF" if capture == "portrait" else "", "cameras": {},
    }  # fmt: skip
    kept = [s.camera for s in shots if not s.held_back]
    for i, shot in enumerate(shots):
        light = shot.light
        if light is None:
            light = Light(
                azimuth=0.6 + 0.5 * math.sin(0.4 * i), elevation=0.9 + 0.12 * math.cos(0.3 * i),
                exposure=float(np.clip(rng.normal(1.0, 0.08), 0.85, 1.15)),
            )  # fmt: skip
        if shot.subject not in studio:
            studio[shot.subject] = Studio(load_subject(shot.subject))
        here = studio[shot.subject]
        path = f"held_back/{i - len(kept):02d}.jpg" if shot.held_back else f"photos/{i:02d}.jpg"
        photo = here.photograph(shot.camera, light, rng, shot.surroundings)
        if shot.effect:
            photo = EFFECTS[shot.effect](photo, rng)
        save_photo(photo, folder / path, shot.zoom35)
        card["cameras"][path] = camera_to_json(shot.camera)
        mask = rasterize(shot.camera, here.subject.v, here.subject.f)[0] >= 0
        if not shot.held_back:
            Image.fromarray(mask).save(folder / "masks" / f"{i:02d}.png")
    if bad:
        seen = normals = np.zeros((0, 3))
    else:
        seen, normals = seen_samples(subject.v, subject.f, kept, np.random.default_rng(300 + seed))
    np.savez(
        folder / "truth.npz", v=subject.v, f=subject.f,
        seen=seen.astype(np.float32), seen_normals=normals.astype(np.float32),
    )  # fmt: skip
    (folder / "set.json").write_text(json.dumps(card, indent=1))


def subject_and_shots(shape: str, capture: str, faint: bool) -> tuple[Subject, list[Shot]]:
    """What is photographed, and how."""
    subject = load_subject(shape, faint, capture == "plain")
    shots = CAPTURES[capture](subject.v, seed_of(shape))
    if shape in RECIPES and capture == "around":
        return subject, shots
    room = Surroundings("room", table=subject.table, seed=subject.seed)
    return subject, [s if s.surroundings else replace(s, surroundings=room) for s in shots]


def save_photo(photo: np.ndarray, path: Path, zoom35: int) -> None:
    """A JPEG; zoom35: focal length for EXIF, for 35 mm film, 0 for none."""
    exif = Image.Exif()
    if zoom35:
        exif[0x010F], exif[0x0110] = "Rendered", "Zoom"
        exif.get_ifd(0x8769)[0xA405] = zoom35
    Image.fromarray(photo).save(path, quality=92, **({"exif": exif} if zoom35 else {}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument(
        "--only", nargs="*", default=[*RECIPES, *(f"{n}_faint" for n in RECIPES)], metavar="NAME or GROUP"
    )
    options = parser.parse_args()
    for name in [n for given in options.only for n in GROUPS.get(given, (given,))]:
        start = time.perf_counter()
        done = set_of(name, options.cache)
        seconds = time.perf_counter() - start
        print(
            f"{done.name}: {len(done.photos)} photos, {len(done.seen)} seen points, {seconds:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()

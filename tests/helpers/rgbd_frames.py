"""Small rendered scans with a depth camera for the tests: the textured room of `box_room` with exact depth and poses."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from box_room import cast, look_at, rectangles, render
from PIL import Image as Pil

from lift3d.types import Camera, Depth, RgbdFrame, RgbdScan

WIDTH, HEIGHT, FOCAL = 160, 120, 130.0


def camera() -> Camera:
    """The depth and colour camera."""
    return Camera(WIDTH, HEIGHT, FOCAL, FOCAL, WIDTH / 2, HEIGHT / 2, np.eye(4))


def walk(count: int, step: float = 3.0, radius: float = 2.4) -> list[Camera]:
    """Cameras on an arc around the box, `step` degrees apart."""
    out = []
    for k in range(count):
        angle = np.radians(-100 + step * k)
        centre = (radius * np.cos(angle), radius * np.sin(angle), 1.25 + 0.05 * np.sin(k))
        out.append(look_at(centre, (0.1, 0.1, 0.45), WIDTH, HEIGHT, FOCAL))
    return out


@cache
def _frame(pose: bytes, number: int, noise: float) -> RgbdFrame:
    posed = replace(camera(), world_to_camera=np.frombuffer(pose).reshape(4, 4))
    image = render(posed, _room(), f"{number:04d}.png", seed=number)
    depth = cast(posed, _room())[0].reshape(HEIGHT, WIDTH)
    z = np.where(np.isfinite(depth), depth, 0)
    z = z * (1 + noise * z * np.random.default_rng(number).normal(size=z.shape))
    return RgbdFrame(image, camera(), Depth(z.astype(np.float32), camera()))


@cache
def _room():  # type: ignore[no-untyped-def]
    return rectangles(1)


def frames_of(cameras: list[Camera], noise: float = 0.0007) -> tuple[RgbdFrame, ...]:
    """Frames from these cameras. noise: standard deviation of the depth at one metre; it grows with the square."""
    return tuple(_frame(c.world_to_camera.tobytes(), k, noise) for k, c in enumerate(cameras))


def pose(posed: Camera) -> np.ndarray:
    """4x4 motion from the camera to the world."""
    return np.linalg.inv(posed.world_to_camera)


def scan(count: int, posed: bool = True, **how: float) -> RgbdScan:
    """A scan of the room, with its true poses or without."""
    cameras = walk(count, **how)
    frames = frames_of(cameras)
    poses = tuple(pose(c) if posed else None for c in cameras)
    return RgbdScan(frames, poses, tuple(f.image.name for f in frames), (), posed)


def trajectory_error(
    poses: list[np.ndarray | None] | tuple[np.ndarray | None, ...], cameras: list[Camera]
) -> float:
    """Root mean square distance in metres of the camera centres after a rigid alignment (Sturm et al. 2012)."""
    from lift3d.geometry.metrics.points import umeyama

    known = [k for k, p in enumerate(poses) if p is not None]
    a = np.array([poses[k][:3, 3] for k in known])  # type: ignore[index]
    b = np.array([cameras[k].centre for k in known])
    _, r, t = umeyama(a, b, False)
    return float(np.sqrt(((a @ r.T + t - b) ** 2).sum(1).mean()))


def save_depth(path: Path, z: np.ndarray, steps: float = 1000.0) -> None:
    """A PNG of 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Pil.fromarray(np.rint(z * steps).astype(np.uint16)).save(path)


def save_colour(path: Path, pixels: np.ndarray) -> None:
    """A PNG or JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Pil.fromarray(pixels).save(path, quality=98, subsampling=0)


def write_open3d(
    folder: Path, count: int, poses: bool = True, steps: float = 1000.0, **how: float
) -> list[Camera]:
    """color/, depth/, camera_intrinsic.json and trajectory.log; returns the cameras."""
    cameras = walk(count, **how)
    for k, frame in enumerate(frames_of(cameras)):
        save_colour(folder / "color" / f"{k:05d}.png", frame.image.pixels)
        save_depth(folder / "depth" / f"{k:05d}.png", frame.depth.z, steps)
    (folder / "camera_intrinsic.json").write_text(
        f'{{"width": {WIDTH}, "height": {HEIGHT}, "intrinsic_matrix": '
        f"[{FOCAL}, 0, 0, 0, {FOCAL}, 0, {WIDTH / 2 - 0.5}, {HEIGHT / 2 - 0.5}, 1]}}"
    )
    if poses:
        lines = []
        for k, c in enumerate(cameras):
            lines += [f"{k} {k} {k + 1}", *(" ".join(f"{x:.9f}" for x in row) for row in pose(c))]
        (folder / "trajectory.log").write_text("\n".join(lines) + "\n")
    return cameras

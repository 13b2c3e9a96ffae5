"""Texture from photos of a ball and a box of known colours: held-back views, gains, a passer-by, masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from lift3d.context import Context
from lift3d.errors import CaptureError, InputError
from lift3d.geometry.image.colour_space import linear_to_srgb, srgb_to_linear
from lift3d.geometry.render.rasterizer import rasterize
from lift3d.maps.images_to_texture import ImagesToTexture
from lift3d.types import Camera, Image, Points, Surface, Views

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 240, 180


def look_at(eye: np.ndarray) -> Camera:
    z = -eye / np.linalg.norm(eye)
    x = np.cross(z, [0.0, 0, 1])
    x /= np.linalg.norm(x)
    pose = np.eye(4)
    pose[:3, :3] = [x, np.cross(z, x), z]
    pose[:3, 3] = -pose[:3, :3] @ eye
    return Camera(WIDTH, HEIGHT, 220.0, 220.0, WIDTH / 2, HEIGHT / 2, pose)


def colour(p: np.ndarray) -> np.ndarray:
    """Linear colours in the solid: waves of several lengths."""
    waves = [np.sin(p @ np.array(k) * s + c) for c, (k, s) in enumerate(
        [((1, 0.3, 0.2), 9), ((0.2, 1, 0.4), 12), ((0.5, -0.4, 1), 15)])]  # fmt: skip
    return 0.3 + 0.2 * np.stack(waves, -1)


def photograph(mesh: trimesh.Trimesh, camera: Camera, gain: float = 1.0) -> np.ndarray:
    big = replace(
        camera, width=3 * WIDTH, height=3 * HEIGHT, fx=660.0, fy=660.0, cx=1.5 * WIDTH, cy=1.5 * HEIGHT
    )
    face, _, bary = rasterize(big, np.asarray(mesh.vertices), np.asarray(mesh.faces))
    light, on = np.full((*face.shape, 3), 0.9), face >= 0
    light[on] = gain * colour(np.einsum("nk,nkc->nc", bary[on], mesh.vertices[mesh.faces[face[on]]]))
    light = light.reshape(HEIGHT, 3, WIDTH, 3, 3).mean((1, 3))
    return np.rint(255 * linear_to_srgb(light).clip(0, 1)).astype(np.uint8)


def redraw(mesh: trimesh.Trimesh, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """The textured mesh with nearest texels, and where it is."""
    face, _, bary = rasterize(camera, np.asarray(mesh.vertices), np.asarray(mesh.faces))
    texture, on = np.asarray(mesh.visual.material.baseColorTexture), face >= 0
    uv = np.einsum("nk,nkc->nc", bary[on], mesh.visual.uv[mesh.faces[face[on]]])
    size = len(texture)
    out = np.zeros((HEIGHT, WIDTH, 3))
    rows, columns = ((1 - uv[:, 1]) * size).astype(int), (uv[:, 0] * size).astype(int)
    out[on] = texture[rows.clip(0, size - 1), columns.clip(0, size - 1)]
    return out, on


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(((a.astype(float) - b) ** 2).mean(), 1e-9)))


def ring(n: int, height: float) -> list[Camera]:
    angles = 2 * np.pi * (np.arange(n) + height) / n
    return [look_at(np.array([2.6 * np.cos(a), 2.6 * np.sin(a), height])) for a in angles]


def views_of(mesh: trimesh.Trimesh, gains: np.ndarray, occluder: int | None = None) -> Views:
    cameras = (ring(7, 0.6) + ring(6, -1.2) + ring(3, 2.2))[: len(gains)]
    images = []
    for k, camera in enumerate(cameras):
        pixels = photograph(mesh, camera, float(gains[k]))
        if k == occluder:
            pixels[60:120, 90:140] = (230, 30, 20)
        images.append(Image(pixels, str(k)))
    return Views(tuple(images), tuple(cameras), Points(np.zeros((0, 3))), np.zeros((0, 2), np.int32))


def inner(on: np.ndarray) -> np.ndarray:
    """Without the outermost pixel ring, where a photo mixes in its background."""
    out = on.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            out &= np.roll(on, step, axis)
    return out


@pytest.fixture(scope="module")
def ball() -> trimesh.Trimesh:
    return trimesh.creation.icosphere(subdivisions=4, radius=0.8)


@pytest.fixture(scope="module")
def textured(ball: trimesh.Trimesh) -> tuple[trimesh.Trimesh, dict, np.ndarray]:
    gains = np.exp(np.random.default_rng(0).normal(size=16) * 0.15)
    context = Context()
    mesh = ImagesToTexture(size=1024)(Surface(ball, views_of(ball, gains, occluder=1)), context)
    return mesh, context.report["images_to_texture"], gains


def test_held_back_views(ball: trimesh.Trimesh, textured: tuple) -> None:
    mesh, report, gains = textured
    usual = float(np.exp(np.log(gains).mean()))
    for camera in [*ring(5, 0.1), *ring(3, -0.8)]:
        drawn, on = redraw(mesh, camera)
        photo = photograph(ball, camera, usual)
        keep = inner(on)
        assert psnr(drawn[keep], photo[keep]) > 34
    assert report["coverage"] > 0.999 and report["faces_unseen"] == 0
    assert report["faces_dropped_for_disagreeing"][1] > 50, "the passer-by is noticed"


def test_exposures_are_levelled(textured: tuple) -> None:
    _, report, gains = textured
    error = np.log(np.array(report["exposure_gains"])[:, 1] * gains)
    assert np.abs(error - error.mean()).max() < 0.02


def test_geometry_is_untouched(ball: trimesh.Trimesh, textured: tuple) -> None:
    mesh, _, _ = textured
    assert (mesh.vertices[mesh.faces] == ball.vertices[ball.faces]).all()
    assert len(mesh.vertices) > len(ball.vertices) and len(mesh.visual.uv) == len(mesh.vertices)
    _, index = np.unique(mesh.vertices, axis=0, return_inverse=True)
    welded = trimesh.Trimesh(mesh.vertices, index.reshape(-1)[mesh.faces], process=False)
    assert len(np.unique(index)) == len(ball.vertices) and welded.faces.shape == ball.faces.shape


@pytest.mark.slow
def test_a_box_of_twelve_faces_with_a_hidden_side_and_same_bytes() -> None:
    box = trimesh.creation.box((1.2, 0.9, 0.7))
    views = views_of(box, np.ones(7))  # one ring above: the bottom is never seen
    context = Context()
    step = ImagesToTexture(size=512, level=False, fineness=48)
    mesh = step(Surface(box, views), context)
    report = context.report["images_to_texture"]
    assert report["faces"] == 12 and report["faces_unseen"] == 2 and report["texels_filled"] > 1000
    for camera in ring(3, 0.9):
        drawn, on = redraw(mesh, camera)
        photo = photograph(box, camera)
        keep = inner(inner(on))
        assert psnr(drawn[keep], photo[keep]) > 28
    assert (mesh.vertices[mesh.faces] == box.vertices[box.faces]).all()
    again = step(Surface(box, views))
    assert mesh.visual.material.baseColorTexture.tobytes() == again.visual.material.baseColorTexture.tobytes()
    assert mesh.visual.uv.tobytes() == again.visual.uv.tobytes()
    light = srgb_to_linear(np.asarray(mesh.visual.material.baseColorTexture) / 255.0)
    assert (light.max(2) > 0.7).mean() < 0.005, (
        "no background but the mixed pixels of an edge seen from one side"
    )


@pytest.mark.slow
def test_masks_are_respected(ball: trimesh.Trimesh) -> None:
    views = views_of(ball, np.ones(13))
    images = []
    for k, image in enumerate(views.images):
        pixels, mask = image.pixels.copy(), np.ones((HEIGHT, WIDTH), bool)
        mask[: HEIGHT // 2] = k != 2
        pixels[~mask] = (255, 0, 255)
        images.append(Image(pixels, mask=mask))
    mesh = ImagesToTexture(size=512)(Surface(ball, replace(views, images=tuple(images))))
    texture = np.asarray(mesh.visual.material.baseColorTexture).astype(int)
    magenta = (texture[..., 0] > 240) & (texture[..., 1] < 60) & (texture[..., 2] > 240)
    assert not magenta.any()


def test_refusals(ball: trimesh.Trimesh) -> None:
    views = views_of(ball, np.ones(3))
    with pytest.raises(InputError, match="size|side"):
        ImagesToTexture(size=100_000)(Surface(ball, views))
    with pytest.raises(CaptureError, match="No photo sees"):
        ImagesToTexture(size=256)(Surface(ball.copy().apply_translation((0, 0, 500)), views))
    with pytest.raises(InputError):
        ImagesToTexture(size=256)(Surface(ball, replace(views, images=(), cameras=())))
    broken = trimesh.Trimesh(np.where(ball.vertices > 0.79, np.nan, ball.vertices), ball.faces, process=False)
    with pytest.raises(InputError, match="finite"):
        ImagesToTexture(size=256)(Surface(broken, views))

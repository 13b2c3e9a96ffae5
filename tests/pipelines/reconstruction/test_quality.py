"""What is refused, what is warned of, and that --force writes it all the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from scenes import orbit_cameras, orbit_views

from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.geometry.render.drawable import drawable
from lift3d.geometry.render.renderer import render
from lift3d.pipelines.reconstruction import quality
from lift3d.pipelines.reconstruction.options import Options
from lift3d.runtime.runner import Run
from lift3d.types import Image, Surface


def a_run() -> Run:
    return Run(Context(seed=0), lambda step, done: None, lambda sentence: None, None)


@pytest.mark.parametrize(
    ("placed", "total", "kind", "refused"),
    [
        (24, 24, "object", False), (12, 24, "auto", False), (5, 24, "object", True), (5, 24, "auto", True),
        (5, 24, "scene", False),
    ],
)  # fmt: skip
def test_half_of_the_photos_must_be_placed(placed: int, total: int, kind: str, refused: bool) -> None:
    options = replace(Options(), kind=kind)
    if refused:
        with pytest.raises(CaptureError, match=f"only {placed} of {total} photos"):
            quality.require_placed(placed, total, options, a_run())
    else:
        quality.require_placed(placed, total, options, a_run())
    run = a_run()
    quality.require_placed(placed, total, replace(options, force=True), run)
    assert bool(run.warnings) == refused


def surface(measured: float | None, kind: str = "object") -> Surface:
    ball = trimesh.creation.icosphere(subdivisions=1)
    return Surface(ball, orbit_views(14), kind, measured_fraction=measured)


@pytest.mark.parametrize(
    ("tunnels", "measured", "outcome"),
    [(50, 0.6, "silent"), (300, 0.6, "warned"), (1500, 0.68, "refused"), (1500, 0.95, "silent")],
)
def test_a_surface_in_shreds_is_refused(tunnels: int, measured: float, outcome: str) -> None:
    ring = trimesh.creation.torus(1, 0.3, major_sections=5, minor_sections=4)
    copies = [ring.copy().apply_translation([3.0 * i, 0, 0]) for i in range(tunnels)]
    torn = Surface(trimesh.util.concatenate(copies), orbit_views(14), "object", measured_fraction=measured)
    run = a_run()
    if outcome == "refused":
        with pytest.raises(CaptureError, match="torn by 1500 holes"):
            quality.require_whole(torn, False, run)
        quality.require_whole(torn, True, run)
    else:
        quality.require_whole(torn, False, run)
    assert bool(run.warnings) == (outcome != "silent")


def test_a_flat_scene_is_warned_of_and_a_facade_is_not() -> None:
    x, y = (a.ravel() for a in np.mgrid[-1:1:41j, -0.5:0.5:21j])
    for depth, warned in ((0.0, True), (0.05, False)):
        height = depth * (np.abs(x) < 0.4)
        sheet = trimesh.Trimesh(*_grid(x, y, height), process=False).apply_transform(_turn())
        run = a_run()
        quality.warn_if_flat(Surface(sheet, orbit_views(14), "scene"), run)
        assert bool(run.warnings) == warned
        quality.warn_if_flat(Surface(sheet, orbit_views(14), "object"), another := a_run())
        assert not another.warnings
    ball = trimesh.creation.icosphere(subdivisions=3)
    assert quality.flatness(np.asarray(ball.triangles_center), np.asarray(ball.area_faces)) > 0.95


def _grid(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces of a height field over the 41 by 21 grid."""
    i = np.arange(41 * 21).reshape(41, 21)
    a, b, c, d = (q.ravel() for q in (i[:-1, :-1], i[1:, :-1], i[1:, 1:], i[:-1, 1:]))
    return np.stack([x, y, z], 1), np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def _turn() -> np.ndarray:
    return trimesh.transformations.rotation_matrix(0.7, [0.3, 0.5, 0.8], [0, 0, 1])


@pytest.mark.slow
def test_what_was_not_measured_is_not_written() -> None:
    with pytest.raises(CaptureError, match="only 12% of the surface"):
        quality.require_measured(surface(0.12), False, a_run())
    for measured, warned in ((0.12, True), (0.5, True), (0.9, False), (None, False)):
        run = a_run()
        quality.require_measured(surface(measured), True, run)
        assert bool(run.warnings) == warned
    quality.require_measured(surface(0.0, "scene"), False, a_run())


def test_a_side_never_seen_is_said() -> None:
    views = orbit_views(14)
    some = [i for i, c in enumerate(views.cameras) if c.centre[0] > 0.8]
    part = replace(
        views, images=tuple(views.images[i] for i in some), cameras=tuple(views.cameras[i] for i in some),
        observations=np.zeros((0, 2), np.int32),
    )  # fmt: skip
    run = a_run()
    quality.require_measured(replace(surface(0.9), views=part), False, run)
    assert "other side" in run.warnings[0]


def painted(seed: int) -> trimesh.Trimesh:
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.5)
    ball.apply_translation([0, 0, 0.5])
    rng = np.random.default_rng(seed)
    waves = np.sin(np.asarray(ball.vertices) @ rng.normal(0, 8, (3, 3)))
    ball.visual.vertex_colors = np.c_[(127 + 120 * waves), np.full(len(waves), 255)].astype(np.uint8)
    return ball


@pytest.mark.slow
def test_the_model_is_compared_with_each_photo() -> None:
    model = painted(0)
    cameras = orbit_cameras(6)
    shots = [render(drawable(model), camera, samples=1, shading=0.0) for camera in cameras]
    views = orbit_views(6)
    images = tuple(Image(shot.rgb, f"{i}.jpg") for i, shot in enumerate(shots))
    views = replace(views, images=images, cameras=tuple(cameras), observations=np.zeros((0, 2), np.int32))
    good = [a.correlation for a in quality.photo_agreement(model, views)]
    assert min(c for c in good if c is not None) > 0.95
    quality.require_agreement(model, views, "object", False, run := a_run())
    assert not run.warnings and len(run.context.report["quality"]["photos"]) == 6
    with pytest.raises(CaptureError, match="of 6 photos do not look like the model"):
        quality.require_agreement(painted(5), views, "object", False, a_run())
    swapped = replace(views, images=(Image(images[0].pixels[::-1].copy(), "odd.jpg"), *images[1:]))
    quality.require_agreement(model, swapped, "object", False, run := a_run())
    assert len(run.warnings) == 1 and run.warnings[0].startswith(
        "These photos disagree with the model: odd.jpg."
    )
    flipped = [Image(image.pixels[::-1].copy(), f"odd{i}.jpg") for i, image in enumerate(images[:2])]
    swapped = replace(views, images=(*flipped, *images[2:]))
    with pytest.raises(
        CaptureError, match=r"2 of 6 photos do not look like the model \(odd0.jpg, odd1.jpg\)"
    ):
        quality.require_agreement(model, swapped, "object", False, a_run())

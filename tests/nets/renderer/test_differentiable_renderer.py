"""The differentiable renderer: gradients against finite differences, values against the exact renderer and a twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import trimesh

torch = pytest.importorskip("torch", reason="the extra `learn` is not installed")

from lift3d.geometry.camera.orbit import look_at, orbit_cameras  # noqa: E402
from lift3d.geometry.camera.projection import resize_camera  # noqa: E402
from lift3d.geometry.image.colour_space import linear_to_srgb8  # noqa: E402
from lift3d.geometry.render.discontinuities import crossings, edge_table  # noqa: E402
from lift3d.geometry.render.drawable import drawable  # noqa: E402
from lift3d.geometry.render.face_ids import face_ids  # noqa: E402
from lift3d.geometry.render.lights import Environment, Lighting, Sun  # noqa: E402
from lift3d.geometry.render.renderer import render as exact_render  # noqa: E402
from lift3d.nets.renderer.differentiable_renderer import RenderedImages, render  # noqa: E402
from lift3d.nets.renderer.scene import Cameras, Light, Surface, make_surface, surface_from_drawable  # noqa: E402

D = torch.float64
FIELDS = ("rgb", "mask", "depth", "normals")


def ring(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A bumpy torus that hides parts of itself."""
    mesh = trimesh.creation.torus(0.7, 0.32, major_sections=22, minor_sections=11)
    bumps = 0.04 * np.random.default_rng(seed).normal(size=mesh.vertices.shape)
    return np.asarray(mesh.vertices) + bumps, np.asarray(mesh.faces)


def scene(size: int = 40, n: int = 1, dtype: torch.dtype = D) -> tuple[Surface, Cameras, Light]:
    """A textured, coloured ring, n cameras, a sun and an environment that varies with direction."""
    v, f = ring()
    g = torch.Generator().manual_seed(1)
    uv = torch.tensor(np.stack([np.arctan2(v[:, 1], v[:, 0]) / 3, v[:, 2]], 1), dtype=dtype)
    texture = torch.rand(3, 9, 13, generator=g, dtype=dtype)
    colours = torch.rand(len(v), 3, generator=g, dtype=dtype)
    thing = make_surface(torch.tensor(v, dtype=dtype), f, colours, (texture, uv, f))
    light = Light.simple(dtype=dtype)
    sky = light.environment + 0.2 * torch.rand(9, 3, generator=g, dtype=dtype)
    return thing, Cameras.of(orbit_cameras(v, n, size, size - 4), dtype), replace(light, environment=sky)


def total(p: RenderedImages) -> torch.Tensor:
    """A scalar that depends on every value, with different weights."""
    parts = torch.cat([getattr(p, name).reshape(-1) for name in FIELDS])
    return (parts * torch.sin(0.7 * torch.arange(len(parts), dtype=parts.dtype))).sum()


def agrees(loss: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, h: float = 1e-7) -> None:
    """The gradient along three random directions equals central differences."""
    x = x.detach().clone().requires_grad_()
    (g,) = torch.autograd.grad(loss(x), x)
    for seed in range(3):
        d = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed), dtype=x.dtype)
        with torch.no_grad():
            slope = (loss(x + h * d) - loss(x - h * d)) / (2 * h)
        assert float(slope) == pytest.approx(float((g * d).sum()), rel=2e-5, abs=1e-5)
    assert float(g.abs().max()) > 0


@pytest.mark.parametrize("what", ["vertices", "colours", "texture", "uv"])
def test_gradients_of_the_surface(what: str) -> None:
    thing, cameras, light = scene()
    agrees(lambda x: total(render(thing.but(**{what: x}), cameras, light, 0.3)), getattr(thing, what))


@pytest.mark.parametrize("what", ["sun_direction", "sun_colour", "environment"])
def test_gradients_of_the_light(what: str) -> None:
    thing, cameras, light = scene()
    agrees(lambda x: total(render(thing, cameras, replace(light, **{what: x}))), getattr(light, what))


@pytest.mark.parametrize("what", ["world_to_camera", "focal", "centre"])
def test_gradients_of_the_cameras(what: str) -> None:
    thing, cameras, light = scene(n=2)
    x = getattr(cameras, what)
    rows = torch.zeros_like(x)
    rows[:, :3] = 1  # the last row of a pose is no parameter

    def loss(y: torch.Tensor) -> torch.Tensor:
        return total(render(thing, replace(cameras, **{what: x + rows * (y - x)}), light))

    agrees(loss, x)


def test_gradients_of_a_motion_and_of_the_background() -> None:
    thing, cameras, light = scene(n=2)
    still = torch.zeros(2, 3, dtype=D)
    agrees(lambda x: total(render(thing, cameras.moved(x, still), light)), still)
    agrees(lambda x: total(render(thing, cameras.moved(still, x), light)), still)
    behind = torch.rand(2, 3, cameras.height, cameras.width, dtype=D)
    agrees(lambda x: total(render(thing, cameras, light, x)), behind)


def test_gradients_of_flat_faces_and_batches_of_everything() -> None:
    thing, cameras, light = scene(n=2)
    v, f = ring()
    flat = make_surface(thing.vertices, f, torch.rand(len(f), 3, dtype=D), crease=1)
    assert bool(torch.as_tensor(flat.edges.always).all())
    both = torch.stack([flat.vertices, 0.9 * flat.vertices])
    many = Light(
        *(torch.stack([x, 0.8 * x]) for x in (light.sun_direction, light.sun_colour, light.environment))
    )
    agrees(lambda x: total(render(flat.but(vertices=x), cameras, many)), both)


def twin(v: np.ndarray, f: np.ndarray, colours: np.ndarray, camera: object) -> np.ndarray:
    """(H, W, 4) colour and coverage: every pixel becomes the mean along its middle row and column, piece by piece."""
    c = camera
    p = v @ c.R.T + c.t  # type: ignore[attr-defined]
    grid, size = (c.fx, c.fy, c.cx, c.cy), (c.width, c.height)  # type: ignore[attr-defined]

    def colour(face: int, x: float, y: float) -> np.ndarray:
        if face < 0:
            return np.zeros(4)
        d = np.array([(x - grid[2]) / grid[0], (y - grid[3]) / grid[1], 1.0])
        weights = np.linalg.solve(p[f[face]].T, d)
        return np.r_[weights / weights.sum() @ colours[f[face]], 1.0]

    def nearest(x: float, y: float) -> int:
        d = np.array([(x - grid[2]) / grid[0], (y - grid[3]) / grid[1], 1.0])
        best, found = 0.0, -1
        for i, t in enumerate(f):
            b = np.linalg.solve(p[t].T, d)
            if (b >= 0).all() and b.sum() > best:  # the sum is 1 / z
                best, found = b.sum(), i
        return found

    table = edge_table(f)
    found = crossings(
        p, f, table, grid, face_ids(p, f, grid, size)
    )  # checked against its own twin in tests/geometry
    out = np.zeros((c.height, c.width, 4))  # type: ignore[attr-defined]
    for row in range(size[1]):
        for column in range(size[0]):
            x, y = column + 0.5, row + 0.5
            out[row, column] = colour(nearest(x, y), x, y)
            for i in np.flatnonzero((found.pixel == [column, row]).all(1)):
                u, w = (p[k, :2] / p[k, 2] * grid[:2] + grid[2:] for k in table.ends[found.edge[i]])
                if found.axis[i] == 0:
                    place = np.array([u[0] + (y - u[1]) / (w[1] - u[1]) * (w[0] - u[0]), y])
                    start, end, at = column, column + 1, place[0]
                else:
                    place = np.array([x, u[1] + (x - u[0]) / (w[0] - u[0]) * (w[1] - u[1])])
                    start, end, at = row, row + 1, place[1]
                jump = colour(found.faces[i, 1], *place) - colour(found.faces[i, 0], *place)
                out[row, column] += jump * (end - at if at > (start + end) / 2 else start - at)
    return out


@pytest.mark.slow
def test_values_equal_the_twin() -> None:
    ball = trimesh.creation.icosphere(1)
    v, f = np.asarray(ball.vertices) * [1, 0.5, 0.8], np.asarray(ball.faces)
    camera = look_at(np.array([2.0, 2.5, 1.4]), np.zeros(3), 17, 14, 22.0)
    colours = np.random.default_rng(0).random((len(v), 3))
    p = render(make_surface(torch.tensor(v), f, torch.tensor(colours)), Cameras.of(camera, D))
    expected = twin(v, f, colours, camera)
    expected[..., 3] = expected[..., 3].clip(0, 1)
    both = torch.cat([p.rgb[0], p.mask[0]]).permute(1, 2, 0).numpy()
    np.testing.assert_allclose(both, expected, atol=1e-10)


def test_a_slanted_edge_covers_pixels_by_its_crossings_of_their_rows() -> None:
    quad = np.array(
        [[-1.3, -9, 2], [9, -9, 2], [9, 9, 2], [1.1, 9, 2.0]]
    )  # camera frame; its left border is slanted
    camera = look_at(np.zeros(3), np.array([0, 1.0, 0]), 20, 16, 10.0)
    v = (quad - camera.t) @ camera.R
    p = render(make_surface(torch.tensor(v), np.array([[0, 1, 2], [0, 2, 3]])), Cameras.of(camera, D))
    y = np.arange(16) + 0.5
    border = ((-1.3 + (1.1 + 1.3) * ((y - 8) / 10 * 2 + 9) / 18) / 2) * 10 + 10
    expected = (np.arange(1, 21) - border[:, None]).clip(0, 1)
    np.testing.assert_allclose(p.mask[0, 0].numpy(), expected, atol=1e-9)


def test_the_coverage_of_a_thin_wire_is_its_area_with_a_gradient_for_its_width() -> None:
    camera = look_at(np.zeros(3), np.array([0, 1.0, 0]), 33, 33, 50.0)
    half = torch.tensor(0.004, dtype=D, requires_grad=True)  # 0.2 of a pixel wide at distance 2
    turn = 0.3
    along = torch.tensor([np.sin(turn), 0, np.cos(turn)], dtype=D) * 0.5
    across = torch.tensor([np.cos(turn), 0, -np.sin(turn)], dtype=D)
    middle = torch.tensor([0.013, 2.0, 0.021], dtype=D)
    v = torch.stack([middle - along - half * across, middle + along - half * across,
                     middle + along + half * across, middle - along + half * across])  # fmt: skip
    area = render(make_surface(v, np.array([[0, 1, 2], [0, 2, 3]])), Cameras.of(camera, D)).mask.sum()
    length = 1.0 * 25
    assert float(area.detach()) == pytest.approx(0.2 * length, rel=0.05)
    assert float(torch.autograd.grad(area, half)[0]) == pytest.approx(2 * 25 * length, rel=0.05)


def test_the_silhouette_of_a_ball_grows_like_its_area() -> None:
    ball = trimesh.creation.icosphere(4)
    camera = look_at(np.array([300.0, 40, 20]), np.zeros(3), 64, 64, 25.0 * 300)
    size = torch.tensor(1.0, dtype=D, requires_grad=True)
    shift = torch.zeros(3, dtype=D, requires_grad=True)
    v = torch.tensor(np.asarray(ball.vertices))
    area = render(
        make_surface(v, ball.faces).but(vertices=size * v + shift), Cameras.of(camera, D)
    ).mask.sum()
    radius = 25 * 300 / np.linalg.norm([300.0, 40, 20])
    assert float(area.detach()) == pytest.approx(np.pi * radius**2, rel=2e-3)
    grow, move = torch.autograd.grad(area, (size, shift))
    assert float(grow) == pytest.approx(2 * np.pi * radius**2, rel=1e-2)
    assert float(move.norm()) < 0.02 * float(grow)


def textured_box() -> trimesh.Trimesh:
    box = trimesh.creation.box((1.0, 0.7, 0.5))
    box.unmerge_vertices()
    rng = np.random.default_rng(0)
    texture = np.kron(rng.integers(30, 226, (6, 6, 3)), np.ones((2, 2, 1))).astype(np.uint8)
    from PIL import Image as Pil

    uv = rng.uniform(0.1, 0.9, (len(box.vertices), 2))
    box.visual = trimesh.visual.TextureVisuals(uv, image=Pil.fromarray(texture))
    return box


def coloured_ring() -> trimesh.Trimesh:
    v, f = ring()
    colours = np.random.default_rng(0).integers(0, 256, (len(v), 3)).astype(np.uint8)
    return trimesh.Trimesh(v, f, vertex_colors=colours, process=False)


@pytest.mark.parametrize("mesh", [textured_box(), coloured_ring()], ids=["texture", "colours"])
@pytest.mark.parametrize("lit", [False, True])
def test_agrees_with_the_exact_renderer(mesh: trimesh.Trimesh, lit: bool) -> None:
    ready = drawable(mesh)
    camera = look_at(np.array([1.1, 1.6, 1.2]), np.zeros(3), 96, 80, 110.0)
    lighting = Lighting(
        (Sun((1, 2, 3), (0.6, 0.5, 0.4), False),),
        (),
        Environment.from_colours((0.4, 0.5, 0.6), (0.1, 0.2, 0.1)),
    )
    shot = exact_render(ready, camera, 1, 0.0, (0, 0, 0), lighting if lit else None)
    p = render(
        surface_from_drawable(ready), Cameras.of(camera), Light.of(lighting) if lit else None, antialias=False
    )
    z = p.depth[0, 0].numpy()
    assert ((z > 0) == shot.mask).all() and shot.mask.sum() > 1000
    assert (p.mask[0, 0].numpy() == shot.mask).all()
    np.testing.assert_allclose(z, shot.depth.z, rtol=2e-6)
    normals = p.normals[0].permute(1, 2, 0).numpy()
    assert shot.depth.normals is not None
    facing = shot.mask & (normals[..., 2] < -0.05)  # next to the outline, smooth normals may look away
    assert facing.sum() > 0.97 * shot.mask.sum()
    np.testing.assert_allclose(normals[facing], shot.depth.normals[facing], atol=2e-4)
    mine = linear_to_srgb8(p.rgb[0].permute(1, 2, 0).numpy()).astype(int)
    assert np.abs(mine - shot.rgb)[facing].max() <= 2


@pytest.mark.slow
def test_silhouettes_agree_with_the_mean_of_many_samples() -> None:
    v, f = ring()
    camera = look_at(np.array([1.1, 1.6, 1.2]), np.zeros(3), 48, 40, 55.0)
    colours = np.random.default_rng(0).random((len(v), 3))
    thing = make_surface(torch.tensor(v), f, torch.tensor(colours))
    fine = render(thing, Cameras.of(resize_camera(camera, 48 * 16, 40 * 16), D), antialias=False)
    smooth, hard = (render(thing, Cameras.of(camera, D), antialias=a) for a in (True, False))

    def error(p: RenderedImages, name: str) -> float:
        truth = torch.nn.functional.avg_pool2d(getattr(fine, name), 16)
        border = torch.nn.functional.avg_pool2d(fine.mask, 16)
        border = ((border > 0) & (border < 1)).expand_as(truth)
        return float((getattr(p, name) - truth)[border].square().mean().sqrt())

    assert error(smooth, "mask") < 0.09 and error(hard, "mask") > 0.25
    assert error(smooth, "rgb") < 0.6 * error(hard, "rgb")


def test_types_shapes_and_batches() -> None:
    thing, cameras, light = scene(n=3, dtype=torch.float32)
    p = render(thing, cameras, light, torch.tensor([0.1, 0.2, 0.3]))
    assert p.rgb.shape == (3, 3, 36, 40) and p.mask.shape == p.depth.shape == (3, 1, 36, 40)
    assert p.normals.shape == (3, 3, 36, 40) and p.face.shape == (3, 36, 40)
    assert all(getattr(p, name).dtype == torch.float32 for name in FIELDS)
    assert float(p.mask.min()) >= 0 and float(p.mask.max()) <= 1
    listed = render([thing] * 3, cameras, light, torch.tensor([0.1, 0.2, 0.3]))
    stacked = render(
        thing.but(vertices=thing.vertices.expand(3, -1, -1)), cameras, light, torch.tensor([0.1, 0.2, 0.3])
    )
    for name in FIELDS:
        np.testing.assert_allclose(getattr(p, name), getattr(listed, name), atol=1e-5)
        np.testing.assert_allclose(getattr(p, name), getattr(stacked, name), atol=1e-5)
    with pytest.raises(ValueError, match="one camera"):
        render([thing], cameras)


def test_same_bytes_twice() -> None:
    thing, cameras, light = scene(n=2, dtype=torch.float32)

    def once() -> tuple[bytes, ...]:
        x = thing.vertices.clone().requires_grad_()
        p = render(thing.but(vertices=x), cameras, light)
        total(p).backward()
        assert x.grad is not None
        return (*(getattr(p, name).detach().numpy().tobytes() for name in FIELDS), x.grad.numpy().tobytes())

    assert once() == once()


def test_an_empty_view_shows_the_background() -> None:
    thing, cameras, light = scene()
    x = (thing.vertices + 100).requires_grad_()
    p = render(thing.but(vertices=x), cameras, light, 0.25)
    p.rgb.sum().backward()
    assert bool((p.rgb == 0.25).all()) and not p.mask.any() and not x.grad.any()


def test_a_camera_inside_the_mesh_sees_full_coverage() -> None:
    ball = trimesh.creation.icosphere(2)
    camera = look_at(np.array([0.3, 0, 0]), np.array([0, 1.0, 0.2]), 32, 32, 12.0)
    x = torch.tensor(np.asarray(ball.vertices), requires_grad=True)
    p = render(make_surface(x, ball.faces), Cameras.of(camera, D), Light.simple(dtype=D))
    (p.rgb.sum() + p.depth.sum()).backward()
    assert bool((p.mask == 1).all()) and bool(torch.isfinite(x.grad).all()) and bool(x.grad.any())

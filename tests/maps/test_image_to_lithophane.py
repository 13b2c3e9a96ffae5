"""Lithophanes: what light shows through the mesh is the photo; size and thickness are exact; bad options are refused."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.mesh.distances import build_search_tree, hits_in_tree
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.geometry.relief.transmission import linear_luminance
from lift3d.maps.image_to_lithophane import EXACT_SIZE, THICKNESS_KEPT, ImageToLithophane
from lift3d.types import F64, Image, Mesh


def photograph() -> Image:
    """Smooth blobs, an edge and some texture, in colour."""
    y, x = np.mgrid[:120, :160] / 120
    rng = np.random.default_rng(0)
    tone = (
        0.45 + 0.3 * np.sin(5 * x + 2 * y) * np.cos(4 * y) + 0.2 * (x > 0.9) + 0.03 * rng.normal(size=x.shape)
    )
    pixels = np.clip(255 * tone[..., None] * [1.0, 0.9, 0.8], 0, 255).astype(np.uint8)
    return Image(pixels, "photograph")


def light_through(mesh: Mesh, make: ImageToLithophane, rows: int, columns: int) -> tuple[F64, F64]:
    """(transmission (rows, columns) of rays that cross the mesh, thickness) at the centres of a grid of pixels, from the back."""
    tree = build_search_tree(np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32))
    inner = make.width - 2 * make.border * (make.curve < 360)
    high = float(np.ptp(mesh.vertices[:, 2])) - 2 * make.border
    u = (np.arange(columns) + 0.5) / columns * inner + make.border * (make.curve < 360)
    v = make.border + high * (1 - (np.arange(rows) + 0.5) / rows)
    u, v = np.meshgrid(u, v)
    if make.curve:
        angle = (u / make.width - 0.5) * np.radians(make.curve)
        direction = np.stack([np.sin(angle), -np.cos(angle), 0 * angle], -1).reshape(-1, 3)
        start = np.stack([0 * v, 0 * v, v], -1).reshape(-1, 3)
    else:
        direction = np.tile([0.0, -1.0, 0.0], (u.size, 1))
        start = np.stack([u - make.width / 2, np.full_like(u, 0.01), v], -1).reshape(-1, 3)
    first, face = hits_in_tree(tree, start, direction, 0.0)
    beyond = start + direction * (first + 1e-7)[:, None]
    second, last = hits_in_tree(tree, beyond, direction, 0.0)
    assert (face >= 0).all() and (last >= 0).all()
    thickness = (second + 1e-7).reshape(rows, columns)
    return np.exp(-thickness / make.attenuation), thickness


@pytest.mark.parametrize(
    ("curve", "border"), [(0.0, 0.0), (0.0, 0.004), (120.0, 0.0), (200.0, 0.004), (360.0, 0.004)]
)
def test_light_shows_the_photo(curve: float, border: float) -> None:
    """The correlation of simulated transmission and luminance; rays meet the mesh, nothing of the mapping is used."""
    photo = photograph()
    make = ImageToLithophane(width=0.08, curve=curve, border=border, detail=0.3e-3)
    mesh = make(photo)
    seen, thickness = light_through(mesh, make, photo.height, photo.width)
    luminance = linear_luminance(photo.pixels)
    inner = (slice(2, -2), slice(2, -2))
    assert np.corrcoef(seen[inner].ravel(), luminance[inner].ravel())[0, 1] > 0.985
    assert thickness[inner].min() > 0.8e-3 * 0.999 and thickness[inner].max() < 3e-3 * 1.001


def test_a_step_wedge_is_exact() -> None:
    """Vertical bars of known luminance: the thickness in their middle follows the law, from 0.8 to 3 mm."""
    grey = np.array([0, 64, 128, 192, 255], np.uint8)
    photo = Image(np.repeat(np.tile(np.repeat(grey, 40), (100, 1))[..., None], 3, 2), "wedge")
    make = ImageToLithophane(width=0.1, detail=0.25e-3, attenuation=1.3e-3)
    _, thickness = light_through(make(photo), make, 100, 200)
    level = linear_luminance(photo.pixels)[50, 20::40]
    darkest = np.exp(-2.2 / 1.3)
    expected = 0.8e-3 - 1.3e-3 * np.log(darkest + (1 - darkest) * level)
    assert np.allclose(thickness[50, 20::40], expected, atol=2e-6)


def test_white_is_thin_and_a_negative_is_not() -> None:
    photo = photograph()
    positive = ImageToLithophane(width=0.05, detail=0.5e-3)
    negative = ImageToLithophane(width=0.05, detail=0.5e-3, negative=True)
    a, b = (light_through(m(photo), m, 60, 80)[0].ravel() for m in (positive, negative))
    assert np.corrcoef(a, b)[0, 1] < -0.9


def test_transparent_parts_are_thin() -> None:
    photo = photograph()
    mask = np.zeros((120, 160), bool)
    mask[30:90, 40:120] = True
    make = ImageToLithophane(width=0.05, detail=0.5e-3)
    _, thickness = light_through(make(Image(photo.pixels, "cut", mask)), make, 120, 160)
    assert np.allclose(thickness[:20], 0.8e-3, atol=1e-6) and thickness[50, 60] > 1e-3


def test_violated_guarantees_are_reported() -> None:
    photo, make = photograph(), ImageToLithophane(width=0.05, curve=90, detail=1e-3)
    mesh = make(photo)
    assert inspect_solid(mesh).is_solid and EXACT_SIZE.check(make, photo, mesh) is None
    mesh.vertices = np.asarray(mesh.vertices) * [1.01, 1.01, 1]
    assert "size is wrong" in (EXACT_SIZE.check(make, photo, mesh) or "")
    assert "thickness runs" in (THICKNESS_KEPT.check(make, photo, mesh) or "")


def test_columns_are_close_enough_on_the_outside_of_a_narrow_cylinder() -> None:
    context = Context()
    make = ImageToLithophane(width=0.02, curve=360, thickness=(0.8e-3, 12e-3), detail=0.5e-3)
    mesh = Mesh(
        *[getattr(make.solid(photograph(), context), n) for n in ("vertices", "faces")], process=False
    )
    edges = mesh.vertices[mesh.edges_unique]
    far = np.hypot(edges[..., 0], edges[..., 1]).min(1) > make.radius + 0.5e-3
    across = np.abs(np.diff(np.arctan2(edges[far, :, 0], -edges[far, :, 1]), axis=1))
    across = np.minimum(across, 2 * np.pi - across) * (make.radius + 12e-3)
    assert across.max() < 0.55e-3
    assert inspect_solid(mesh).is_solid


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"thickness": (3e-3, 0.8e-3)}, "from 3 mm down to 0.8 mm"),
        ({"thickness": (0.1e-3, 3e-3)}, "cannot be printed"),
        ({"thickness": (2e-3, 2e-3)}, "shows nothing"),
        ({"thickness": (2e-3, 30e-3)}, "shows nothing"),
        ({"curve": 720.0}, "bent by 720 degrees"),
        ({"curve": -10.0}, "bent by -10 degrees"),
        ({"curve": float("nan")}, "bent by nan degrees"),
        ({"curve": 0.5}, "is flat"),
        ({"curve": 359.9}, "nearly touch"),
        ({"attenuation": 0.0}, "attenuation"),
        ({"border": -1.0}, "negative"),
        ({"detail": 0.0}, "detail of 0 mm"),
        ({"width": 0.001}, "show nothing"),
    ],
)
def test_bad_options(options: dict[str, float], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        ImageToLithophane(**options)(photograph())  # type: ignore[arg-type]

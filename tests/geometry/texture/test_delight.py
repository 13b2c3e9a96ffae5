"""Light divided out of a texture: analytic light on a ball, two materials, and a mesh whose albedo is known."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

from lift3d.geometry.image.colour_space import linear_to_srgb8, srgb8_to_linear
from lift3d.geometry.render.lights import harmonics
from lift3d.geometry.texture import delight
from lift3d.geometry.texture.delight import estimate_light, openness_of, remove_shading

SUN = np.array([0.4, -0.5, 0.77])


def directions(n: int) -> np.ndarray:
    v = np.random.default_rng(0).standard_normal((n, 3))
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def lit(normals: np.ndarray) -> np.ndarray:
    """(N, 3) shading by a sun and a bluish sky."""
    sun = np.maximum(normals @ SUN, 0)[:, None] * [0.9, 0.85, 0.7]
    return sun + (0.35 + 0.15 * normals[:, 2:]) * [0.8, 0.9, 1.0]


def test_the_light_on_one_material_is_as_good_as_order_two_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    n = directions(4000)
    whole = np.ones(len(n))
    light = estimate_light(0.5 * lit(n), n, whole)
    best = harmonics(n) @ np.linalg.lstsq(harmonics(n), lit(n), rcond=None)[0]

    def spread(shading: np.ndarray) -> float:
        ratio = lit(n) / shading
        return float((ratio.std(0) / ratio.mean(0)).max())

    assert spread(light.shading(n, whole)) < 1.02 * spread(best) and light.explained > 0.95
    monkeypatch.setattr(delight, "RIDGE", 1e-4)
    exact = np.maximum(harmonics(n) @ light.coefficients, 0.3)
    again = estimate_light(0.3 * exact, n, whole)
    assert np.abs(again.coefficients - light.coefficients).max() < 0.02, "light of order two is found exactly"


@pytest.mark.parametrize("above", [0.0, 0.4])
def test_two_materials_do_not_pass_for_light(above: float) -> None:
    """Red above, blue below: the light comes from the side."""
    n = directions(4000)
    albedo = np.where(n[:, 2:] > above, [0.7, 0.15, 0.1], [0.1, 0.2, 0.6])
    shade = 0.4 + 0.6 * np.maximum(n[:, :1], 0) * np.ones(3)
    light = estimate_light(albedo * shade, n, np.ones(len(n)))
    found = albedo * shade / light.shading(n, np.ones(len(n)))
    scale = (found * albedo).sum() / (found**2).sum()
    before = albedo * shade
    other = (before * albedo).sum() / (before**2).sum()
    assert ((scale * found - albedo) ** 2).mean() < 0.25 * ((other * before - albedo) ** 2).mean()


def test_black_and_few_samples_have_no_light() -> None:
    n = directions(300)
    for colours in (np.zeros((300, 3)), np.full((300, 3), 0.5)):
        light = estimate_light(colours, n, np.ones(300))
        assert np.allclose(light.shading(n, np.ones(300)), 1, atol=0.05)


def test_openness_of_a_plate_and_of_a_pit() -> None:
    plate = trimesh.creation.box((4, 4, 0.2))
    v, f = np.asarray(plate.vertices), np.asarray(plate.faces)
    points, up = np.array([[0.3, 0.1, 0.1]]), np.array([[0.0, 0, 1]])
    assert openness_of(v, f, points, up)[0] == pytest.approx(1)
    walls = [
        trimesh.creation.box((0.1, 2, 4), trimesh.transformations.translation_matrix([x, 0, 2]))
        for x in (-0.5, 0.5)
    ]
    pit = trimesh.util.concatenate([plate, *walls])
    assert 0.1 < openness_of(np.asarray(pit.vertices), np.asarray(pit.faces), points * [0, 0, 1], up)[0] < 0.6


def test_the_texture_of_a_lit_ball_becomes_even() -> None:
    ball = trimesh.creation.icosphere(3)
    faces = len(ball.faces)
    side = int(np.ceil(np.sqrt(faces)))
    cell = np.stack([np.arange(faces) % side, np.arange(faces) // side], 1)
    uv = ((cell[:, None] + np.array([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9]])) / side).reshape(-1, 2)
    v = np.asarray(ball.vertices)[np.asarray(ball.faces)].reshape(-1, 3)
    size = 16 * side
    picture = np.zeros((size, size, 3))
    shade = lit(np.asarray(ball.face_normals)) * 0.45
    for k, (x, y) in enumerate(cell):
        picture[size - 16 * (y + 1) : size - 16 * y, 16 * x : 16 * (x + 1)] = shade[k]
    material = PBRMaterial(baseColorTexture=Pil.fromarray(linear_to_srgb8(picture.astype(np.float32))))
    mesh = trimesh.Trimesh(
        v, np.arange(3 * faces).reshape(-1, 3), visual=TextureVisuals(uv, material=material), process=False
    )
    before = np.asarray(mesh.visual.material.baseColorTexture).copy()
    out, light = remove_shading(mesh)
    assert np.array_equal(before, np.asarray(mesh.visual.material.baseColorTexture)), "the input stays"
    assert np.array_equal(out.visual.uv, mesh.visual.uv) and light.explained > 0.9

    def spread(texture: np.ndarray) -> float:
        middle = srgb8_to_linear(texture[size - 16 * cell[:, 1] - 12, 16 * cell[:, 0] + 4])
        return float((middle.std(0) / middle.mean(0)).mean())

    assert spread(np.asarray(out.visual.material.baseColorTexture)) < 0.25 * spread(before)
    with pytest.raises(ValueError, match="no texture"):
        remove_shading(ball)

"""Samples of depth: normals of planes are exact, reflections and crops keep image and depth together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from lift3d.corpus.scenes.depth_shards import DepthSet, encode_shard  # noqa: E402
from lift3d.corpus.scenes.scene_maker import DepthPicture  # noqa: E402
from lift3d.train.data.depth_samples import depth_sample, normalise, normals_of, recolour  # noqa: E402

FOCAL = 70.0


def plane(normal: tuple[float, float, float], height: int = 48, width: int = 64) -> np.ndarray:
    """Inverse depth (H, W) of a plane at distance 2 whose normal faces the camera."""
    n = np.asarray(normal) / np.linalg.norm(normal)
    u, v = np.arange(width) + 0.5 - width / 2, np.arange(height)[:, None] + 0.5 - height / 2
    return (-(n[0] * u / FOCAL + n[1] * v / FOCAL + n[2]) / 2).astype(np.float32)


@pytest.mark.parametrize("normal", [(0, 0, -1), (0.3, 0.2, -1), (-0.2, 0.5, -0.9)])
def test_the_normal_of_a_plane_is_exact(normal: tuple[float, float, float]) -> None:
    found = normals_of(plane(normal), FOCAL)[1:-1, 1:-1]
    assert np.allclose(found, np.asarray(normal) / np.linalg.norm(normal), atol=1e-3)


def test_edges_the_sky_and_the_border_have_no_normal() -> None:
    inverse = plane((0, 0, -1))
    inverse[:, 30:] *= 2
    inverse[:10] = 0
    found = normals_of(inverse, FOCAL)
    known = (found**2).sum(-1) > 0.5
    assert not known[:11].any() and not known[:, 29:31].any() and not known[[0, -1]].any()
    assert known[12:-1, 2:28].all()


@pytest.fixture
def pictures(tmp_path: Path) -> DepthSet:
    """A picture whose red is its column and whose green is its row; depth is that of a slanted plane."""
    y, x = np.mgrid[:48, :64]
    rgb = np.stack([x * 4, y * 5, 0 * x], -1).astype(np.uint8)
    import io

    from PIL import Image as Pil

    out = io.BytesIO()
    Pil.fromarray(rgb).save(out, "JPEG", quality=100, subsampling=0)
    depth = (1 / plane((0.3, 0, -1))).astype(np.float32)
    (tmp_path / "train-00000.depth").write_bytes(
        encode_shard([DepthPicture(out.getvalue(), rgb, depth, FOCAL, 0)])
    )
    return DepthSet(tmp_path, "train")


def test_the_central_crop_keeps_the_camera(pictures: DepthSet) -> None:
    sample = depth_sample(pictures, 0, (24, 32), None)
    assert sample.image.shape == (3, 24, 32) and sample.inverse.shape == (12, 16)
    assert sample.focal == pytest.approx(FOCAL / 64)
    expected = np.array([0.3, 0, -1]) / np.hypot(0.3, 1)
    assert np.allclose(sample.normals[:, 1:-1, 1:-1], expected[:, None, None], atol=0.02)


def test_image_and_depth_stay_together(pictures: DepthSet, monkeypatch: pytest.MonkeyPatch) -> None:
    from lift3d.train.data import depth_samples as module

    monkeypatch.setattr(module, "recolour", lambda image, rng: image)
    flips = set()
    for seed in range(12):
        sample = depth_sample(pictures, 0, (24, 32), np.random.default_rng(seed))
        column = (sample.image[0] * 128 + 127) / 4  # of the stored picture
        mean = column.reshape(12, 2, 16, 2).mean((1, 3))
        n = np.array([0.3, 0, -1]) / np.hypot(0.3, 1)
        expected = -(n[0] * (mean + 0.5 - 32) / FOCAL + n[2]) / 2
        assert np.allclose(sample.inverse, expected, atol=0.004)
        flipped = bool(column[0, 0] > column[0, -1])
        assert np.sign(np.median(sample.normals[0])) == (-1 if flipped else 1)
        assert 1 <= sample.focal / (FOCAL / 64) <= 1 / 0.74
        flips.add(flipped)
    assert flips == {True, False}


def test_colours_stay_in_range() -> None:
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (8, 8, 3)).astype(np.float32)
    for _ in range(30):
        out = recolour(image, rng)
        assert out.dtype == np.float32 and out.min() >= 0 and out.max() <= 255
    assert np.allclose(normalise(np.full((1, 1, 3), 127, np.uint8)), 0)

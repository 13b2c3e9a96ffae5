"""A photo to depth: the network's scale and shift do not matter, mirrored answers are averaged, odd photos are handled."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from lift3d.errors import CaptureError, InputError  # noqa: E402
from lift3d.geometry.camera.projection import pixel_rays  # noqa: E402
from lift3d.geometry.guarantees.depth import DEPTH_OF_PHOTO  # noqa: E402
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES  # noqa: E402
from lift3d.inference import networks  # noqa: E402
from lift3d.maps import image_to_depth as module  # noqa: E402
from lift3d.maps.image_to_depth import STRIDE, ImageToDepth, facing_normals, input_size  # noqa: E402
from lift3d.nets.dense.depth_unet import DepthPrediction  # noqa: E402
from lift3d.types import Camera, Image  # noqa: E402


class Stub(torch.nn.Module):
    """Inverse depth is scale * green + shift of the input, at half its size; log focal 0, offset e^offset; blue is sky."""

    def __init__(self, scale: float = 1.0, shift: float = 0.0, offset: float = 1.0) -> None:
        super().__init__()
        self.scale, self.shift, self.offset = scale, shift, offset
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, x: torch.Tensor) -> DepthPrediction:
        self.sizes.append(tuple(x.shape))
        green = torch.nn.functional.avg_pool2d(x[:, 1:2], 2)
        normals = torch.zeros(len(x), 3, *green.shape[2:])
        normals[:, 0], normals[:, 2] = 0.6, -0.8
        camera = torch.tensor([0.0, self.offset]).expand(len(x), 2)
        blue = torch.nn.functional.avg_pool2d(x[:, 2:3], 2)
        return DepthPrediction(self.scale * green + self.shift, normals, camera, -20 * blue)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a stub the network of the mapping."""

    def put(net: Stub, size: int = 64) -> Stub:
        found = SimpleNamespace(name="stub", image_size=None, config={"height": size})
        monkeypatch.setattr(networks, "load_network", lambda name, weights: (net, found))
        return net

    return put


def ramp(height: int = 60, width: int = 80, **more: Any) -> Image:
    """A photo whose green grows downwards."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 1] = np.linspace(0, 255, height).astype(np.uint8)[:, None]
    return Image(pixels, "ramp", **more)


def test_depth_falls_where_inverse_depth_grows(use: Any) -> None:
    use(Stub())
    found = ImageToDepth()(ramp())
    assert found.z.shape == (60, 80) and found.camera.width == 80
    assert (np.diff(found.z[:, 40]) <= 1e-5).all() and found.z[0, 0] > 1 > found.z[-1, 0] > 0
    assert DEPTH_OF_PHOTO.check(ImageToDepth(), ramp(), found) is None


def test_confidence_is_low_in_the_sky_and_depth_is_there_all_the_same(use: Any) -> None:
    use(Stub())
    photo = ramp()
    photo.pixels[:20, :40, 2] = 255
    found = ImageToDepth()(photo)
    assert found.confidence is not None and found.confidence.shape == (60, 80) and (found.z > 0).all()
    assert (found.confidence[:18, :38] < 0.1).all() and (found.confidence[22:] > 0.9).all()
    assert (found.confidence[:, 42:] > 0.9).all()


def test_scale_and_shift_of_the_network_do_not_matter(use: Any) -> None:
    use(Stub())
    first = ImageToDepth()(ramp()).z
    use(Stub(17.0, -30.0))
    assert np.allclose(ImageToDepth()(ramp()).z, first, rtol=1e-3)


def test_the_offset_decides_how_deep_the_scene_is(use: Any) -> None:
    use(Stub(offset=0.8))
    deep = ImageToDepth()(ramp()).z
    use(Stub(offset=2.5))
    shallow = ImageToDepth()(ramp()).z
    assert deep.max() / deep.min() > 2 * shallow.max() / shallow.min()


def test_the_focal_length_of_the_photo_is_used_where_it_is_known(use: Any) -> None:
    use(Stub())
    assert ImageToDepth()(ramp(focal=91.0)).camera.fx == 91
    assert ImageToDepth()(ramp()).camera.fx == pytest.approx(80)


def test_a_mirrored_photo_gives_the_mirrored_depth(use: Any) -> None:
    use(Stub())
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8), np.ones((10, 10, 1), np.uint8))
    one = ImageToDepth()(Image(pixels, "a"))
    two = ImageToDepth()(Image(np.ascontiguousarray(pixels[:, ::-1]), "b"))
    assert np.allclose(one.z[:, ::-1], two.z, rtol=1e-3)
    assert one.normals is not None
    assert abs(float(one.normals[..., 0].mean())) < 0.05, (
        "the stub's normals lean to one side, their mean does not"
    )
    alone = ImageToDepth(mirror=False)(Image(pixels, "a"))
    assert alone.normals is not None and float(alone.normals[..., 0].mean()) > 0.4


def test_the_input_has_the_size_of_the_training_pictures(use: Any) -> None:
    net = use(Stub(), 96)
    ImageToDepth()(ramp())
    assert net.sizes == [(2, 3, 96, 128)]


def test_where_the_photo_is_transparent_depth_is_unknown(use: Any) -> None:
    use(Stub())
    mask = np.zeros((60, 80), bool)
    mask[10:50, 20:60] = True
    found = ImageToDepth()(ramp(mask=mask))
    assert np.array_equal(found.z > 0, mask)
    assert DEPTH_OF_PHOTO.check(ImageToDepth(), ramp(mask=mask), found) is None
    found.z[0, 0] = 1
    assert (
        DEPTH_OF_PHOTO.check(ImageToDepth(), ramp(mask=mask), found)
        == "depth is missing, negative or not finite"
    )


@given(st.integers(1, 10_000), st.integers(1, 10_000), st.sampled_from([64, 192, 256]))
@settings(max_examples=80, deadline=None)
def test_input_sizes_are_multiples_of_the_stride(width: int, height: int, shorter: int) -> None:
    w, h = input_size(width, height, shorter)
    assert w % STRIDE == h % STRIDE == 0 and min(w, h) == shorter and max(w, h) <= 3 * shorter
    assert (w >= h) == (width >= height) or w == h
    aspect = width / height
    if 1 / 3 < aspect < 3:
        assert abs(w / h / aspect - 1) < 0.3


@pytest.mark.parametrize("size", [(1, 900), (2, 2), (40, 400)])
def test_odd_photos_have_a_depth(use: Any, size: tuple[int, int]) -> None:
    use(Stub())
    pixels = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    source = Image(pixels, "odd")
    assert DEPTH_OF_PHOTO.check(ImageToDepth(), source, ImageToDepth()(source)) is None


@pytest.mark.parametrize("value", [0, 127, 255])
def test_a_photo_of_one_colour_is_refused(value: int) -> None:
    with pytest.raises(CaptureError, match="all of one colour"):
        ImageToDepth()(Image(np.full((30, 40, 3), value, np.uint8), "flat"))


def test_huge_photos_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PIXELS", 1000)
    with pytest.raises(InputError, match="megapixels"):
        ImageToDepth()(ramp())


def test_the_same_photo_gives_the_same_bytes(use: Any) -> None:
    use(Stub())
    assert SAME_BYTES.check(ImageToDepth(), ramp(), ImageToDepth()(ramp())) is None


def test_normals_that_look_away_are_turned_until_they_graze() -> None:
    camera = Camera(40, 30, 30, 30, 20, 15, np.eye(4))
    away = np.zeros((6, 8, 3), np.float32)
    away[..., 0], away[..., 2] = 0.6, 0.8
    away[:, :4] = [0, 0, -1]
    found = facing_normals(away, camera).astype(np.float64)
    rays = pixel_rays(camera)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    along = (found * rays).sum(-1)
    assert along.max() < 0 and np.allclose(np.linalg.norm(found, axis=-1), 1, atol=2e-3)
    assert np.allclose(found[:, :10], [0, 0, -1], atol=1e-3), "normals that face the camera stay"
    assert (along[:, 30:] < -0.9 * module.GRAZE).all() and (along[:, 30:] > -0.1).all()

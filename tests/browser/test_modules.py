"""The page's modules, in a real browser, beside the package's own functions of the same purpose."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

pytest.importorskip("playwright", reason="playwright is not installed")

from static_site import CHROMIUM, FLAGS, served

if CHROMIUM is None:
    pytest.skip("there is no Chromium on this machine", allow_module_level=True)

from playwright.sync_api import sync_playwright

import lift3d.browser.site as site
from lift3d.geometry.camera.assumed import assumed_intrinsics
from lift3d.geometry.image.crop import Crop, crop_of, paste_crop, resample_crop, square_crop
from lift3d.geometry.image.cutout import cut_out
from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.voxels.layer_fusion import fuse_layers
from lift3d.geometry.voxels.view_frame import ViewFrame
from lift3d.maps.image_to_voxels import upright_axes
from lift3d.types import Image

pytestmark = pytest.mark.slow
Call = Callable[..., Any]
ARRAYS = """
const unpack = (value) => {
  if (Array.isArray(value)) return value.map(unpack);
  if (value === null || typeof value !== "object") return value;
  if (!value.bytes) return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, unpack(one)]));
  const bytes = Uint8Array.from(atob(value.bytes), (one) => one.charCodeAt(0));
  return value.kind === "float32" ? new Float32Array(bytes.buffer) : bytes;
};
const pack = (value) => {
  if (value === null || typeof value !== "object") return value;
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return { bytes: btoa(text), kind: value.constructor.name };
  }
  return Array.isArray(value) ? value.map(pack) : Object.fromEntries(Object.entries(value).map(([key, one]) => [key, pack(one)]));
};
"""
KINDS = {
    "Float32Array": np.float32,
    "Float64Array": np.float64,
    "Int32Array": np.int32,
    "Uint32Array": np.uint32,
    "Uint8Array": np.uint8,
}


def packed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: packed(one) for key, one in value.items()}
    if not isinstance(value, np.ndarray):
        return value
    value = np.ascontiguousarray(value, np.float32 if value.dtype.kind == "f" else np.uint8)
    return {"bytes": base64.b64encode(value.tobytes()).decode(), "kind": str(value.dtype)}


def unpacked(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"bytes", "kind"}:
        return np.frombuffer(base64.b64decode(value["bytes"]), KINDS[value["kind"]])
    return {key: unpacked(one) for key, one in value.items()} if isinstance(value, dict) else value


@pytest.fixture(scope="module")
def call() -> Iterator[Call]:
    """A function (module, expression of its exports `m` and arguments `a`, arguments) -> result."""
    with served(site.HERE) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.route("**/blank.html", lambda route: route.fulfill(body="", content_type="text/html"))
        page.goto(f"{address}/blank.html")

        def run(module: str, expression: str, *arguments: Any) -> Any:
            load = f"const m = await import('/{module}'), a = unpack(given);"
            script = f"async (given) => {{ {ARRAYS} {load} return pack({expression}); }}"
            return unpacked(page.evaluate(script, [packed(one) for one in arguments]))

        yield run
        browser.close()


def photo(seed: int, height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(seed).random((height, width, 4)) * 255
    return ndimage.gaussian_filter(noise, (3, 3, 0)).clip(0, 255).astype(np.uint8)


def test_crops_are_resampled_like_the_package_does(call: Call) -> None:
    pixels = photo(0, 60, 90)
    for crop in (Crop(40.2, 30.7, 21.3), Crop(85.0, 10.0, 30.5), Crop(45, 30, 45)):
        given = {"data": pixels, "width": 90, "height": 60}
        found = call("pixels.js", "m.resampleCrop(a[0], 4, a[1], 32)", given, vars(crop)).reshape(32, 32, 4)
        true = resample_crop(np.ascontiguousarray(pixels[..., :3]), crop, 32)
        assert np.abs(found[..., :3] - true).max() < 1.6  # it rounds twice to whole numbers
    mask = np.zeros((60, 90), bool)
    mask[10:50, 20:70] = True
    crop = square_crop(mask)
    found = call("pixels.js", "m.squareCrop(a[0], 90, 60, 1.12)", mask)
    assert found == pytest.approx(vars(crop))
    cut = call(
        "solid.js", "m.cutOut(a[0], a[1], a[2], 48)", {"data": pixels, "width": 90, "height": 60}, mask, found
    )
    true = cut_out(pixels[..., :3], mask.astype(np.uint8) * 255, crop, 48)
    assert np.abs(cut.reshape(4, 48, 48) - true).max() < 0.02


def test_maps_are_pasted_and_cut_like_the_package_does(call: Call) -> None:
    values = np.random.default_rng(1).random((24, 24)).astype(np.float32)
    crop = Crop(30.3, 20.1, 18.7)
    found = call("pixels.js", "m.pasteCrop(a[0], 24, a[1], 70, 50)", values, vars(crop)).reshape(50, 70)
    np.testing.assert_allclose(found, paste_crop(values, crop, (50, 70)), atol=1e-5)
    back = call("pixels.js", "m.cropOf(a[0], 70, 50, a[1], 24)", found, vars(crop)).reshape(24, 24)
    np.testing.assert_allclose(back, crop_of(found, crop, 24), atol=1e-5)


@pytest.mark.parametrize("seed", range(6))
def test_distances_are_exact(call: Call, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((17 + seed, 23)) < (0.02, 0.1, 0.5, 0.9, 0.004, 0.0)[seed]
    found = call("pixels.js", "m.distances(a[0], 23, a[1])", mask, mask.shape[0])
    if not mask.any():
        assert np.isinf(found["square"]).all() and (found["nearest"] == -1).all()
        return
    true = ndimage.distance_transform_edt(~mask)
    np.testing.assert_allclose(np.sqrt(found["square"]).reshape(mask.shape), true)
    row, column = np.divmod(found["nearest"].reshape(mask.shape), 23)
    y, x = np.indices(mask.shape)
    assert mask[row, column].all()
    np.testing.assert_allclose(np.hypot(row - y, column - x), true)


def test_the_view_frame_is_that_of_the_package(call: Call) -> None:
    crop = Crop(410.0, 120.0, 90.0)
    image = Image(np.zeros((480, 640, 3), np.uint8), "x")
    frame = ViewFrame(assumed_intrinsics(image), crop, 1.0, 0.3)
    found = call(
        "frame.js",
        "(() => { const f = new m.ViewFrame(640, 480, a[0]); f.halfDepth = 0.3;"
        " return { half: f.halfWidth, point: f.unproject(0.2, -0.7, 0.4), cell: f.project(...f.unproject(0.2, -0.7, 0.4)),"
        " axes: m.uprightAxes(a[1]) } })()",
        vars(crop), [0.1, -0.9, 0.2],
    )  # fmt: skip
    assert found["half"] == pytest.approx(frame.half_width)
    np.testing.assert_allclose(found["point"], frame.unproject(np.array([[0.2, -0.7, 0.4]]))[0])
    np.testing.assert_allclose(found["cell"], [0.2, -0.7, 0.4], atol=1e-12)
    up = np.array([0.1, -0.9, 0.2])
    up /= np.linalg.norm(up)
    axes = call("frame.js", "m.uprightAxes(a[0])", up.tolist())
    np.testing.assert_allclose(axes, upright_axes(up), atol=1e-12)


def test_layers_are_fused_like_the_package_does(call: Call) -> None:
    rng = np.random.default_rng(3)
    w, v, u = np.indices((64, 64, 64)) / 32 - 1
    coarse = 1 / (1 + np.exp(12 * (np.sqrt(u**2 + v**2 + w**2) - 0.6)))
    coarse = (coarse + 0.02 * rng.random(coarse.shape)).astype(np.float32).clip(0, 1)
    y, x = (np.indices((96, 96)) + 0.5) / 48 - 1
    inside = x**2 + y**2 < 0.5
    near = np.where(inside, np.sqrt(np.maximum(0.5 - x**2 - y**2, 0)), -1).astype(np.float32)
    thick = np.where(inside, 2 * near + 0.05, 0.01).astype(np.float32)
    y, x = (np.indices((256, 256)) + 0.5) / 128 - 1
    coverage = (x**2 + y**2 < 0.5).astype(np.float32)
    true, half = fuse_layers(coarse, 0.8, 0.35, near, thick, coverage, 128, 2.2)
    found = call(
        "solid.js", "m.fuse(a[0], 0.8, 0.35, a[1], a[2], 96, a[3], 2.2)", coarse, near, thick, coverage
    )
    assert found["half"] == pytest.approx(half, rel=1e-5)
    np.testing.assert_allclose(found["occupancy"].reshape(true.shape), true, atol=2e-4)
    smooth = call("solid.js", "m.smoothedAlongRays(a[0])", coarse).reshape(coarse.shape)
    np.testing.assert_allclose(smooth, ndimage.gaussian_filter1d(coarse, 0.7, axis=0), atol=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_surfaces_are_closed_and_do_not_cross_themselves(call: Call, seed: int) -> None:
    shape = (14, 17, 15)
    field = np.random.default_rng(seed).normal(size=shape)
    field = ndimage.gaussian_filter(field, 1 + 0.3 * seed) if seed else field
    field[[0, -1]] = field[:, [0, -1]] = field[:, :, [0, -1]] = -1
    field = field.astype(np.float32)
    found = call(
        "surface.js",
        "m.surfaceOf({ field: a[0], size: a[1], start: [0, 0, 0], step: 1 })",
        field,
        list(shape),
    )
    v, f = found["positions"].reshape(-1, 3).astype(float), found["indices"].reshape(-1, 3).astype(np.int32)
    report = inspect_arrays(v, f)
    assert report.closed and report.oriented and report.positive_volume and report.no_self_intersection
    inner = ndimage.map_coordinates(field, (v[f].mean(1) + 0.0).T, order=1)
    assert np.abs(inner).max() < np.abs(field).max()


def test_a_ball_has_its_volume(call: Call) -> None:
    i, j, k = np.indices((40, 40, 40)) - 19.5
    field = (15 - np.sqrt(i**2 + j**2 + k**2)).astype(np.float32)
    found = call(
        "surface.js",
        "m.surfaceOf({ field: a[0], size: [40, 40, 40], start: [-19.5, -19.5, -19.5], step: 1 })",
        field,
    )
    v, f = found["positions"].reshape(-1, 3).astype(float), found["indices"].reshape(-1, 3)
    a, b, c = v[f].transpose(1, 0, 2)
    volume = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6
    assert volume == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.01)
    assert np.abs(np.linalg.norm(v, axis=1) - 15).max() < 0.06


def test_debris_goes_hollows_close_and_the_base_is_flat(call: Call) -> None:
    w, v, u = np.indices((128, 128, 128)) / 64 - 1
    r = np.sqrt(u**2 + v**2 + w**2)
    occupancy = np.where((r < 0.7) & (r > 0.3), 0.9, 0.1).astype(np.float32)
    occupancy[(np.abs(u - 0.85) < 0.03) & (np.abs(v) < 0.03) & (np.abs(w) < 0.03)] = 0.9
    found = call(
        "solid.js",
        "await (async () => { const { ViewFrame, uprightAxes } = await import('/frame.js'), s = await import('/surface.js');"
        " const f = new ViewFrame(640, 480, { x: 320, y: 240, half: 200 }); f.setExtent(1);"
        " return s.surfaceOf(m.standUpright(a[0], 0.35, f, uprightAxes([0, -1, 0]))) })()",
        occupancy,
    )  # fmt: skip
    x, f = found["positions"].reshape(-1, 3).astype(float), found["indices"].reshape(-1, 3).astype(np.int32)
    report = inspect_arrays(x, f)
    assert report.is_solid and report.counts["components"] == 1
    low = x[:, 2] < x[:, 2].min() + 1e-6
    assert low.sum() > 50, "a flat base"


def test_the_package_and_the_page_agree_on_constants() -> None:
    """Values that are in both languages."""
    import re

    from lift3d.geometry.voxels import layer_fusion as fusion
    from lift3d.maps import image_to_mask, image_to_voxels
    from lift3d.pipelines.reconstruction import single_view

    text = "".join(path.read_text() for path in sorted(Path(site.HERE).glob("*.js")))

    def value(name: str) -> float:
        found = re.search(rf"\b{name} = ([\d.e-]+)", text)
        assert found, name
        return float(found[1])

    for name in ("RAMP", "EDGE_ODDS", "LEAST_ODDS", "CLIP", "DEPTH_MARGIN"):
        assert value(name) == getattr(fusion, name), name
    assert (
        value("BIAS") == fusion.BIAS
        if "BIAS = -" not in text
        else "BIAS = -1" in text and fusion.BIAS == -1.0
    )
    for name, rule in (("FRONT", fusion.FRONT), ("BACK", fusion.BACK)):
        stated = f"{name} = {{ gain: {rule.gain:g}, scale: {rule.scale:g}, limit: {rule.limit:g} }}"
        assert stated in text
    assert value("LEAST_AREA") == image_to_mask.MIN_AREA_FRACTION
    assert value("LEAST_PEAK") == image_to_mask.MIN_PEAK
    assert f"CROPS = [{', '.join(f'{x:g}' for x in image_to_mask.CROP_SCALES)}]" in text
    assert value("FINE") == image_to_voxels.FUSED and value("BASE_CUT") == single_view.BASE_CUT

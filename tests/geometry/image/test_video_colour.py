"""Video signals to sRGB against the forward formulas of the standards."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.geometry.image import video_colour as vc
from lift3d.geometry.image.colour_space import srgb_to_linear

COLOURS = np.array(
    [[200, 40, 40], [40, 180, 40], [40, 40, 200], [128, 128, 128], [20, 60, 90], [230, 200, 150], [0, 0, 0]],
    np.float64,
)
"""sRGB, most of them below the knee of the tone mapping."""


def encode_yuv(rgb: np.ndarray, matrix: int, full: bool) -> np.ndarray:
    """Y'CbCr as fractions of 256, 8-bit numbers by BT.709, section 3 (not rounded)."""
    kr, kb = vc.LUMA[matrix]
    y = rgb @ [kr, 1 - kr - kb, kb]
    cb, cr = (rgb[..., 2] - y) / (2 - 2 * kb), (rgb[..., 0] - y) / (2 - 2 * kr)
    scale, offset, chroma = (255, 0, 255) if full else (219, 16, 224)
    return np.stack([offset + scale * y, 128 + chroma * cb, 128 + chroma * cr], -1) / 256


@pytest.mark.parametrize("matrix", [1, 4, 5, 6, 7, 9])
@pytest.mark.parametrize("full", [False, True])
def test_matrices_and_ranges_are_undone(matrix: int, full: bool) -> None:
    rgb = COLOURS / 255
    found = vc.yuv_to_rgb(encode_yuv(rgb, matrix, full).astype(np.float32), matrix, full)
    assert np.abs(found - rgb).max() < 1e-5


def test_limited_range_of_8_bits() -> None:
    """Black and white are 16 and 235 of 256."""
    yuv = np.array([[16, 128, 128], [235, 128, 128]], np.float32) / 256
    assert np.allclose(vc.yuv_to_rgb(yuv, 1, False), [[0, 0, 0], [1, 1, 1]], atol=1e-6)
    yuv = np.array([[0, 128, 128], [255, 128, 128]], np.float32) / 256
    assert np.allclose(vc.yuv_to_rgb(yuv, 1, True), [[0, 0, 0], [1, 1, 1]], atol=1e-6)


def test_planes_that_are_rgb_or_ycgco() -> None:
    gbr = np.array([[0.5, 0.25, 0.75]], np.float32) * (255 / 256)
    assert np.allclose(vc.yuv_to_rgb(gbr, vc.RGB_MATRIX, True), [[0.75, 0.5, 0.25]], atol=1e-6)
    r, g, b = 0.8, 0.4, 0.2
    y, cg, co = 0.25 * r + 0.5 * g + 0.25 * b, -0.25 * r + 0.5 * g - 0.25 * b, 0.5 * r - 0.5 * b
    yuv = np.array([[y * 255, 128 + cg * 255, 128 + co * 255]], np.float32) / 256
    assert np.allclose(vc.yuv_to_rgb(yuv, vc.YCGCO, True), [[r, g, b]], atol=1e-5)


def test_pq_at_the_values_of_bt_2408() -> None:
    """58 % of PQ is 203 cd/m2, 75 % is 1000; both directions agree."""
    assert vc.pq_to_nits(np.array([0.0, 0.58, 0.75, 1.0])) == pytest.approx(
        [0, 203, 983, 10000], rel=0.01, abs=1e-6
    )
    signal = np.linspace(0, 1, 101)
    assert np.allclose(vc.nits_to_pq(vc.pq_to_nits(signal)), signal, atol=1e-6)


def test_hlg_at_the_values_of_bt_2100() -> None:
    """Half the signal is a twelfth of the light; reference white, 75 %, is 26.5 %."""
    assert vc.hlg_to_scene(np.array([0, 0.5, 0.75, 1.0])) == pytest.approx([0, 1 / 12, 0.265, 1], abs=1e-4)
    assert float(vc.hlg_to_scene(np.array(0.5 - 1e-9))) == pytest.approx(
        float(vc.hlg_to_scene(np.array(0.5 + 1e-9))), abs=1e-6
    )


def hdr_signal(srgb: np.ndarray, transfer: int) -> np.ndarray:
    """The HDR signal in BT.2020 of sRGB colours, white at reference white."""
    linear = np.maximum(srgb_to_linear(srgb / 255) @ np.linalg.inv(vc.primaries_to_srgb(9)).T, 0)
    if transfer == vc.PQ:
        return vc.nits_to_pq(linear * 203)
    scene = linear * float(vc.hlg_to_scene(np.array(0.75)))
    table = np.linspace(0, 1, 100_001)
    return np.interp(scene, vc.hlg_to_scene(table), table)


@pytest.mark.parametrize("transfer", [vc.PQ, vc.HLG])
def test_sdr_colours_in_hdr_come_back(transfer: int) -> None:
    found = vc.rgb_to_srgb8(hdr_signal(COLOURS, transfer).astype(np.float32), transfer, 9)
    below = COLOURS.max(-1) <= 180
    assert np.abs(found[below] - COLOURS[below]).max() <= 2
    assert np.abs(found - COLOURS).max() <= 14  # the shoulder begins


def test_the_naive_reading_would_be_far_off() -> None:
    """The strength of the test above: the signal itself is up to 80 levels away."""
    assert np.abs(hdr_signal(COLOURS, vc.HLG) * 255 - COLOURS).max() > 60


def test_tone_mapping_is_the_identity_below_the_knee_and_monotone_to_white() -> None:
    for peak in (1000 / 203, 1 / 0.265):
        light = np.linspace(0, peak, 500).astype(np.float32)
        mapped = vc.tone_map(light, peak)
        assert np.abs(mapped - light)[light < 0.3].max() < 2e-3
        assert (
            (np.diff(mapped) > -1e-6).all()
            and mapped[-1] == pytest.approx(1, abs=1e-3)
            and (mapped <= light + 1e-3).all()
        )
    assert vc.tone_map(np.array([40.0], np.float32), 4.9)[0] == pytest.approx(1, abs=1e-3)


def test_hue_is_kept_in_highlights() -> None:
    signal = vc.nits_to_pq(np.array([[800.0, 400, 200]])).astype(np.float32)
    found = srgb_to_linear(vc.rgb_to_srgb8(signal, vc.PQ, 1) / 255)
    assert np.allclose(found[0] / found[0, 0], [1, 0.5, 0.25], atol=0.03)


@pytest.mark.parametrize("primaries", sorted(vc.PRIMARIES))
def test_white_stays_white(primaries: int) -> None:
    assert np.allclose(vc.primaries_to_srgb(primaries) @ np.ones(3), 1, atol=1e-3)


def test_primaries_of_bt_2020_at_the_values_of_bt_2087() -> None:
    want = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    assert np.allclose(vc.primaries_to_srgb(9), want, atol=1e-3)


@pytest.mark.parametrize("transfer", [1, 2, 6, 13, 14, 15])
def test_signals_like_srgb_are_left_alone(transfer: int) -> None:
    signal = (COLOURS / 255).astype(np.float32)
    for primaries in (1, 2, 5, 6, 7):
        assert np.array_equal(vc.rgb_to_srgb8(signal, transfer, primaries), COLOURS)


@pytest.mark.parametrize(("transfer", "gamma"), [(4, 2.2), (5, 2.8), (8, 1.0)])
def test_powers(transfer: int, gamma: float) -> None:
    linear = srgb_to_linear(COLOURS / 255)
    found = vc.rgb_to_srgb8((linear ** (1 / gamma)).astype(np.float32), transfer, 1)
    assert np.abs(found - COLOURS)[COLOURS > 30].max() <= 1.5

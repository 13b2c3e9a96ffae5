"""Video signals as sRGB: matrices, ranges, transfer functions and primaries by their numbers in ITU-T H.273, and tone mapping
of HDR.

HDR is shown as BT.2408-7 (section 2.2) places SDR in it: reference white is white, 203 cd/m2 of PQ and the signal 0.75 of HLG.
HLG is mapped by scene light, without the gamma of a display (section 5.1.2 there), since it is what an SDR camera would have
encoded. What is brighter than the knee is compressed by the EETF of BT.2390-11 (section 5.4.1), applied to the largest of red,
green and blue, so that hues do not change.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.image.colour_space import linear_to_srgb8
from lift3d.types import F32, F64

LUMA = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593),
        10: (0.2627, 0.0593)}  # fmt: skip
"""(Kr, Kb) of each matrix; 10 is BT.2020 with constant luminance, which is read as 9."""
RGB_MATRIX, YCGCO = 0, 8
PQ, HLG, LINEAR, SRGB = 16, 18, 8, 13
HDR = {PQ: "PQ", HLG: "HLG"}
GAMMAS = {4: 2.2, 5: 2.8, 17: 2.6}
"""Transfer functions that are powers; BT.709 and its relatives are shown as sRGB is."""
D65, C, DCI = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)
PRIMARIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), D65),
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), C),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), DCI),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65),
}
"""x, y of red, green, blue and white."""
WHITE_NITS, PQ_PEAK_NITS, HLG_WHITE = 203.0, 1000.0, 0.75
TABLE = 4096


def yuv_to_rgb(yuv: F32, matrix: int, full_range: bool) -> F32:
    """R'G'B' (H, W, 3) of Y'CbCr (H, W, 3), both with the bits of the file as fractions of 256 * 2^(bits - 8) (so that limited
    range is 16/256 to 235/256). matrix: a key of LUMA, RGB_MATRIX for planes in the order G, B, R, or YCGCO. Not clipped."""
    if full_range:
        y, chroma = (
            yuv[..., 0] * np.float32(256 / 255),
            (yuv[..., 1:] - np.float32(0.5)) * np.float32(256 / 255),
        )
    else:
        y = (yuv[..., 0] - np.float32(16 / 256)) * np.float32(256 / 219)
        chroma = (yuv[..., 1:] - np.float32(0.5)) * np.float32(256 / 224)
    if matrix == RGB_MATRIX:
        other = (
            yuv[..., 1:] * np.float32(256 / 255)
            if full_range
            else (yuv[..., 1:] - 16 / 256) * np.float32(256 / 219)
        )
        return np.stack([other[..., 1], y, other[..., 0]], -1).astype(np.float32)
    cb, cr = chroma[..., 0], chroma[..., 1]
    if matrix == YCGCO:
        return np.stack([y - cb + cr, y + cb, y - cb - cr], -1)
    kr, kb = LUMA[matrix]
    red, blue = y + np.float32(2 - 2 * kr) * cr, y + np.float32(2 - 2 * kb) * cb
    green = (y - np.float32(kr) * red - np.float32(kb) * blue) / np.float32(1 - kr - kb)
    return np.stack([red, green, blue], -1)


def rgb_to_srgb8(signal: F32, transfer: int, primaries: int) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 sRGB of an R'G'B' signal (H, W, 3) in [0, 1]. Unknown numbers are taken as BT.709's."""
    wide = primaries in PRIMARIES and primaries not in (
        1,
        5,
        6,
        7,
        22,
    )  # the primaries of SDR television are almost sRGB's
    if not wide and transfer not in (*HDR, LINEAR, *GAMMAS):
        return np.clip(np.rint(signal * 255), 0, 255).astype(np.uint8)
    linear = to_linear(signal, transfer)
    if wide:
        linear = np.maximum(linear @ primaries_to_srgb(primaries).T.astype(np.float32), 0)
    if transfer in HDR:
        largest = linear.max(-1)
        linear = linear * (tone_map(largest, _peak(transfer)) / np.maximum(largest, 1e-9))[..., None]
    return linear_to_srgb8(np.ascontiguousarray(linear, np.float32))


def to_linear(signal: F32, transfer: int) -> F32:
    """Light (..., 3) of a signal in [0, 1]: 1 is white, of HDR reference white. By table, exact to 1e-3."""
    steps = np.arange(TABLE + 1) / TABLE
    index = np.clip(np.rint(signal * TABLE), 0, TABLE).astype(np.int32)
    if transfer == HLG:
        table = hlg_to_scene(steps) / hlg_to_scene(np.array(HLG_WHITE))
    elif transfer == PQ:
        table = pq_to_nits(steps) / WHITE_NITS
    elif transfer == LINEAR:
        table = steps
    elif transfer in GAMMAS:
        table = steps ** GAMMAS[transfer]
    else:
        table = np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4)
    return table.astype(np.float32)[index]


def hlg_to_scene(signal: F64) -> F64:
    """Scene light in [0, 1] of an HLG signal in [0, 1]: the inverse OETF (BT.2100-2, table 5)."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


PQ_M1, PQ_M2, PQ_C1, PQ_C2, PQ_C3 = (
    2610 / 16384,
    2523 / 4096 * 128,
    3424 / 4096,
    2413 / 4096 * 32,
    2392 / 4096 * 32,
)


def pq_to_nits(signal: F64) -> F64:
    """cd/m2 of a PQ signal in [0, 1]: the EOTF (BT.2100-2, table 4)."""
    power = np.asarray(signal, np.float64) ** (1 / PQ_M2)
    return 10000 * (np.maximum(power - PQ_C1, 0) / (PQ_C2 - PQ_C3 * power)) ** (1 / PQ_M1)


def nits_to_pq(nits: F64) -> F64:
    """The inverse of `pq_to_nits`."""
    power = (np.maximum(np.asarray(nits, np.float64), 0) / 10000) ** PQ_M1
    return ((PQ_C1 + PQ_C2 * power) / (1 + PQ_C3 * power)) ** PQ_M2


def _peak(transfer: int) -> float:
    """The brightest light of an HDR signal relative to reference white."""
    if transfer == HLG:
        return float(1 / hlg_to_scene(np.array(HLG_WHITE)))
    return PQ_PEAK_NITS / WHITE_NITS


def tone_map(light: F32, peak: float) -> F32:
    """Light in [0, 1] of HDR light in [0, peak] relative to reference white: the EETF of BT.2390. Brighter light is white.

    With E1 the PQ signal relative to that of the peak and KS = 1.5 maxLum - 0.5, values below KS stay; above, a Hermite spline
    reaches maxLum at E1 = 1.
    """
    brightest = float(nits_to_pq(np.array(peak * WHITE_NITS)))
    top = float(nits_to_pq(np.array(WHITE_NITS))) / brightest
    knee = 1.5 * top - 0.5
    steps = np.arange(TABLE + 1) / TABLE * peak
    e = nits_to_pq(steps * WHITE_NITS) / brightest
    t = np.clip((e - knee) / (1 - knee), 0, 1)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * top
    )
    table = pq_to_nits(np.where(e < knee, e, spline) * brightest) / WHITE_NITS
    return np.interp(light, steps, table).astype(np.float32)


def primaries_to_srgb(primaries: int) -> F64:
    """(3, 3) linear light of these primaries as linear sRGB, white to white (SMPTE RP 177)."""
    return np.linalg.inv(_to_xyz(1)) @ _adaptation(PRIMARIES[primaries][3]) @ _to_xyz(primaries)


def _to_xyz(primaries: int) -> F64:
    """(3, 3) XYZ of linear RGB."""
    *corners, white = PRIMARIES[primaries]
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in corners]).T
    x, y = white
    return columns * np.linalg.solve(columns, [x / y, 1, (1 - x - y) / y])


def _adaptation(white: tuple[float, float]) -> F64:
    """(3, 3) Bradford's chromatic adaptation of XYZ from a white point to D65."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    source, target = (bradford @ np.array([x / y, 1, (1 - x - y) / y]) for x, y in (white, D65))
    return np.linalg.inv(bradford) @ np.diag(target / source) @ bradford

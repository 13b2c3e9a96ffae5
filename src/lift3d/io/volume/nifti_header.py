"""Headers of NIfTI-1 and NIfTI-2 files: sizes, type of values, scaling, and the affine that is used."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lift3d.errors import InputError, damaged_file
from lift3d.io.volume.limits import number
from lift3d.types.arrays import F64

TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}  # fmt: skip
REFUSED_TYPES = {
    1: "bits", 32: "complex numbers", 128: "colours (RGB)", 1536: "128-bit numbers", 1792: "complex numbers",
    2048: "complex numbers", 2304: "colours (RGBA)",
}  # fmt: skip
UNITS = {0: None, 1: 1000.0, 2: 1.0, 3: 0.001}
"""Millimetres of the unit of a header (xyzt_units & 7); None: not stated."""
FORMS = {1: "scanner", 2: "aligned", 3: "Talairach", 4: "MNI", 5: "template"}
NOTED_MM = 0.01
MAX_COORDINATE = 1e12
V1, V2 = 348, 540


@dataclass(frozen=True, eq=False)
class Header:
    """shape: sizes of all axes that are longer than one, at least three; dtype: of the stored numbers; offset: of the first of
    them; slope and intercept; pixdim (3,): stated voxel sizes; unit: of lengths in mm, None where it is not stated; qform and
    sform: (code, affine or None), in the unit of the file."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    offset: int
    slope: float
    intercept: float
    pixdim: F64
    unit: float | None
    qform: tuple[int, F64 | None]
    sform: tuple[int, F64 | None]


def parse(data: bytes, name: str) -> Header:
    """The header at the beginning of a file. Raises InputError where it contradicts itself or is of a type that is not read."""
    for order in "<>":
        if len(data) >= 4 and struct.unpack(order + "i", data[:4])[0] in (V1, V2):
            break
    else:
        raise damaged_file(name, "has no header of NIfTI")
    version = struct.unpack(order + "i", data[:4])[0]
    if len(data) < version:
        raise damaged_file(name, f"is cut short: {version} bytes of header wanted, {len(data)} found")
    fields = _fields_1(data, order) if version == V1 else _fields_2(data, order)
    dims, code, offset, pixdim, slope, intercept, units, q_code, s_code, q, rows = fields
    count = dims[0]
    if not 1 <= count <= 7 or min(dims[1 : count + 1]) < 1:
        raise damaged_file(name, f"states {count} axes of {dims[1 : max(min(count, 7), 0) + 1]} voxels")
    sizes = list(dims[1 : count + 1]) + [1] * max(3 - count, 0)
    while len(sizes) > 3 and sizes[-1] == 1:
        sizes.pop()
    if code not in TYPES:
        what = REFUSED_TYPES.get(code, f"values of the unknown type {code}")
        raise InputError(
            f"{name} holds {what}, not measured numbers", "convert it to whole or decimal numbers"
        )
    if not (math.isfinite(offset) and float(offset).is_integer() and version + 4 <= offset < 2**40):
        raise damaged_file(name, f"states that its values begin at byte {offset:g}, inside its header")
    if not math.isfinite(slope) or slope == 0:
        slope, intercept = 1.0, 0.0  # the format's way to say: not scaled
    elif not math.isfinite(intercept):
        raise damaged_file(name, "states an intercept of its values that is not a number")
    lengths = np.array(pixdim[1:4], np.float64)
    if q_code > 0 and np.isfinite(lengths).all() and (lengths > 0).all():
        qform = _qform(q, lengths, -1.0 if pixdim[0] < 0 else 1.0)
    else:
        qform = None
    sform = None
    if s_code > 0:
        sform = np.eye(4)
        sform[:3] = np.array(rows, np.float64).reshape(3, 4)
    dtype = np.dtype(order + TYPES[code])
    return Header(
        tuple(sizes),
        dtype,
        int(offset),
        slope,
        intercept,
        lengths,
        UNITS.get(units & 7),
        (q_code, qform),
        (s_code, sform),
    )


def _fields_1(data: bytes, order: str) -> tuple:
    """The fields of a header of version 1, in the order of `parse`."""
    pixdim = struct.unpack_from(order + "8f", data, 76)
    offset, slope, intercept = struct.unpack_from(order + "3f", data, 108)
    q_code, s_code = struct.unpack_from(order + "2h", data, 252)
    return (
        struct.unpack_from(order + "8h", data, 40), struct.unpack_from(order + "h", data, 70)[0], offset, pixdim, slope,
        intercept, data[123], q_code, s_code, struct.unpack_from(order + "6f", data, 256),
        struct.unpack_from(order + "12f", data, 280),
    )  # fmt: skip


def _fields_2(data: bytes, order: str) -> tuple:
    """The fields of a header of version 2, in the order of `parse`."""
    pixdim = struct.unpack_from(order + "8d", data, 104)
    offset = struct.unpack_from(order + "q", data, 168)[0]
    slope, intercept = struct.unpack_from(order + "2d", data, 176)
    q_code, s_code = struct.unpack_from(order + "2i", data, 344)
    return (
        struct.unpack_from(order + "8q", data, 16), struct.unpack_from(order + "h", data, 12)[0], offset, pixdim, slope,
        intercept, struct.unpack_from(order + "i", data, 500)[0], q_code, s_code, struct.unpack_from(order + "6d", data, 352),
        struct.unpack_from(order + "12d", data, 400),
    )  # fmt: skip


def _qform(q: Sequence[float], lengths: F64, handed: float) -> F64 | None:
    """The affine of a quaternion (b, c, d) with an offset (x, y, z), voxel sizes, and the sign of the third axis; None where the
    quaternion is none."""
    b, c, d = q[:3]
    rest = 1.0 - (b * b + c * c + d * d)
    if not math.isfinite(rest) or rest < -1e-3:
        return None
    if rest < 1e-7:  # a half turn, written with rounding
        length = math.sqrt(b * b + c * c + d * d)
        a, b, c, d = 0.0, b / length, c / length, d / length
    else:
        a = math.sqrt(rest)
    turn = np.array([
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ])  # fmt: skip
    affine = np.eye(4)
    affine[:3, :3] = turn * (lengths * [1, 1, handed])
    affine[:3, 3] = q[3:6]
    return affine


def choose_affine(header: Header, name: str, notes: Callable[[str], None]) -> F64:
    """The affine (4, 4) to RAS mm: the sform where its code is positive, else the qform; which one is noted, and how far the two
    lie apart. Raises InputError where there is none, or where it is singular."""
    scale = header.unit
    if scale is None:
        scale = 1.0
        notes(f"{name} states no unit of length: millimetres, as is usual for NIfTI")
    usable = [
        (what, code, affine)
        for what, (code, affine) in (("sform", header.sform), ("qform", header.qform))
        if affine is not None
    ]
    if not usable:
        raise InputError(
            f"{name} states no orientation (neither sform nor qform)",
            "convert it again from the DICOM series, or give its voxel size with --spacing if left and right do not matter",
        )
    what, code, affine = usable[0]
    if not np.isfinite(affine).all() or not _is_invertible(affine):
        raise InputError(
            f"the {what} of {name} is singular: it does not say where the voxels lie",
            "convert it again from the DICOM series",
        )
    text = f"{what} was used ({FORMS.get(code, 'code ' + str(code))})"
    if len(usable) == 2:
        with np.errstate(over="ignore", invalid="ignore"):
            apart = _apart(affine, usable[1][2], header.shape) * scale
        if not apart <= NOTED_MM:
            far = f"up to {number(apart)} mm from it" if math.isfinite(apart) else "not a usable one"
            text += f", qform lies {far}"
    notes(text)
    stated, real = header.pixdim, np.linalg.norm(affine[:3, :3], axis=0)
    if what == "sform" and (abs(stated - real) > 0.01 * real).any():
        sizes = [" x ".join(number(x * scale) for x in one) for one in (stated, real)]
        notes(
            f"the stated voxel size of {sizes[0]} mm differs from that of the sform, {sizes[1]} mm, which was used"
        )
    result = affine.copy()
    result[:3] *= scale
    return result


def _is_invertible(affine: F64) -> bool:
    """Whether the axes of an affine span the space, and its numbers are those of a body in any unit."""
    if np.abs(affine).max() > MAX_COORDINATE:
        return False
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    return bool((lengths > 1e-9).all() and abs(np.linalg.det(affine[:3, :3] / lengths)) > 1e-4)


def _apart(a: F64, b: F64, shape: Sequence[int]) -> float:
    """Largest distance between the corners of a grid under two affines."""
    corners = np.array(
        [[i, j, k, 1] for i in (0, shape[0] - 1) for j in (0, shape[1] - 1) for k in (0, shape[2] - 1)]
    )
    return float(np.linalg.norm((corners @ (a - b).T)[:, :3], axis=1).max())

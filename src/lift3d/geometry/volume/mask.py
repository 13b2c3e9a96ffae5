"""Which voxels belong to a surface: chosen labels or a range of values, their connected parts and cavities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.geometry.kernels import njit_kernel
from lift3d.geometry.volume.parts import fill_parts, find_background, find_parts
from lift3d.geometry.volume.thresholds import Threshold, otsu_threshold
from lift3d.types.volumes import Labels, Volume

MOST_LABELS = 65534
"""Labels in one net."""


@dataclass(frozen=True, eq=False)
class LabelSelection:
    """Labels numbered from 1: number n of label n + 1 is numbers[n].

    ids (I, J, K) and lookup: label of voxel = lookup[id], 0 for the background. Per label: voxels (N,), parts (N,), how many,
    cut (N,) whether it reaches the border of the grid, dropped and filled: numbers of voxels of the parts left out and of the
    cavities filled.
    """

    ids: NDArray[np.unsignedinteger]
    lookup: NDArray[np.uint16]
    numbers: tuple[int, ...]
    voxels: NDArray[np.int64]
    parts: NDArray[np.int64]
    cut: NDArray[np.bool_]
    dropped: tuple[tuple[int, ...], ...]
    filled: tuple[tuple[int, ...], ...]


def select_labels(
    labels: Labels, ids: Sequence[int] | None, largest: bool, min_part: float, fill_cavities: bool
) -> LabelSelection:
    """The selection of labels to mesh; see `surfaces.labels_to_surfaces`. The map of the user is not changed."""
    present = labels.present
    numbers = present if ids is None else tuple(dict.fromkeys(int(i) for i in ids))
    missing = [i for i in numbers if i not in set(present)]
    if missing:
        raise InputError(
            f"the label map has no voxel of {', '.join(labels.name(i) for i in missing)}",
            f"it has {', '.join(map(str, present[:20])) or 'no label at all'}",
        )
    if not numbers:
        raise InputError("the label map is empty", "check the file")
    if len(numbers) > MOST_LABELS:
        raise InputError(f"the label map has {len(numbers)} labels", f"choose at most {MOST_LABELS} of them")
    values = labels.ids
    if values.dtype.itemsize > 2:
        # ids beyond 16 bits are numbered anew
        values, lookup = np.zeros(values.shape, np.uint16), np.arange(len(numbers) + 1, dtype=np.uint16)
        for i, plane in enumerate(labels.ids):
            values[i] = _ranks(plane, numbers)
    else:
        lookup = np.zeros(np.iinfo(values.dtype).max + 1, np.uint16)
        lookup[list(numbers)] = np.arange(1, len(numbers) + 1)
    return _choose_parts(values, lookup, numbers, labels.voxel_volume, largest, min_part, fill_cavities)


def _ranks(plane: NDArray[np.unsignedinteger], numbers: tuple[int, ...]) -> NDArray[np.uint16]:
    """Position + 1 in `numbers` of each id, 0 for the others."""
    order = np.argsort(numbers)
    ordered = np.asarray(numbers, plane.dtype)[order]
    at = np.minimum(np.searchsorted(ordered, plane), len(ordered) - 1)
    return np.where(ordered[at] == plane, order[at] + 1, 0).astype(np.uint16)


def threshold_mask(
    volume: Volume, threshold: Threshold, min_part: float
) -> tuple[NDArray[np.uint8], LabelSelection]:
    """(mask (I, J, K), 1 inside; its selection) of the voxels in the range of a threshold, without the parts left out."""
    mask = np.empty(volume.shape, np.uint8)
    low, high, seed = threshold.low, threshold.high, threshold.seed
    inside = 0
    for i, plane in enumerate(volume.values):
        mask[i] = (plane >= low) & (plane <= high)
        inside += int(mask[i].sum())
        if seed is not None:
            mask[i] += mask[i] & (plane >= seed)
    _refuse_all_or_nothing(volume, threshold, inside)
    lookup = np.minimum(np.arange(256), 1).astype(np.uint16)
    enclosed = 0
    if threshold.enclosed:
        enclosed = 7 & ~(1 << _head_foot_axis(volume))
    chosen = _choose_parts(
        mask, lookup, (1,), volume.voxel_volume, threshold.largest, min_part, threshold.fill_cavities, True,
        None if seed is None else 2, enclosed,
    )  # fmt: skip
    return mask, chosen


def _head_foot_axis(volume: Volume) -> int:
    """The axis of the grid nearest to the patient's axis from foot to head."""
    letters = volume.orientation
    return next(a for a in range(3) if letters[a] in "IS")


def _refuse_all_or_nothing(volume: Volume, threshold: Threshold, inside: int) -> None:
    """Raise InputError if no voxel or every voxel is inside."""
    if 0 < inside < volume.values.size:
        return
    low, high = float(volume.values.min()), float(volume.values.max())
    wanted = f"{threshold.low:g}" if np.isinf(threshold.high) else f"{threshold.low:g} to {threshold.high:g}"
    where = "above" if np.isinf(threshold.high) else "in the range"
    advice = f"Otsu's threshold is {otsu_threshold(volume):g}" if low < high else "check the file"
    count = "no voxel is" if not inside else "every voxel is"
    raise InputError(f"{count} {where} {wanted}; the values go from {low:g} to {high:g}", advice)


def _choose_parts(
    ids: NDArray[np.unsignedinteger], lookup: NDArray[np.uint16], numbers: tuple[int, ...], voxel_volume: float,
    largest: bool, min_part: float, fill_cavities: bool, own: bool = False, marked: int | None = None, enclosed: int = 0,
) -> LabelSelection:  # fmt: skip
    """The selection without the parts left out; `own`: ids may be changed. enclosed: axes (bits) at whose ends parts must not
    lie."""
    n = len(numbers)
    filled: list[tuple[int, ...]] = [()] * n
    if fill_cavities:
        ids, filled = _fill_cavities(ids if own else ids.copy(), lookup, numbers, own)
        own = True
    parts = find_parts(ids, lookup, -1 if marked is None else marked)
    keep = parts.voxels * voxel_volume >= min_part * 1000
    if marked is not None:
        keep &= parts.marked > 0
    keep &= (parts.border & enclosed) == 0
    if largest:
        order = np.lexsort((-np.arange(len(keep)), np.where(keep, parts.voxels, -1), parts.label))
        last = np.append(parts.label[order][1:] != parts.label[order][:-1], True)
        only = np.zeros(len(keep), np.bool_)
        only[order[last]] = True
        keep &= only
    if not keep.any():
        biggest = parts.voxels.max() * voxel_volume / 1000
        raise InputError(
            f"none of the {len(keep)} parts is left; the largest has {biggest:.3g} ml",
            "choose a smaller least part" if min_part else "choose another threshold",
        )
    if not keep.all():
        ids = ids if own else ids.copy()
        fill_parts(ids, parts, ~keep, int(np.flatnonzero(lookup == 0)[0]))
    index = parts.label - 1
    left = np.bincount(index[keep], parts.voxels[keep], n).astype(np.int64)
    alive = left > 0
    if not alive.all():
        row = np.zeros(n + 1, np.uint16)
        row[1:][alive] = np.arange(1, alive.sum() + 1)
        lookup = row[lookup]
    dropped = [tuple(parts.voxels[(index == k) & ~keep].tolist()) for k in range(n)]
    return LabelSelection(
        ids, lookup, tuple(number for number, one in zip(numbers, alive, strict=True) if one), left[alive],
        np.bincount(index[keep], minlength=n)[alive], (np.bincount(index[keep], parts.border[keep] > 0, n) > 0)[alive],
        tuple(d for d, one in zip(dropped, alive, strict=True) if one),
        tuple(f for f, one in zip(filled, alive, strict=True) if one),
    )  # fmt: skip


def _fill_cavities(
    ids: NDArray[np.unsignedinteger], lookup: NDArray[np.uint16], numbers: tuple[int, ...], binary: bool
) -> tuple[NDArray[np.unsignedinteger], list[tuple[int, ...]]]:
    """(ids with the cavities of single labels filled in place, voxels of the cavities filled per label)."""
    hollow = find_background(ids, lookup)
    around = np.zeros(len(hollow.voxels), np.int64)
    _labels_around(ids, lookup, hollow.row, hollow.begin, hollow.end, hollow.part, around)
    cavity = (hollow.border == 0) & (around > 0)
    filled = []
    for n in range(len(numbers)):
        chosen = cavity & (around == n + 1)
        value = 1 if binary else int(np.flatnonzero(lookup == n + 1)[0])
        if chosen.any():
            fill_parts(ids, hollow, chosen, value)
        filled.append(tuple(int(k) for k in hollow.voxels[chosen]))
    return ids, filled


@njit_kernel
def _labels_around(ids: Any, lookup: Any, row: Any, begin: Any, end: Any, part: Any, around: Any) -> None:
    """Write the label of the voxels that share a face with each part, -1 where there are several, to around (P,)."""
    rows, columns, length = ids.shape[0], ids.shape[1], ids.shape[2]
    for r in range(rows * columns):
        i, j = r // columns, r % columns
        for n in range(row[r], row[r + 1]):
            p = part[n]
            for k in range(begin[n] - 1, end[n] + 1):
                ends = k < begin[n] or k == end[n]
                for s in range(5):
                    if (s == 0) != ends:
                        continue
                    a, b = i + (s == 1) - (s == 2), j + (s == 3) - (s == 4)
                    if a < 0 or b < 0 or a >= rows or b >= columns or k < 0 or k >= length:
                        continue
                    label = lookup[ids[a, b, k]]
                    if label != 0 and label != around[p]:
                        around[p] = label if around[p] == 0 else -1

"""Slices in order along their normal, the affine of their grid, and gaps in it.

Spacing comes from ImagePositionPatient alone. The step from slice to slice is kept as it is, so that a tilted gantry becomes
a shear of the affine and nothing is resampled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lift3d.errors import InputError
from lift3d.io.volume.dicom import repeats
from lift3d.io.volume.dicom.series import SAME_PLACE
from lift3d.io.volume.dicom.slices import Slice
from lift3d.io.volume.limits import MIN_SLICES, number
from lift3d.types.arrays import F64

EXACT = 0.01
"""Accepted deviation in mm of a slice from an even step."""
ROUNDED = 0.1
"""Largest unit in mm of the last decimal of positions; deviations from even steps by such rounding are accepted and noted."""
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
AXES = ("x", "y", "z")


@dataclass(frozen=True, eq=False)
class Stack:
    """slices: N in order along the normal. places (N,): where each lies on the grid, in steps from the first, whole but for
    uneven slices. count: slices of the grid. affine (4, 4): index (column, row, slice) to RAS mm."""

    slices: list[Slice]
    places: F64
    count: int
    affine: F64

    @property
    def is_complete(self) -> bool:
        """Whether every slice of the grid was measured."""
        return np.array_equal(self.places, np.arange(self.count))


def ordered(
    slices: Sequence[Slice], name: str, *, time: int | None, close_gap: bool, notes: Callable[[str], None]
) -> Stack:
    """The slices of one orientation as a stack.

    time: which of several pictures at each place; close_gap: missing and uneven slices are accepted, for linear interpolation.
    Raises InputError where the slices do not lie on a grid."""
    normal = slices[0].normal
    by_height = sorted(slices, key=lambda one: float(one.position @ normal))
    width = min(SAME_PLACE, 0.1 * min(slices[0].spacing))
    places: list[list[Slice]] = []
    for one in by_height:
        if places and float((one.position - places[-1][0].position) @ normal) <= width:
            places[-1].append(one)
        else:
            places.append([one])
    heights = np.array([float(place[0].position @ normal) for place in places])
    if len(places) < MIN_SLICES:
        raise InputError(
            f"{name} has {len(places)} {'slice' if len(places) == 1 else 'slices'} at different places, too few for a solid",
            f"give the whole series, at least {MIN_SLICES} slices",
        )
    places = repeats.without_copies(places, notes)
    chosen = repeats.choose(places, heights, time, name, notes)
    return _grid(chosen, name, close_gap, notes)


def _grid(slices: list[Slice], name: str, close_gap: bool, notes: Callable[[str], None]) -> Stack:
    """The grid of ordered slices at different places."""
    normal, first = slices[0].normal, slices[0]
    positions = np.array([one.position for one in slices])
    heights = (positions - first.position) @ normal
    steps = np.diff(heights)
    unit = min(one.resolution for one in slices)
    # steps between rounded positions of an even grid differ by one unit of the last decimal at most
    is_rounded = unit <= ROUNDED and float(np.ptp(steps)) <= 1.001 * unit
    tolerance = min(unit if is_rounded and unit > EXACT else EXACT, 0.1 * float(steps.min()))
    tolerance = max(tolerance, 1e-6 * float(heights[-1]))
    even = np.linspace(0, heights[-1], len(slices))
    if abs(heights - even).max() <= tolerance:
        places, count = np.arange(len(slices), dtype=float), len(slices)
    else:
        places, count = _uneven(slices, heights, tolerance, name, close_gap, notes)
    step = (positions[-1] - positions[0]) / places[-1]
    fit = positions[0] + places[:, None] * step
    off = _deviation(slices, fit)
    if off > tolerance:
        _refuse_crooked(slices, fit, off, tolerance, name)
    if off > EXACT:
        notes(
            f"positions of slices deviate by up to {number(off)} mm from even steps: they are written with few decimals"
        )
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = first.axes[0] * first.spacing[1], first.axes[1] * first.spacing[0]
    affine[:3, 2], affine[:3, 3] = step, positions[0]
    _note_tilt(step, normal, notes)
    return Stack(slices, places, count, np.asarray(LPS_TO_RAS @ affine))


def _uneven(
    slices: list[Slice],
    heights: F64,
    tolerance: float,
    name: str,
    close_gap: bool,
    notes: Callable[[str], None],
) -> tuple[F64, int]:
    """(places, count) of slices whose steps differ. Raises InputError, which names the gap, unless it may be closed."""
    steps = np.diff(heights)
    single = steps < 1.5 * steps.min()
    common = float(np.median(steps[single]))
    whole = np.maximum(np.rint(steps / common), 1)
    # steps refined over all slices, so that rounding does not add up over a long series
    common = float(heights[-1] / whole.sum())
    places = np.concatenate([[0.0], np.cumsum(whole)])
    is_missing = abs(heights - places * common).max() <= tolerance and 2 * int(single.sum()) >= len(steps)
    gap = int(steps.argmax())
    axis = int(abs(slices[0].normal).argmax())
    low, high = sorted((float(slices[gap].position[axis]), float(slices[gap + 1].position[axis])))
    where = f"{AXES[axis]} = {number(low)} and {number(high)} mm"
    if is_missing:
        absent = int(whole.sum()) - len(steps)
        what = "a slice is missing" if absent == 1 else f"{absent} slices are missing"
        widest = "" if absent == int(whole[gap]) - 1 else ", and elsewhere"
        if not close_gap:
            raise InputError(
                f"{what} between {where} ({number(steps[gap])} mm, elsewhere {number(common)}){widest}",
                "give the whole series, or --close-gap",
            )
        notes(f"{what} between {where}{widest}, and interpolated linearly")
        return places, int(places[-1]) + 1
    if not close_gap:
        raise InputError(
            f"{name} has uneven slices: steps from {number(steps.min())} to {number(steps.max())} mm, the widest between {where}",
            "give a series of even steps, or --close-gap to interpolate",
        )
    count = max(round(heights[-1] / float(np.median(steps))) + 1, MIN_SLICES)
    notes(
        f"uneven slices, {number(steps.min())} to {number(steps.max())} mm apart, were interpolated linearly to steps of "
        f"{number(heights[-1] / (count - 1))} mm"
    )
    return heights / heights[-1] * (count - 1), count


def _deviation(slices: list[Slice], fit: F64) -> float:
    """Largest distance in mm of the corners of all slices from those of the grid; fit (N, 3): first pixels on the grid."""
    first = slices[0]
    extent = np.array([first.spacing[1] * (first.columns - 1), first.spacing[0] * (first.rows - 1)])
    worst = 0.0
    for one, start in zip(slices, fit):
        own = np.array([one.spacing[1] * (one.columns - 1), one.spacing[0] * (one.rows - 1)])
        for u, v in ((0, 0), (1, 0), (0, 1), (1, 1)):
            corner = one.position + np.array([u, v]) * own @ one.axes
            worst = max(worst, float(np.linalg.norm(corner - start - np.array([u, v]) * extent @ first.axes)))
    return worst


def _refuse_crooked(slices: list[Slice], fit: F64, off: float, tolerance: float, name: str) -> None:
    """Raise the InputError of slices that are shifted sideways or turned against each other."""
    positions = np.array([one.position for one in slices])
    shifted = float(np.linalg.norm(positions - fit, axis=1).max()) > tolerance
    what = "do not lie behind each other on a straight line" if shifted else "are not parallel"
    raise InputError(
        f"the slices of {name} {what}: they deviate by up to {number(off)} mm",
        "give a folder with one complete series of parallel slices",
    )


def _note_tilt(step: F64, normal: F64, notes: Callable[[str], None]) -> None:
    """Note the angle between the step from slice to slice and the normal where it is a tilt."""
    angle = float(np.degrees(np.arccos(np.clip(step @ normal / np.linalg.norm(step), -1, 1))))
    if angle > 0.1:
        notes(
            f"the slices are tilted by {angle:.1f} degrees against their direction, which is kept as a shear"
        )

"""Thresholds: by name for computed tomography, and Otsu's for any volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.errors import InputError
from lift3d.types.volumes import HOUNSFIELD, Volume

BINS = 1024
"""Bins of the histogram for Otsu's threshold."""


@dataclass(frozen=True)
class Threshold:
    """A range of values to be inside: low <= value <= high.

    seed: of the voxels in the range only those connected with one of this value or more count (hysteresis), if it is not None.
    enclosed: parts that reach the border of the volume across the body, as the air around it does, do not count. largest: of the
    connected parts only the largest counts. fill_cavities: closed hollows count as inside. source: where the numbers are from.
    """

    low: float
    high: float = np.inf
    seed: float | None = None
    enclosed: bool = False
    largest: bool = False
    fill_cavities: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise InputError(
                f"a threshold range from {self.low:g} to {self.high:g} is empty",
                "give the lower number first",
            )
        if self.seed is not None and not self.low <= self.seed <= self.high:
            raise InputError(
                f"the seed value {self.seed:g} is outside of the range {self.low:g} to {self.high:g}",
                "choose one inside",
            )


NAMED = {
    "bone": Threshold(226, source="InVesalius 3 and Mimics, preset Bone (226 to 3071)"),
    "compact-bone": Threshold(662, source="InVesalius 3, preset Compact Bone, adult (662 to 1988)"),
    "spongy-bone": Threshold(148, 661, source="InVesalius 3, preset Spongial Bone, adult"),
    "teeth": Threshold(1553, source="InVesalius 3, preset Enamel, adult (1553 to 2850)"),
    "metal": Threshold(2976, source="above enamel; most scanners end at 3071"),
    "muscle": Threshold(-29, 150, source="Mitsiopoulos et al. 1998, J Appl Physiol 85:115: -29 to 150"),
    "fat": Threshold(-190, -30, source="Kvist et al. 1988, Am J Clin Nutr 48:1351: -190 to -30"),
    "lung": Threshold(
        -1100,
        -500,
        enclosed=True,
        source="air and lung that reach no border: Hu, Hoffman & Reinhardt 2001, IEEE TMI 20:490",
    ),
    "skin": Threshold(
        -500, largest=True, fill_cavities=True, source="half way between air (-1000) and water (0)"
    ),
    "air": Threshold(-1100, -500, source="half way between air (-1000) and water (0)"),
}
"""Thresholds in Hounsfield units.

Bone, teeth and skin have no upper bound: it would hollow dense bone and metal. Air, water and skin: the surface between two
tissues lies where a voxel is half of each. `fat` also has the borders between muscle and air, and `spongy-bone` those between
muscle and compact bone, since a mixed voxel has a value between the two: drop small parts of them."""


def named_threshold(name: str, volume: Volume) -> Threshold:
    """The threshold of this name for a CT volume.

    Raises InputError for an unknown name, or a volume whose values are not in Hounsfield units: MR has no common unit.
    """
    if name not in NAMED:
        raise InputError(
            f"there is no threshold called {name!r}", f"choose one of {', '.join(NAMED)}, or give a number"
        )
    if volume.unit != HOUNSFIELD:
        unit = f"in {volume.unit}" if volume.unit else "in no known unit"
        raise InputError(
            f"the threshold {name!r} is in Hounsfield units, and the values of this volume are {unit}",
            f"give a number; Otsu's threshold is {otsu_threshold(volume):g}",
        )
    return NAMED[name]


def otsu_threshold(volume: Volume) -> float:
    """The value that best separates the values of a volume into two classes (Otsu 1979): it maximises the variance between them.

    Computed on a histogram of 1024 bins between the least and largest value; returns the centre of a bin. Raises InputError if
    all values are equal.
    """
    low, high = float(volume.values.min()), float(volume.values.max())
    if not low < high:
        raise InputError(f"all values of the volume are {low:g}", "check the file")
    counts = np.zeros(BINS, np.int64)
    for plane in volume.values:
        counts += np.histogram(plane, BINS, (low, high))[0]
    edges = np.linspace(low, high, BINS + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1].astype(np.float64)
    above = counts.sum() - below
    total = np.cumsum(counts * centres)
    mean_below = total[:-1] / np.maximum(below, 1)
    mean_above = (total[-1] - total[:-1]) / np.maximum(above, 1)
    return float(centres[int(np.argmax(below * above * (mean_below - mean_above) ** 2))])

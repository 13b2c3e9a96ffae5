"""Attributes of a picture or of a frame, looked up where DICOM puts them: its per-frame groups, the shared ones, the data set."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lift3d.errors import damaged_file
from lift3d.io.volume.dicom.headers import guarded
from lift3d.io.volume.limits import printable
from lift3d.types.arrays import F64

GROUPS = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "RescaleType": "PixelValueTransformationSequence",
    "StackID": "FrameContentSequence",
    "TemporalPositionIndex": "FrameContentSequence",
    "FrameAcquisitionNumber": "FrameContentSequence",
    "FrameAcquisitionDateTime": "FrameContentSequence",
    "EffectiveEchoTime": "MREchoSequence",
    "NominalCardiacTriggerDelayTime": "CardiacSynchronizationSequence",
    "DiffusionBValue": "MRDiffusionSequence",
}
"""The functional group that has an attribute in multi-frame objects."""
FRAME_TYPES = ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence", "PETFrameTypeSequence")


def meta_text(dataset: Any, keyword: str, name: str) -> str:
    """An attribute of the header of a file as text, "" where there is none."""
    with guarded(name):
        return str(getattr(getattr(dataset, "file_meta", None), keyword, "") or "").strip("\0 ")


class Fields:
    """The attributes of one picture. dataset: of the file; frame: its index, or None for a file of one picture."""

    def __init__(self, dataset: Any, name: str, frame: int | None = None) -> None:
        self.name = name
        self._dataset = dataset
        self._groups: list[Any] = []
        if frame is not None:
            with guarded(name):
                shared = dataset.get("SharedFunctionalGroupsSequence") or []
                self._groups = [dataset.PerFrameFunctionalGroupsSequence[frame], *shared[:1]]

    def value(self, keyword: str) -> Any:
        """The value of an attribute, or None where it is missing or empty."""
        with guarded(self.name, f"has a {keyword} that cannot be read"):
            if (group := GROUPS.get(keyword)) is not None:
                for holder in self._groups:
                    items = holder.get(group) or []
                    if items and items[0].get(keyword) not in (None, ""):
                        return items[0].get(keyword)
            found = self._dataset.get(keyword)
            return None if found is None or (hasattr(found, "__len__") and not len(found)) else found

    def text(self, keyword: str) -> str:
        """An attribute as text, "" where it is missing; several values are joined by a backslash."""
        found = self.value(keyword)
        if found is None:
            return ""
        several = not isinstance(found, str) and hasattr(found, "__iter__")
        return "\\".join(str(one) for one in found) if several else str(found).strip()

    def number(self, keyword: str) -> float | None:
        """A finite number, or None where it is missing. Raises InputError where it is no number."""
        found = self.value(keyword)
        return None if found is None else self._finite(found, keyword)

    def numbers(self, keyword: str, count: int) -> F64 | None:
        """(count,) finite numbers, or None where they are missing. Raises InputError where there are not `count` numbers."""
        found = self.value(keyword)
        if found is None:
            return None
        values = list(found) if hasattr(found, "__iter__") and not isinstance(found, str) else [found]
        if len(values) != count:
            raise damaged_file(self.name, f"has a {keyword} of {len(values)} numbers instead of {count}")
        return np.array([self._finite(one, keyword) for one in values])

    def resolution(self, keyword: str) -> float:
        """The unit of the last decimal with which numbers are written as text: 0.01 for "12.50"."""
        found = self.value(keyword)
        values = found if hasattr(found, "__iter__") and not isinstance(found, str) else [found]
        decimals = 0
        for one in values:
            written = str(getattr(one, "original_string", one)).lower()
            mantissa, _, exponent = written.partition("e")
            shift = int(exponent) if exponent.lstrip("+-").isdigit() and len(exponent) < 6 else 0
            decimals = max(decimals, len(mantissa.partition(".")[2].strip()) - shift)
        return float(10.0 ** -min(max(decimals, 0), 300))

    def frame_type(self) -> str:
        """The type of the picture: "ORIGINAL\\PRIMARY\\AXIAL"."""
        with guarded(self.name):
            for holder in self._groups:
                for sequence in FRAME_TYPES:
                    items = holder.get(sequence) or []
                    if items and items[0].get("FrameType"):
                        return "\\".join(str(one) for one in items[0].FrameType)
        return self.text("ImageType")

    def _finite(self, value: Any, keyword: str) -> float:
        """A value as a finite number. Raises InputError."""
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise damaged_file(
                self.name, f"has a {keyword} that is no finite number ({printable(value, 30)!r})"
            )
        return number

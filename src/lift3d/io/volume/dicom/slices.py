"""One record for every picture or frame: where it lies in the body, how it is stored and what tells repeated ones apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.errors import InputError, damaged_file
from lift3d.io.volume.dicom import pixels
from lift3d.io.volume.dicom.fields import Fields
from lift3d.io.volume.dicom.headers import guarded, read_header
from lift3d.io.volume.dicom.objects import CAPTURE, NO_PLACE, Reason, reason_against, storage_class
from lift3d.io.volume.limits import MAX_VOXELS, MIN_SLICES
from lift3d.types.arrays import F64
from lift3d.types.volumes import HOUNSFIELD

MAX_FRAMES = 65_536
SECONDARY_CAPTURE = ".1.1.7"
MAX_SKEW = 0.01
"""Largest deviation of direction cosines from unit length and right angles; rounding to three decimals stays below."""
REPEATS = (
    ("time", "TemporalPositionIdentifier"), ("time", "TemporalPositionIndex"), ("echo time", "EchoTime"),
    ("echo time", "EffectiveEchoTime"), ("echo", "EchoNumbers"), ("trigger time", "TriggerTime"),
    ("trigger time", "NominalCardiacTriggerDelayTime"), ("b-value", "DiffusionBValue"), ("inversion time", "InversionTime"),
    ("flip angle", "FlipAngle"), ("tube voltage", "KVP"), ("acquisition", "AcquisitionNumber"),
    ("acquisition", "FrameAcquisitionNumber"), ("acquisition time", "AcquisitionTime"),
    ("acquisition time", "FrameAcquisitionDateTime"), ("content time", "ContentTime"),
)  # fmt: skip
"""(name, attribute) by which pictures at one place may differ, the most telling first."""


@dataclass(frozen=True, eq=False)
class Slice:
    """One picture. path and frame: where its pixels are; name: of the file, to show.

    position (3,): centre of the first pixel; axes (2, 3): unit directions along a row and down a column; both LPS mm.
    spacing: distance of neighbouring rows and of columns in mm. resolution: unit of the last decimal of the position."""

    path: Path
    name: str
    frame: int | None
    rows: int
    columns: int
    position: F64
    axes: F64
    spacing: tuple[float, float]
    resolution: float
    slope: float
    intercept: float
    unit: str | None
    series_uid: str
    series_number: str
    description: str
    modality: str
    stack: str
    instance: float
    lossy: bool
    inverted: bool
    repeats: Mapping[str, str] = field(default_factory=dict)

    @property
    def normal(self) -> F64:
        """(3,) unit normal of the picture: row direction x column direction."""
        cross = np.cross(self.axes[0], self.axes[1])
        return np.asarray(cross / np.linalg.norm(cross))


def slices_of(path: Path, name: str, head: bytes) -> list[Slice] | Reason:
    """The slices of a DICOM file, or the reason why it has none. Raises InputError for a damaged file."""
    dataset, found_bytes = read_header(path, head)
    fields = Fields(dataset, name)
    reason = reason_against(dataset, fields)
    if reason is not None:
        return reason
    _check_area(fields)
    pixels.check_length(dataset, fields, found_bytes)
    if fields.value("PerFrameFunctionalGroupsSequence") is None:
        one = _slice(dataset, fields, path, None)
        if one is None:
            return CAPTURE if storage_class(fields, dataset).endswith(SECONDARY_CAPTURE) else NO_PLACE
        return [one]
    frames = int(fields.number("NumberOfFrames") or 1)
    with guarded(name):
        stated = len(dataset.PerFrameFunctionalGroupsSequence)
    if frames != stated or not 0 < frames <= MAX_FRAMES:
        raise damaged_file(name, f"states {frames} frames, but describes {stated}")
    found = [_slice(dataset, Fields(dataset, name, i), path, i) for i in range(frames)]
    kept = [one for one in found if one is not None]
    return kept if len(kept) == frames else NO_PLACE


def _check_area(fields: Fields) -> None:
    """Raise InputError where three slices of this size would be above the limit of a volume."""
    rows, columns = int(fields.number("Rows") or 0), int(fields.number("Columns") or 0)
    if rows * columns > MAX_VOXELS // MIN_SLICES:
        raise InputError(
            f"{fields.name} has slices of {columns} x {rows} pixels, and {MIN_SLICES} of them are above the limit of "
            f"{MAX_VOXELS / 1e6:.0f} million voxels",
            "reduce the resolution of the series in the program that wrote it",
        )


def _slice(dataset: Any, fields: Fields, path: Path, frame: int | None) -> Slice | None:
    """The record of a picture, or None where it has no place. Raises InputError where its place makes no sense."""
    position = fields.numbers("ImagePositionPatient", 3)
    cosines = fields.numbers("ImageOrientationPatient", 6)
    spacing = fields.numbers("PixelSpacing", 2)
    if position is None or cosines is None or spacing is None:
        return None
    rows, columns = int(fields.number("Rows") or 0), int(fields.number("Columns") or 0)
    if spacing.min() <= 0:
        raise InputError(
            f"{fields.name} states a pixel spacing of {spacing[0]:g} x {spacing[1]:g} mm",
            "export the series again with its pixel spacing",
        )
    axes = cosines.reshape(2, 3)
    lengths = np.linalg.norm(axes, axis=1)
    if abs(lengths - 1).max() > MAX_SKEW or abs(axes[0] @ axes[1]) > MAX_SKEW:
        raise InputError(
            f"{fields.name} states an orientation whose directions are not perpendicular unit vectors",
            "export the series again with its orientation",
        )
    if fields.value("ModalityLUTSequence") is not None:
        raise InputError(
            f"{fields.name} states its values by a table (Modality LUT), which is not read",
            "export the series with a rescale slope and intercept",
        )
    slope, intercept = fields.number("RescaleSlope"), fields.number("RescaleIntercept")
    if slope == 0:
        raise damaged_file(fields.name, "states a rescale slope of 0")
    modality = fields.text("Modality").upper()
    return Slice(
        path=path, name=fields.name, frame=frame, rows=rows, columns=columns, position=position,
        axes=axes / lengths[:, None], spacing=(float(spacing[0]), float(spacing[1])),
        resolution=fields.resolution("ImagePositionPatient"),
        slope=1.0 if slope is None else slope, intercept=intercept or 0.0,
        unit=_unit(fields, modality, slope is not None and intercept is not None),
        series_uid=fields.text("SeriesInstanceUID"), series_number=fields.text("SeriesNumber"),
        description=fields.text("SeriesDescription"), modality=modality, stack=fields.text("StackID"),
        instance=fields.number("InstanceNumber") or 0.0,
        lossy=fields.text("LossyImageCompression") == "01",
        inverted=fields.text("PhotometricInterpretation") == "MONOCHROME1",
        repeats=_repeats(fields),
    )  # fmt: skip


def _unit(fields: Fields, modality: str, rescaled: bool) -> str | None:
    """The unit of the values: Hounsfield for a rescaled CT that states no other one, the stated unit of PET, else None."""
    if modality == "CT" and rescaled and fields.text("RescaleType").upper() in ("", "HU"):
        return HOUNSFIELD
    if modality == "PT":
        return fields.text("Units") or None
    return None


def _repeats(fields: Fields) -> dict[str, str]:
    """By which name and value this picture may differ from another one at its place."""
    found: dict[str, str] = {}
    kind = fields.frame_type().split("\\")
    if len(kind) > 2:
        found["picture type"] = "\\".join(kind[2:])
    for name, keyword in REPEATS:
        text = fields.text(keyword)
        if text:
            found.setdefault(name, text)
    return found

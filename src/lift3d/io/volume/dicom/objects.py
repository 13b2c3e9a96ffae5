"""DICOM objects that are not slices of measured values, and how each is named to the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lift3d.errors import damaged_file
from lift3d.io.volume.dicom.fields import Fields, meta_text

SLICE_CLASSES = frozenset({"2", "2.1", "4", "4.1", "20", "128", "130"})
"""Storage classes of slices: CT, MR, NM and PET, single and enhanced. Without a picture such a file is damaged."""
_STORAGE = "1.2.840.10008.5.1.4.1.1."
CONVERT = "give the CT or MR series that it belongs to"


@dataclass(frozen=True)
class Reason:
    """Why an object is no slice. what: completes "scan.dcm is ..."; advice: what to do instead. is_scout: a localiser."""

    what: str
    advice: str = CONVERT
    is_scout: bool = False


CLASSES = (
    ("481.2", Reason("an RT dose (RTDOSE), a distribution of radiation and no measured picture")),
    ("481.3", Reason("an RT structure set (RTSTRUCT), contours without voxels")),
    ("481.", Reason("an object of radiotherapy without voxels")),
    ("88.", Reason("a structured report (SR), text without voxels")),
    ("66.4", Reason("a segmentation (SEG), marked frames without measured values",
                    "convert it to a NIfTI or NRRD label map, or give the series that it belongs to")),
    ("66.7", Reason("a segmentation (SEG), a label map without measured values",
                    "convert it to a NIfTI or NRRD label map, or give the series that it belongs to")),
    ("66", Reason("raw data or a registration without voxels")),
    ("11.", Reason("a presentation state, settings of a display without voxels")),
    ("104.", Reason("a document or model, no voxels")),
    ("77.", Reason("a photograph or microscope picture, no slice of a body")),
    ("9.", Reason("a waveform, no voxels")),
    ("6.", Reason("an ultrasound picture, without positions in the body")),
    ("3.", Reason("an ultrasound picture, without positions in the body")),
    ("12.", Reason("an X-ray projection, no slice of a body")),
    ("1.", Reason("an X-ray projection, no slice of a body")),
)  # fmt: skip
EXACT = {"1": CLASSES[-1][1]}
MODALITIES = {
    "RTDOSE": CLASSES[0][1],
    "RTSTRUCT": CLASSES[1][1],
    "RTPLAN": CLASSES[2][1],
    "SR": CLASSES[3][1],
    "SEG": CLASSES[4][1],
    "PR": CLASSES[7][1],
    "KO": CLASSES[3][1],
}
COLOUR = Reason("a colour picture (RGB or a palette) without measured values", "give the original series")
MOSAIC = Reason(
    "a Siemens mosaic, which has all slices tiled in one picture",
    "convert it with dcm2niix and give the NIfTI file",
)
SCOUT = Reason("a scout (localiser)", "give the series of slices", is_scout=True)
CAPTURE = Reason("a screen capture without positions in the body", "give the original series")
NO_PICTURE = Reason("an object without a picture")
FRAMES = Reason(
    "a multi-frame object without a position for each frame",
    "export the series as single slices or as an enhanced object with per-frame groups",
)
NO_PLACE = Reason(
    "a picture without position, orientation or pixel spacing", "give the original series of the scanner"
)


def storage_class(fields: Fields, dataset: Any) -> str:
    """The SOP class of a data set, from its header where the data set has none."""
    stated = fields.text("SOPClassUID")
    return stated or meta_text(dataset, "MediaStorageSOPClassUID", fields.name)


def reason_against(dataset: Any, fields: Fields) -> Reason | None:
    """Why a data set is not made of slices of measured values, or None if it is."""
    uid, modality = storage_class(fields, dataset), fields.text("Modality").upper()
    kind = uid.removeprefix(_STORAGE) if uid.startswith(_STORAGE) else ""
    if kind in EXACT:
        return EXACT[kind]
    for prefix, reason in CLASSES:
        if kind.startswith(prefix):
            return reason
    if modality in MODALITIES:
        return MODALITIES[modality]
    if not fields.value("Rows") or not fields.value("Columns"):
        if kind in SLICE_CLASSES:
            raise damaged_file(fields.name, "is cut short: its header ends before the size of the picture")
        return NO_PICTURE
    types = set(fields.text("ImageType").upper().split("\\"))
    samples = fields.number("SamplesPerPixel")
    if (samples or 1) > 1 or not fields.text("PhotometricInterpretation").startswith("MONOCHROME"):
        return COLOUR
    if "MOSAIC" in types:
        return MOSAIC
    if types & {"LOCALIZER", "SCOUT"}:
        return SCOUT
    if (fields.number("NumberOfFrames") or 1) > 1 and not fields.value("PerFrameFunctionalGroupsSequence"):
        return FRAMES
    return None

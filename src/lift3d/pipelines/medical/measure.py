"""Sizes of structures and how well two segmentations agree: the pipeline of `lift3d measure`."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from lift3d.errors import InputError
from lift3d.io.files.atomic import write_bytes
from lift3d.io.mesh.meshes import FORMATS, load_mesh
from lift3d.pipelines.arguments import Message, PathLike, or_ignore
from lift3d.pipelines.medical.notice import NOTICE
from lift3d.pipelines.medical.source import labels_of, load_labels, load_volume
from lift3d.types import Labels, Mesh, Volume
from lift3d.units import length_in_metres

FRAMES = ("lps", "ras")
HEAD = 400
"""Bytes at the beginning of a mesh file in which its frame is stated."""
_ENDINGS = (*FORMATS, ".off", ".gltf")
Measurable = PathLike | Volume | Labels | Mesh


@dataclass(frozen=True)
class MeasureReport:
    """rows: a dictionary of numbers for each structure; mean: of the scores over the structures, missing ones included, or None;
    notes: sentences on what was assumed."""

    rows: tuple[dict[str, Any], ...]
    mean: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"notice": NOTICE, "structures": list(self.rows), "mean": self.mean, "notes": list(self.notes)}

    def to_csv(self) -> str:
        """As CSV, with the notice in its first line."""
        out = io.StringIO()
        out.write(f"# {NOTICE}\n")
        writer = csv.DictWriter(out, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return out.getvalue()

    def to_text(self) -> str:
        """As a table of aligned columns."""
        names = list(self.rows[0])
        cells = [names, *([_shown(row[name]) for name in names] for row in self.rows)]
        if self.mean is not None:
            cells.append([_shown("mean" if name == "name" else self.mean.get(name, "")) for name in names])
        widths = [max(len(row[k]) for row in cells) for k in range(len(names))]
        lines = ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths)).rstrip() for row in cells]
        if self.mean is not None and self.mean["missing"]:
            missing, count = self.mean["missing"], self.mean["structures"]
            lines.append(
                f"{missing} of {count} structures are missing in one of the two and count as the worst."
            )
        return "\n".join(lines)


def measure(
    first: Measurable, second: Measurable | None = None, output: PathLike | None = None, *,
    tolerance: str | float = "1mm", frame: str | None = None, message: Message | None = None,
) -> MeasureReport:  # fmt: skip
    """Measure structures, or compare two segmentations. Not a medical device.

    first: labels or a closed mesh; second: labels or a mesh to compare with (the truth), or, for a mesh, a volume whose values
    inside are measured. output: a .csv or .json to write. tolerance: of the NSD, such as "1mm" or metres. frame: "lps" or "ras",
    of the coordinates of meshes; by default what their files state, else LPS.

    Returns volumes in ml, areas in mm2, and of two segmentations Dice, HD95, ASSD and NSD. A structure that only one of the two
    has counts as the worst. InputError for what cannot be measured, and for volumes on different grids."""
    from lift3d.geometry.metrics.segmentation import compare_labels, compare_solids, mean_scores
    from lift3d.geometry.volume.measure import measure_labels, measure_mesh

    if frame is not None and frame not in FRAMES:
        raise InputError(f"there is no frame called {frame}", "give lps or ras")
    metres = length_in_metres(tolerance, "the tolerance")
    assert metres is not None
    notes = list[str]()
    reader = _Reader(frame, notes)
    a = reader.read(first, labels=True)
    b = None if second is None else reader.read(second, labels=not isinstance(a, Mesh))
    mean: dict[str, Any] | None = None
    if isinstance(a, Mesh):
        sizes = measure_mesh(a, _name(first))
        row: dict[str, Any] = {
            "name": sizes.name,
            "volume_ml": round(sizes.volume_ml, 4),
            "area_mm2": round(sizes.area_mm2, 2),
        }
        row |= {"parts": sizes.parts}
        if isinstance(b, Mesh):
            row |= _scores(compare_solids(a, b, 1000 * metres))
        elif b is not None:
            row |= _values_inside(a, b)
        rows = [row]
    elif b is None:
        rows = [
            {
                "id": number, "name": one.name, "volume_ml": round(one.volume_ml, 4), "area_mm2": round(one.area_mm2, 2),
                "voxels": one.voxels, "parts": one.parts,
            }
            for number, one in measure_labels(_as_labels(a)).items()
        ]  # fmt: skip
    elif isinstance(b, Mesh):
        raise InputError(
            "a mesh is given second, and no mesh first",
            "give the mesh first: lift3d measure bone.stl scan.nii.gz",
        )
    else:
        predicted, truth = _as_labels(a), _as_labels(b)
        found = compare_labels(predicted, truth, tolerance=1000 * metres)
        if not found:
            raise InputError("neither file holds a label", "give files of labels")
        names = replace(truth, names={**predicted.names, **truth.names})
        rows = [{"id": number, "name": names.name(number)} | _scores(one) for number, one in found.items()]
        means = asdict(mean_scores(found.values()))
        keys = {"hd95": "hd95_mm", "assd": "assd_mm"}
        mean = {
            keys.get(key, key): round(value, 4) if isinstance(value, float) else value
            for key, value in means.items()
        }
    report = MeasureReport(tuple(rows), mean, tuple(notes))
    for note in notes:
        or_ignore(message)(note)
    if output is not None:
        _write(report, Path(output))
    return report


class _Reader:
    """Reads what is to be measured; notes what was assumed."""

    def __init__(self, frame: str | None, notes: list[str]) -> None:
        self.frame, self.notes = frame, notes

    def read(self, source: Measurable, labels: bool) -> Volume | Labels | Mesh:
        """The source itself, or read from its file; a mesh in millimetres, RAS+. labels: whether a volume file holds labels."""
        if isinstance(source, Volume | Labels):
            return source
        if isinstance(source, Mesh):
            return self._millimetres(source, "the mesh", None)
        path = Path(source)
        if path.suffix.lower() in _ENDINGS:
            mesh = load_mesh(path)
            with open(path, "rb") as file:
                stated = re.search(rb"frame: (LPS|RAS)", file.read(HEAD))
            return self._millimetres(mesh, path.name, stated[1].decode().lower() if stated else None)
        read = load_labels if labels else load_volume
        return read(path, message=self.notes.append)

    def _millimetres(self, mesh: Mesh, name: str, stated: str | None) -> Mesh:
        if mesh.units is None:
            self.notes.append(f"{name} states no unit: its numbers are taken as millimetres")
        frame = self.frame or stated or "lps"
        if self.frame is None and stated is None:
            self.notes.append(f"{name} states no frame: its coordinates are taken as LPS")
        flip = np.array([-1.0, -1, 1]) if frame == "lps" else np.ones(3)
        v = np.asarray(mesh.vertices) * flip * (1.0 if mesh.units is None else 1000.0)
        out = trimesh.Trimesh(v, mesh.faces, process=False, validate=False)
        out.merge_vertices(merge_tex=True, merge_norm=True)
        return out


def _as_labels(source: Volume | Labels) -> Labels:
    return labels_of(source) if isinstance(source, Volume) else source


def _name(source: Measurable) -> str:
    return Path(source).name if isinstance(source, str | Path) else "mesh"


def _scores(scores: Any) -> dict[str, Any]:
    return {
        "dice": round(scores.dice, 4), "hd95_mm": round(scores.hd95, 3), "assd_mm": round(scores.assd, 3),
        "nsd": round(scores.nsd, 4), "volume_ml": round(scores.predicted_ml, 4), "true_ml": round(scores.true_ml, 4),
        "missing": scores.missing,
    }  # fmt: skip


def _values_inside(mesh: Mesh, volume: Volume | Labels) -> dict[str, Any]:
    """Statistics of the values of a volume inside a mesh. InputError where the mesh lies outside of the volume."""
    from lift3d.geometry.volume.voxelize import voxelize

    values = volume.values if isinstance(volume, Volume) else volume.ids
    inside = voxelize(mesh, volume)
    count = int(inside.sum())
    if not count:
        raise InputError(
            "the mesh lies outside of the volume",
            "check that both are of one scan and in one frame: --frame lps or ras",
        )
    found = np.asarray(values[inside], np.float64)
    unit = volume.unit if isinstance(volume, Volume) and volume.unit else "value"
    return {
        "voxels_ml": round(count * volume.voxel_volume / 1000, 4), f"mean_{unit}": round(float(found.mean()), 2),
        f"sd_{unit}": round(float(found.std()), 2), f"least_{unit}": round(float(found.min()), 2),
        f"largest_{unit}": round(float(found.max()), 2),
    }  # fmt: skip


def _write(report: MeasureReport, path: Path) -> None:
    ending = path.suffix.lower()
    if ending not in (".csv", ".json"):
        raise InputError(f"{path.name} cannot be written", "give a name that ends in .csv or .json")
    text = report.to_csv() if ending == ".csv" else json.dumps(report.to_dict(), indent=1) + "\n"
    write_bytes(path, text.encode("utf-8"))


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)

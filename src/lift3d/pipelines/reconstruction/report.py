"""NAME.report.json: everything about a run in one file (docs/photos.md explains each entry)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lift3d.io.files.checksum import file_sha256
from lift3d.pipelines.reconstruction.finish import Model
from lift3d.runtime.environment import versions
from lift3d.runtime.runner import Run

if TYPE_CHECKING:
    from lift3d.geometry.mesh.solidity import SolidReport

SCHEMA = 1
PREDICATES = ("finite", "closed", "oriented", "positive_volume", "no_self_intersection", "no_debris")


def model_report(
    model: Model, solid: SolidReport | None, run: Run, options: dict[str, Any], command: Sequence[str]
) -> dict[str, Any]:
    """The JSON-able report of a finished run. solid: of an object; None for a scene."""
    evidence = run.context.report
    mesh = model.mesh
    extent = np.ptp(np.asarray(mesh.vertices), axis=0)
    return {
        "schema": SCHEMA,
        **versions(),
        "command": list(command),
        "options": options,
        "seed": run.context.seed,
        "inputs": inputs(evidence),
        "kind": model.kind,
        "kind_why": model.reason,
        "model": {
            "faces": len(mesh.faces),
            "vertices": len(mesh.vertices),
            "unit": mesh.units,
            "size": [round(float(e), 6) for e in extent],
            "scale": {"given": model.scale.given, "how": model.scale.how},
            "coverage": evidence.get("images_to_texture", {}).get("coverage"),
            "solid": None if solid is None else {name: getattr(solid, name) for name in PREDICATES},
            "is_solid": solid is not None and solid.is_solid,
            "open": "a scene is open by nature and not checked as a solid" if solid is None else None,
        },
        "memory": {"budget": run.context.memory_budget, **_peak(run)},
        "run": run.recorder.summary(),
        "evidence": evidence,
        "warnings": run.warnings,
    }


def files(folder: Path) -> dict[str, dict[str, Any]]:
    """Checksum and size in bytes of each file in `folder`, by name."""
    return {p.name: {"sha256": file_sha256(p), "bytes": p.stat().st_size} for p in sorted(folder.iterdir())}


def inputs(evidence: dict[str, Any]) -> list[dict[str, Any]]:
    """Each photo, or the video with its frames: checksum, whether it was used, and why not."""
    found = evidence.get("images_to_cameras") or evidence.get("rgbd_to_cameras") or {}
    cameras = {entry["name"]: entry for entry in found.get("photos", [])}

    def with_status(entry: dict[str, Any]) -> dict[str, Any]:
        return {**entry, **cameras.get(entry["name"], {})}

    video = evidence.get("read_video")
    if video is not None:
        frames = [with_status(frame) for frame in video["keyframes"]]
        return [{**video["inputs"][0], "frames": frames}]
    read = evidence.get("read_photos") or evidence.get("read_scan") or {}
    return [with_status(entry) for entry in read.get("inputs", [])]


def _peak(run: Run) -> dict[str, int]:
    peak = run.recorder.summary()["peak_memory"]
    return {"peak": peak, "over_budget": max(0, peak - run.context.memory_budget)}

"""Several models as one result: a sequence of meshes, in memory or in the folder that they were written to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.types import Mesh

FORMATS = ("glb", "stl", "3mf", "obj", "ply", "usdz")
SHEET, REPORT = "sheet.png", "report.json"
MAX_TILES = 64
"""Models that the contact sheet of many shows."""
TILE = 192
"""Side of a model's picture on the contact sheet in pixels."""


class Models(Sequence[Mesh]):
    """Models in their order. Items are `trimesh.Trimesh`, z up; after writing they are loaded from their files on access, so
    that any number of models fits into memory.

    names: stems of the files, as "chair-01"; paths: the files, () for models in memory; report: what was done, as JSON values,
    with one entry of report["models"] for each model.
    """

    def __init__(
        self,
        names: Sequence[str],
        report: dict[str, Any],
        meshes: Sequence[Mesh] | None = None,
        paths: Sequence[Path] = (),
    ) -> None:
        if len(names) != len(paths if meshes is None else meshes):
            raise ValueError(f"{len(names)} names for {len(paths if meshes is None else meshes)} models")
        self.names, self.report, self.paths = tuple(names), report, tuple(paths)
        self._meshes = None if meshes is None else tuple(meshes)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Mesh: ...

    @overload
    def __getitem__(self, index: slice) -> Models: ...

    def __getitem__(self, index: int | slice) -> Mesh | Models:
        """One mesh, or a part of the sequence."""
        if isinstance(index, slice):
            meshes = None if self._meshes is None else self._meshes[index]
            return Models(self.names[index], self.report, meshes, self.paths[index])
        if self._meshes is not None:
            return self._meshes[index]
        from lift3d.io.mesh.meshes import load_mesh

        return load_mesh(self.paths[index])

    def save(self, folder: str | Path, format: str = "glb") -> Path:
        """Write NAME.FORMAT for each model, sheet.png and report.json into a new folder, which appears when all are complete.

        Returns the path of the folder. Raises InputError for a folder that is not empty, SolidError for a model that is not
        solid in its file.
        """
        from lift3d.io.files.staging import staging_folder

        folder = Path(folder)
        format = require_format(format)
        require_new_folder(folder)
        with staging_folder(folder) as staged:
            writer = ModelWriter(staged, format, MAX_TILES)
            for name, mesh in zip(self.names, self):
                writer.add(name, mesh)
            writer.finish(self.report)
        return folder


class ModelWriter:
    """Writes models with a contact sheet and a report into a staged folder.

    max_tiles: the number of models shown on the sheet, None for all.
    """

    def __init__(self, folder: Path, format: str, max_tiles: int | None = None) -> None:
        self.folder, self.format, self.max_tiles = folder, format, max_tiles
        self.names: list[str] = []
        self.files: list[str] = []
        self.tiles: list[NDArray[np.uint8]] = []

    def add(self, name: str, mesh: Mesh) -> str:
        """Write a model and return its file name. Raises SolidError when the mesh read back from the file is not solid."""
        from lift3d.geometry.mesh.solidity import require_solid
        from lift3d.io.mesh.meshes import load_mesh, save_mesh

        file = f"{name}.{self.format}"
        save_mesh(mesh, self.folder / file)
        require_solid(load_mesh(self.folder / file))
        self.names.append(name)
        self.files.append(file)
        if self.max_tiles is None or len(self.tiles) < self.max_tiles:
            self.tiles.append(thumbnail(mesh))
        return file

    def finish(self, report: dict[str, Any]) -> dict[str, Any]:
        """Write sheet.png and report.json; returns the report with the file name of each entry of report["models"]."""
        from lift3d.io.image.contact_sheet import contact_sheet

        columns = 3 if len(self.tiles) == 9 else min(len(self.tiles), 8)
        sheet = contact_sheet(self.tiles, self.files[: len(self.tiles)], columns)
        sheet.save(self.folder / SHEET, format="PNG")
        rows = [{**row, "file": file} for row, file in zip(report["models"], self.files)]
        report = {**report, "models": rows}
        (self.folder / REPORT).write_text(json.dumps(report, indent=1) + "\n", "utf-8")
        return report

    def models(self, folder: Path, report: dict[str, Any]) -> Models:
        """The written models, once the staged folder has become `folder`."""
        return Models(self.names, report, paths=[folder / file for file in self.files])


def require_format(format: str) -> str:
    """The format in lower case without a leading dot. Raises InputError for an unknown one, MissingExtra for one that needs
    an optional package."""
    format = format.lstrip(".").lower()
    if format not in FORMATS:
        raise InputError(f"{format} is not a model format", f"use one of {' '.join(FORMATS)}")
    if format == "usdz":
        from lift3d.runtime.environment import require_extra

        require_extra("usdz", "writing USDZ")
    return format


def require_new_folder(folder: Path) -> None:
    """Raise InputError for a file, or a folder that is not empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "holds other files already" if folder.is_dir() else "is a file"
        raise InputError(f"{folder} {what}", "name a new folder with -o")


def model_names(stem: str, count: int) -> list[str]:
    """ "chair", 2 -> ["chair-01", "chair-02"]; as many digits as the last number has, at least two."""
    digits = max(2, len(str(count)))
    return [f"{stem}-{i + 1:0{digits}d}" for i in range(count)]


def thumbnail(mesh: Mesh, side: int = TILE) -> NDArray[np.uint8]:
    """(side, side, 3) uint8 sRGB: the model from the front, the right and above."""
    from lift3d.io.image.contact_sheet import render_tile
    from lift3d.types import Part

    vertices, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
    return render_tile([Part(vertices, faces)], side)


def longest_side(mesh: Mesh) -> float:
    """The longest side of the bounding box, in the mesh's unit."""
    return float(np.ptp(np.asarray(mesh.vertices), axis=0).max())

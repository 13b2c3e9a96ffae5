"""USDZ in (the extra `usdz`): every visible mesh and implicit shape of the scene with its colours and base textures.

The archive is checked before OpenUSD opens it, and a layer that refers to anything outside the archive is refused.
Untrusted files are read through `usdz_worker`.
"""

from __future__ import annotations

import posixpath
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from lift3d.errors import InputError, MissingExtra, damaged_file
from lift3d.geometry.parts.convert import y_up_to_z_up
from lift3d.io.mesh import zip_archive as archives
from lift3d.io.mesh.common import only_colour_note
from lift3d.io.mesh.usd.materials import Looks
from lift3d.io.mesh.usd.meshes import Meshes
from lift3d.io.mesh.usd.placement import Placement
from lift3d.io.mesh.usd.skeletons import poses
from lift3d.io.mesh.usd.textures import Shaders, Textures
from lift3d.types import Model

_LAYERS = (".usd", ".usda", ".usdc")


def open_usd() -> Any:
    """The package pxr with the modules used here loaded; MissingExtra where it is not installed."""
    try:
        import pxr
        from pxr import Gf, Sdf, Tf, Usd, UsdGeom, UsdShade, UsdSkel, Vt  # noqa: F401
    except ImportError as error:
        raise MissingExtra("USDZ", "usdz") from error
    return pxr


def read(data: bytes, path: Path) -> Model:
    """All visible surfaces of the first layer's scene, Z up. Raises InputError for a damaged file."""
    pxr = open_usd()
    archive = archives.Archive(data, path.name)
    layers = [n for n in archive.names() if n.lower().endswith(_LAYERS)]
    if not layers:
        raise damaged_file(path.name, "is a zip archive without a USD layer")
    with tempfile.TemporaryDirectory() as folder:
        for name in layers:
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(name))
        try:
            for name in layers:
                layer = pxr.Sdf.Layer.FindOrOpen(str(Path(folder, name)))
                for reference in layer.GetCompositionAssetDependencies() if layer else []:
                    inside = posixpath.normpath(posixpath.join(posixpath.dirname(name), reference))
                    if reference and inside not in archive.entries:
                        raise InputError(
                            f"{path.name} refers to a file outside it ({reference[:80]!r})",
                            "export it with all its files",
                        )
            stage = pxr.Usd.Stage.Open(str(Path(folder, layers[0])))
            return _model(pxr, stage, archive, str(Path(folder)).replace("\\", "/"), layers[0], path.name)
        except pxr.Tf.ErrorException as error:
            raise damaged_file(path.name, "is damaged") from error


def _model(pxr: Any, stage: Any, archive: archives.Archive, folder: str, root: str, name: str) -> Model:
    """The parts of a stage whose layers lie in `folder`; root: the archive's entry of its root layer."""
    geometry = pxr.UsdGeom
    unit: str | None = "m"
    scale = float(geometry.GetStageMetersPerUnit(stage))
    if stage.GetRootLayer().customLayerData.get("lift3d_unit") == "null":
        unit, scale = None, 1.0
    placement = Placement(pxr, stage, name)
    drawn = placement.drawn()
    warnings = placement.warnings
    looks = Looks(pxr, Textures(Shaders(pxr), archive, folder, root, warnings), warnings)
    meshes = Meshes(pxr, looks, poses(pxr, stage, placement.transforms, warnings), name, warnings)
    parts = [part for one in drawn for part in meshes.parts(one)]
    if not parts and warnings:
        raise InputError(f"{name} holds no triangles ({warnings[0]})", "export it as polygons")
    if meshes.subdivided:
        warnings.append(
            f"subdivision surfaces in {name} are read as their control meshes ({meshes.subdivided})"
        )
    if looks.unread:
        warnings.append(only_colour_note(looks.unread))
    y_up = geometry.GetStageUpAxis(stage) == geometry.Tokens.y
    turned = [y_up_to_z_up(part.vertices * scale) if y_up else part.vertices * scale for part in parts]
    parts = [replace(part, vertices=v) for part, v in zip(parts, turned)]
    return Model(parts, unit, list(dict.fromkeys(warnings)))

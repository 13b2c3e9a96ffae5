"""Which prims of a USD stage are drawn, and where: visibility, purpose, instances and point instancers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from lift3d.errors import damaged_file
from lift3d.io.mesh.usd.shapes import NAMES
from lift3d.types import F64

MAX_INSTANCES = 1_000_000
MAX_DEPTH = 8
"""Point instancers within point instancers."""
_OTHERS = {
    "BasisCurves": "curves", "NurbsCurves": "curves", "HermiteCurves": "curves", "Points": "points",
    "NurbsPatch": "NURBS patches", "Volume": "volumes", "ParticleField": "splats", "ParticleField3DGaussianSplat": "splats",
}  # fmt: skip
"""Types of prims that are visible in other programs and not read."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A mesh or implicit shape. matrices (N, 4, 4): from it to the world, for row vectors, one for each instance."""

    prim: Any
    matrices: F64


class Placement:
    """The drawn prims of a stage. `warnings` says what is not drawn."""

    def __init__(self, pxr: Any, stage: Any, name: str) -> None:
        self.pxr, self.stage, self.name = pxr, stage, name
        self.time = pxr.Usd.TimeCode.EarliestTime()
        self.transforms = pxr.UsdGeom.XformCache(self.time)
        self.hidden, self.guides, self.others = 0, 0, Counter[str]()
        self.instances = 0
        self.warnings: list[str] = []

    def drawn(self) -> list[Drawn]:
        """All visible meshes and shapes for final rendering; those of purpose "proxy" where there are no others."""
        found: dict[str, list[Drawn]] = {"default": [], "proxy": []}
        self._walk(self.stage.GetPseudoRoot(), None, np.eye(4)[None], "default", found, 0)
        chosen = found["default"] or found["proxy"]
        if not found["default"] and found["proxy"]:
            self.warnings.append(f"{self.name} holds only proxies of shapes that are not in it")
        elif not chosen and self.guides:
            self.warnings.append(f"all prims of {self.name} are guides, which are not part of the model")
        self._report()
        return chosen

    def _report(self) -> None:
        if self.hidden:
            what = "invisible prims are" if self.hidden > 1 else "invisible prim is"
            self.warnings.append(f"{self.hidden} {what} left out of {self.name}")
        if self.guides:
            what = "guides are" if self.guides > 1 else "guide is"
            self.warnings.append(f"{self.guides} {what} left out of {self.name}")
        for kind in sorted(self.others):
            self.warnings.append(
                f"the {kind} in {self.name} are left out: only surfaces of polygons are read"
            )

    def _walk(
        self, top: Any, prototype: Any, outer: F64, purpose: str, found: dict[str, list[Drawn]], depth: int
    ) -> None:
        """Collect what is drawn at and below `top`. prototype: the root of the prototype that holds it, or None; outer (N, 4, 4):
        from the frame of that prototype, or of the stage, to the world."""
        usd, geometry = self.pxr.Usd, self.pxr.UsdGeom
        everything = usd.PrimIsActive & usd.PrimIsLoaded
        predicate = everything if prototype is not None else usd.PrimDefaultPredicate
        stack = [(top, purpose)]
        while stack:
            prim, purpose = stack.pop()
            imageable = geometry.Imageable(prim)
            if imageable:
                if imageable.GetVisibilityAttr().Get(self.time) == geometry.Tokens.invisible:
                    self.hidden += 1
                    continue
                attribute = imageable.GetPurposeAttr()
                purpose = str(attribute.Get()) if attribute.HasAuthoredValue() else purpose
            kind = str(prim.GetTypeName())
            if kind == "PointInstancer":
                self._instancer(prim, prototype, outer, purpose, found, depth)
                continue
            where = found["proxy"] if purpose == "proxy" else found["default"]
            if purpose == "guide":
                self.guides += bool(prim.IsA(geometry.Gprim))
            else:
                if prim.IsA(geometry.Mesh) or kind in NAMES or kind == "TetMesh":
                    where.append(Drawn(prim, self._local(prim, prototype) @ outer))
                elif kind in _OTHERS:
                    self.others[_OTHERS[kind]] += 1
            children = prim.GetFilteredChildren(usd.TraverseInstanceProxies(predicate))
            stack += [(child, purpose) for child in reversed(children)]

    def _local(self, prim: Any, prototype: Any) -> F64:
        """(4, 4) from a prim to the stage, or to its prototype's root."""
        if prototype is None:
            return np.array(self.transforms.GetLocalToWorldTransform(prim))
        if prim == prototype:
            return np.eye(4)
        return np.array(self.transforms.ComputeRelativeTransform(prim, prototype)[0])

    def _instancer(
        self, prim: Any, prototype: Any, outer: F64, purpose: str, found: dict[str, list[Drawn]], depth: int
    ) -> None:
        """Collect the prototypes of a point instancer once for each of its visible instances."""
        instancer = self.pxr.UsdGeom.PointInstancer(prim)
        indices = np.array(instancer.GetProtoIndicesAttr().Get(self.time) or [], np.int64)
        targets = instancer.GetPrototypesRel().GetForwardedTargets()
        positions = instancer.GetPositionsAttr().Get(self.time) or []
        if depth >= MAX_DEPTH or len(indices) > MAX_INSTANCES or len(positions) != len(indices):
            raise damaged_file(
                self.name, "has a point instancer with positions that do not match, or too many"
            )
        if len(indices) == 0:
            return
        if indices.min() < 0 or indices.max() >= len(targets):
            raise damaged_file(self.name, "has a point instancer that refers to a prototype it does not hold")
        include, ignore = instancer.IncludeProtoXform, instancer.IgnoreMask
        own = np.array(instancer.ComputeInstanceTransformsAtTime(self.time, self.time, include, ignore))
        if own.shape != (len(indices), 4, 4):
            raise damaged_file(self.name, "has a point instancer whose attributes differ in length")
        mask = instancer.ComputeMaskAtTime(self.time)
        shown = np.array(mask, bool) if len(mask) == len(indices) else np.ones(len(indices), bool)
        own = own @ self._local(prim, prototype)
        for number, target in enumerate(targets):
            chosen = own[shown & (indices == number)]
            root = self.stage.GetPrimAtPath(target)
            if not len(chosen) or not root:
                continue
            self.instances += len(chosen) * len(outer)
            if self.instances > MAX_INSTANCES:
                raise damaged_file(self.name, f"holds more than {MAX_INSTANCES} instances")
            matrices = (chosen[:, None] @ outer[None]).reshape(-1, 4, 4)
            self._walk(root, root, matrices, purpose, found, depth + 1)

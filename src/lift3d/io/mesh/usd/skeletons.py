"""Skinned meshes of USD in the pose of their skeletons at the first time of the stage."""

from __future__ import annotations

from typing import Any

import numpy as np

from lift3d.types import F64

Pose = tuple[F64, F64]
"""Points (V, 3), and the matrix (4, 4) for row vectors from their frame to the stage."""


def poses(pxr: Any, stage: Any, transforms: Any, warnings: list[str]) -> dict[str, Pose]:
    """The posed points of every skinned mesh by its path. transforms: the stage's UsdGeom.XformCache."""
    time, predicate = pxr.Usd.TimeCode.EarliestTime(), pxr.Usd.PrimDefaultPredicate
    skel, found = pxr.UsdSkel, dict[str, Pose]()
    cache = skel.Cache()
    for prim in stage.Traverse():
        if not prim.IsA(skel.Root):
            continue
        root = skel.Root(prim)
        cache.Populate(root, predicate)
        for binding in cache.ComputeSkelBindings(root, predicate):
            skeleton = cache.GetSkelQuery(binding.GetSkeleton())
            moved = skeleton.ComputeSkinningTransforms(time) if skeleton else None
            if moved is None:
                continue
            frame = np.array(transforms.GetLocalToWorldTransform(skeleton.GetPrim()))
            for target in binding.GetSkinningTargets():
                path = str(target.GetPrim().GetPath())
                pose = _pose(pxr, target, moved, frame, time)
                if pose is not None:
                    found[path] = pose
                if target.HasBlendShapes() and skeleton.GetAnimQuery():
                    warnings.append("blend shapes are read without their weights")
    return found


def _pose(pxr: Any, target: Any, moved: Any, frame: F64, time: Any) -> Pose | None:
    """The pose of one mesh; None where it has no influences of joints."""
    if not target.HasJointInfluences():
        return None
    points = pxr.UsdGeom.PointBased(target.GetPrim()).GetPointsAttr().Get(time)
    if points is None:
        return None
    mapper = target.GetJointMapper()
    if mapper and not mapper.IsNull() and not mapper.IsIdentity():
        moved = mapper.RemapTransforms(moved, 1)
    if target.IsRigidlyDeformed():
        own = target.ComputeSkinnedTransform(moved, time)
        return None if own is None else (np.array(points, np.float64).reshape(-1, 3), np.array(own) @ frame)
    done = target.ComputeSkinnedPoints(moved, points, time)  # changes `points`
    return (np.array(points, np.float64).reshape(-1, 3), frame) if done else None

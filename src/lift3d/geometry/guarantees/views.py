"""Guarantees about images, cameras, depth maps and predictions from photos."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy import ndimage

from lift3d.geometry.camera.projection import pixel_rays, project, unproject
from lift3d.geometry.mesh.distances import build_search_tree, hits_in_tree
from lift3d.mapping import Guarantee, Mapping
from lift3d.types import Camera, DepthMaps, Image, Mesh, Photos, SolidPrediction, Views

AnyMapping = Mapping[Any, Any]


def _one_object(mapping: AnyMapping, source: Image, result: Image) -> str | None:
    count = ndimage.label(result.mask)[1]
    return None if count == 1 or source.mask is not None else f"the mask has {count} components"


def _given_mask_kept(mapping: AnyMapping, source: Image, result: Image) -> str | None:
    mask = np.zeros(source.pixels.shape[:2], bool)
    mask[::2, 1::3] = True
    kept = mapping(dataclasses.replace(source, mask=mask, segmentation=None)).mask
    return None if np.array_equal(kept, mask) else "a given mask is changed"


def _upright(mapping: AnyMapping, source: Photos, result: SolidPrediction) -> str | None:
    voxels = result.voxels
    step = float(voxels.affine[0, 0])
    corners = np.argwhere(voxels.inside) @ voxels.affine[:3, :3].T + voxels.affine[:3, 3]
    bottom, longest = float(corners[:, 2].min()) - step / 2, float(np.ptp(corners, axis=0).max()) + step
    good = abs(bottom) < 2 * step and abs(longest - 1) < 4 * step
    return None if good else f"stands on z = {bottom:.3f}, longest side {longest:.3f}"


def _behind_photo(mapping: AnyMapping, source: Photos, result: SolidPrediction) -> str | None:
    voxels, image, camera = result.voxels, result.views.images[0], result.views.cameras[0]
    assert image.mask is not None
    centres = np.argwhere(voxels.inside) @ voxels.affine[:3, :3].T + voxels.affine[:3, 3]
    uv, z = project(camera, centres)
    width = int(np.ceil(camera.fx * float(voxels.affine[0, 0]) / float(z.min())))
    wide = ndimage.binary_dilation(image.mask, iterations=max(1, width))
    column, row = np.floor(uv).astype(int).T
    within = (column >= 0) & (column < image.width) & (row >= 0) & (row < image.height)
    share = float((wide[row.clip(0, image.height - 1), column.clip(0, image.width - 1)] & within).mean())
    return None if share > 0.9 else f"only {100 * share:.0f} % of the voxels project into the mask"


def _order_of_photos(mapping: AnyMapping, source: Photos, result: SolidPrediction) -> str | None:
    other = mapping(dataclasses.replace(source, images=(source.images[0], *source.images[:0:-1])))
    same = other.voxels.values.shape == result.voxels.values.shape
    same = same and np.allclose(other.voxels.values, result.voxels.values, atol=1e-3)
    return None if same else "another order of the other photos changes the prediction"


def _photos_explained(mapping: AnyMapping, source: Photos, result: Views) -> str | None:
    if [p.name for p in result.photos] != [image.name for image in source.images]:
        return "the status of a photo is missing"
    silent = [p.name for p in result.photos if not p.placed and not p.reason]
    placed = [p.name for p in result.photos if p.placed] == [image.name for image in result.images]
    return None if placed and not silent else f"left out without a reason: {silent}"


def _observations_valid(mapping: AnyMapping, source: Any, result: Views) -> str | None:
    for i, camera in enumerate(result.cameras):
        rows = result.observations[result.observations[:, 0] == i, 1]
        uv, z = project(camera, result.points.xyz[rows])
        inside = ((uv >= -1) & (uv <= [camera.width + 1, camera.height + 1])).all(1) & (z > 0)
        if len(rows) and inside.mean() < 0.98:
            return f"observed points lie outside view {i}"
    return None


def _pinhole(mapping: AnyMapping, source: Any, result: Views) -> str | None:
    sizes = all((i.width, i.height) == (c.width, c.height) for i, c in zip(result.images, result.cameras))
    return None if sizes and all(c.distortion == () for c in result.cameras) else "an image is distorted"


def _one_map_per_view(mapping: AnyMapping, source: Views, result: DepthMaps) -> str | None:
    if len(result.depths) != len(source):
        return f"{len(result.depths)} maps for {len(source)} views"
    for depth in result.depths:
        if not (np.isfinite(depth.z).all() and depth.z.min() >= 0):
            return "a depth is negative or not finite"
        if depth.normals is not None:
            rays = pixel_rays(depth.camera)
            facing = np.einsum("hwc,hwc->hw", depth.normals.astype(np.float64), rays)
            if (facing[depth.z > 0] >= 0).any():
                return "a normal does not face its camera"
    return None


def _depths_agree(mapping: AnyMapping, source: Views, result: DepthMaps) -> str | None:
    """Measured pixels of each map, seen by the map that sees most of them: within 5 % of its depth."""
    for i, depth in enumerate(result.depths):
        known = depth.z > 0
        if depth.propagated is not None:
            known &= ~depth.propagated
        if known.sum() < 50:
            continue
        world = unproject(depth.camera, depth.z)[known][::7]
        close = np.zeros(len(world), bool)
        for j, other in enumerate(result.depths):
            if j != i:
                close |= _agrees(world, other.camera, other.z)
        if close.mean() < 0.8:
            return f"{100 * (1 - close.mean()):.0f} % of the depths of view {i} are seen by no other view"
    return None


def _agrees(world: Any, camera: Camera, z: Any) -> Any:
    """(N,) bool: whether a depth map measures the points (N, 3)."""
    uv, depth = project(camera, world)
    column, row = np.floor(uv).astype(int).T
    within = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height) & (depth > 0)
    seen = z[row.clip(0, camera.height - 1), column.clip(0, camera.width - 1)]
    return within & (np.abs(seen - depth) < 0.05 * depth)


def _exact_masks(mapping: AnyMapping, source: Mesh, result: Views) -> str | None:
    tree = build_search_tree(np.asarray(source.vertices, np.float64), np.asarray(source.faces, np.int32))
    for image, camera in zip(result.images, result.cameras):
        rows, columns = (np.arange(2, n, 5) for n in (image.height, image.width))
        rays = (pixel_rays(camera)[np.ix_(rows, columns)] @ camera.R).reshape(-1, 3)
        hit = hits_in_tree(tree, np.tile(camera.centre, (len(rays), 1)), rays, 0.0)[1] >= 0
        assert image.mask is not None
        wrong = int((hit != image.mask[np.ix_(rows, columns)].reshape(-1)).sum())
        if wrong > 0.002 * len(rays):
            return f"{wrong} of {len(rays)} pixel centres of {image.name} disagree with rays"
    return None


ONE_OBJECT = Guarantee("one_object", "one connected object", _one_object)
GIVEN_MASK_KEPT = Guarantee(
    "given_mask_kept", "transparency and given masks are taken as they are", _given_mask_kept
)
UPRIGHT = Guarantee("upright", "upright, standing on z = 0, longest side 1", _upright)
BEHIND_PHOTO = Guarantee(
    "behind_photo", "the prediction projects into the mask of the first photo", _behind_photo
)
ORDER_OF_PHOTOS = Guarantee(
    "order_of_photos", "the order of the other photos does not matter", _order_of_photos
)
PHOTOS_EXPLAINED = Guarantee("photos_explained", "every photo left out has a reason", _photos_explained)
OBSERVATIONS_VALID = Guarantee(
    "observations_valid", "observed points project into the images that observe them", _observations_valid
)
PINHOLE = Guarantee("pinhole", "images are undistorted", _pinhole)
ONE_MAP_PER_VIEW = Guarantee(
    "one_map_per_view", "one depth map per view, normals facing the camera", _one_map_per_view
)
DEPTHS_AGREE = Guarantee("depths_agree", "measured depths are confirmed by other views", _depths_agree)
EXACT_MASKS = Guarantee("exact_masks", "masks are exact at pixel centres", _exact_masks)

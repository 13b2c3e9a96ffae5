"""Features of photos and their verified matches, in COLMAP's database.

A `Workspace` is a folder with the grey photos, their masks and the database. Image ids are fixed before the threads start and
every random choice takes the seed, so the same photos give the same matches. Only SIFT is used: the learned extractors that
pycolmap lists crash the interpreter in its wheel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy.ndimage import binary_dilation

from lift3d.geometry.sfm.colmap import pycolmap
from lift3d.types import F32, F64, Image


@dataclass(frozen=True)
class SfmOptions:
    """Settings of feature extraction, matching and mapping.

    max_features: per photo, of which some count twice, with two orientations; peak_threshold: least contrast of a feature;
    affine_shape: estimate affine-covariant features; max_ratio: of Lowe's ratio test; min_inliers: matches that a pair or a pose
    needs; init_min_inliers, init_min_angle: matches and triangulation angle (degrees) of the initial pair.
    """

    max_features: int = 5000
    peak_threshold: float = 0.004
    affine_shape: bool = False
    max_ratio: float = 0.8
    min_inliers: int = 12
    init_min_inliers: int = 50
    init_min_angle: float = 12.0


def effort_for(count: int) -> SfmOptions:
    """The extraction and matching settings of the first attempt: more features and lower thresholds for few photos."""
    if count <= 20:
        return SfmOptions(max_features=6000, peak_threshold=0.002, min_inliers=12, init_min_inliers=40)
    if count <= 40:
        return SfmOptions(max_features=3500, peak_threshold=0.004, min_inliers=15)
    return SfmOptions(max_features=3000, peak_threshold=0.0067, min_inliers=15)


@dataclass
class Workspace:
    """A folder prepared for COLMAP: photos[k] is file names[k] with database id ids[k].

    groups: indices of photos that share a lens; masked: masks limit the features.
    """

    folder: Path
    photos: Sequence[Image]
    groups: list[list[int]]
    names: list[str]
    ids: list[int] = field(default_factory=list)
    masked: bool = False

    @property
    def database(self) -> Path:
        """Path of the database."""
        return self.folder / "database.db"

    @property
    def pictures(self) -> Path:
        """Folder of the grey photos."""
        return self.folder / "photos"


@dataclass(frozen=True)
class Pair:
    """Photos i < j, with their verified matches (M, 2) as keypoint indices."""

    i: int
    j: int
    matches: NDArray[np.uint32]


def lens_groups(photos: Sequence[Image], shared: bool | None) -> list[list[int]]:
    """Indices of the photos in groups of shared intrinsics.

    shared: True, one group per image size; False, one group per photo; None, by size and EXIF focal length (to 1 %).
    """
    if shared is False:
        return [[k] for k in range(len(photos))]
    groups: dict[tuple[int, int, int], list[int]] = {}
    for k, photo in enumerate(photos):
        focal = 0 if photo.focal is None or shared else round(np.log(photo.focal) / 0.01)
        groups.setdefault((photo.width, photo.height, focal), []).append(k)
    return list(groups.values())


def silence_colmap() -> None:
    """Keep COLMAP from writing to the terminal; failures show in what its functions return."""
    pycolmap.logging.minloglevel = 3


def open_workspace(
    folder: Path,
    photos: Sequence[Image],
    shared: bool | None = None,
    model: str | None = None,
    focals: Sequence[float | None] | None = None,
    use_masks: bool = True,
    groups: list[list[int]] | None = None,
) -> Workspace:
    """Write photos, masks and a database with cameras and images to `folder`.

    shared: see `lens_groups`; groups: photos that share a lens, instead. model: COLMAP camera model, SIMPLE_RADIAL if None.
    focals: initial focal lengths in pixels, those of the photos if None, 1.2 times the longer side where unknown.
    """
    silence_colmap()
    groups = lens_groups(photos, shared) if groups is None else groups
    names = [""] * len(photos)
    masked = use_masks and any(photo.mask is not None for photo in photos)
    for g, members in enumerate(groups):
        (folder / "photos" / f"{g:04d}").mkdir(parents=True)
        (folder / "masks" / f"{g:04d}").mkdir(parents=True)
        for k in members:
            names[k] = f"{g:04d}/{k:05d}.pgm"
            grey = np.clip(photos[k].grey + 0.5, 0, 255).astype(np.uint8)
            Pillow.fromarray(grey).save(folder / "photos" / names[k])
            if masked:
                mask = photos[k].mask
                foreground = (
                    np.ones(grey.shape, bool) if mask is None else binary_dilation(mask, iterations=2)
                )
                Pillow.fromarray(foreground.astype(np.uint8) * 255).save(folder / "masks" / f"{names[k]}.png")
    workspace = Workspace(folder, photos, groups, names, masked=masked)
    pycolmap.Database.open(workspace.database).close()
    reader = pycolmap.ImageReaderOptions()
    ordered = [names[k] for members in groups for k in members]
    pycolmap.import_images(
        workspace.database, workspace.pictures, pycolmap.CameraMode.PER_FOLDER, ordered, reader
    )
    database = pycolmap.Database.open(workspace.database)
    by_name = {image.name: image for image in database.read_all_images()}
    workspace.ids = [by_name[name].image_id for name in names]
    for members in groups:
        first = photos[members[0]]
        known = [f for f in ((focals or [p.focal for p in photos])[k] for k in members) if f]
        focal = float(np.median(known)) if known else 1.2 * max(first.width, first.height)
        camera_id = by_name[names[members[0]]].camera_id
        name = model or "SIMPLE_RADIAL"
        camera = pycolmap.Camera.create_from_model_name(camera_id, name, focal, first.width, first.height)
        camera.has_prior_focal_length = bool(known)
        database.update_camera(camera)
    database.close()
    return workspace


def extract_features(workspace: Workspace, settings: SfmOptions) -> None:
    """Fill the database with SIFT features (Lowe 2004; affine shape: Mikolajczyk & Schmid 2004), replacing earlier ones."""
    database = pycolmap.Database.open(workspace.database)
    database.clear_two_view_geometries()
    database.clear_matches()
    database.clear_descriptors()
    database.clear_keypoints()
    database.close()
    options = pycolmap.FeatureExtractionOptions()
    options.use_gpu = False
    options.sift.max_num_features = settings.max_features
    options.sift.peak_threshold = settings.peak_threshold
    options.sift.estimate_affine_shape = settings.affine_shape
    reader = pycolmap.ImageReaderOptions()
    if workspace.masked:
        reader.mask_path = workspace.folder / "masks"
    pycolmap.extract_features(
        workspace.database,
        workspace.pictures,
        workspace.names,
        pycolmap.CameraMode.PER_FOLDER,
        reader,
        options,
        pycolmap.Device.cpu,
    )


def read_descriptors(workspace: Workspace) -> list[F32]:
    """Descriptors (n_i, 128) float32 of every photo."""
    database = pycolmap.Database.open(workspace.database)
    out = [np.asarray(database.read_descriptors(i).data, np.uint8).astype(np.float32) for i in workspace.ids]
    database.close()
    return out


def read_keypoints(workspace: Workspace) -> list[F64]:
    """Pixel positions (n_i, 2) of every photo's features."""
    database = pycolmap.Database.open(workspace.database)
    out = [np.asarray(database.read_keypoints(i), np.float64)[:, :2] for i in workspace.ids]
    database.close()
    return out


def match_pairs(workspace: Workspace, pairs: NDArray[np.int32], settings: SfmOptions, seed: int) -> None:
    """Match the pairs (P, 2) of photos and verify them by two-view geometry, replacing earlier matches."""
    if not len(pairs):
        return
    database = pycolmap.Database.open(workspace.database)
    for i, j in pairs:
        a, b = workspace.ids[i], workspace.ids[j]
        if database.exists_matches(a, b):
            database.delete_matches(a, b)
        if database.exists_two_view_geometry(a, b):
            database.delete_two_view_geometry(a, b)
    database.close()
    listing = workspace.folder / "pairs.txt"
    listing.write_text(
        "\n".join(f"{workspace.names[i]} {workspace.names[j]}" for i, j in pairs) + "\n", encoding="utf-8"
    )
    options = pycolmap.FeatureMatchingOptions()
    options.use_gpu = False
    options.sift.max_ratio = settings.max_ratio
    verify = pycolmap.TwoViewGeometryOptions()
    verify.min_num_inliers = settings.min_inliers
    verify.ransac.random_seed = seed + 1
    verify.ransac.max_num_trials = 1000
    pairing = pycolmap.ImportedPairingOptions()
    pairing.match_list_path = listing
    pycolmap.match_image_pairs(workspace.database, options, pairing, verify, pycolmap.Device.cpu)


def read_pairs(workspace: Workspace) -> list[Pair]:
    """All verified pairs, sorted by (i, j)."""
    database = pycolmap.Database.open(workspace.database)
    keys, geometries = database.read_two_view_geometries()
    database.close()
    return _pairs(workspace, keys, [geometry.inlier_matches for geometry in geometries])


def read_raw_matches(workspace: Workspace) -> list[Pair]:
    """All matches before verification, sorted by (i, j)."""
    database = pycolmap.Database.open(workspace.database)
    keys, matches = database.read_all_matches()
    database.close()
    return _pairs(workspace, keys, matches)


def _pairs(workspace: Workspace, keys: Sequence[int], lists: Sequence[Any]) -> list[Pair]:
    """The pairs of database keys with their matches (M, 2), i < j, without empty ones."""
    index = {image_id: k for k, image_id in enumerate(workspace.ids)}
    out = []
    for key, found in zip(keys, lists):
        a, b = (index[i] for i in pycolmap.pair_id_to_image_pair(key))
        matches = np.asarray(found, np.uint32).reshape(-1, 2)
        if len(matches):
            out.append(Pair(a, b, matches) if a < b else Pair(b, a, matches[:, ::-1]))
    return sorted(out, key=lambda p: (p.i, p.j))

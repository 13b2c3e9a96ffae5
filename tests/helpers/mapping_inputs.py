"""A small real input for every mapping of the registry, computed once and shared by the contract tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import trimesh
from box_room import arc, photos
from rgbd_frames import scan as scan_of_room
from scenes import orbit_views

from lift3d.mapping import Mapping
from lift3d.maps import registry
from lift3d.types import (
    DepthMaps,
    Embedding,
    HeightField,
    Image,
    Label,
    Latent,
    Mesh,
    Photos,
    Points,
    Surface,
    Views,
    Voxels,
    Words,
)


@cache
def cup() -> Mesh:
    """A closed mesh with a handle, 1 000 faces, longest side about 1."""
    body = trimesh.creation.cylinder(radius=0.3, height=0.8, sections=24)
    handle = trimesh.creation.torus(major_radius=0.2, minor_radius=0.05, major_sections=16, minor_sections=8)
    handle.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0]))
    handle.apply_translation([0.35, 0, 0])
    return trimesh.boolean.union([body, handle], engine="manifold")


@cache
def textured() -> Mesh:
    """The cup with the texture of its pictures."""
    return _maps()["images_to_texture"](size=256)(Surface(cup(), pictures(), "object", ""))


@cache
def broken() -> Mesh:
    """A ball without two of its faces, another one flipped."""
    mesh = trimesh.creation.icosphere(2)
    faces = np.asarray(mesh.faces).copy()
    faces[5] = faces[5][::-1]
    mesh.faces = np.delete(faces, [1, 40], axis=0)
    return mesh


@cache
def pictures() -> Views:
    """Three rendered views of the cup with exact masks."""
    return registry()["mesh_to_images"](n=3, width=120, height=90, samples=1, shading=0.6)(cup())


@cache
def photo() -> Image:
    """A rendered photo of the cup without a mask."""
    return replace(pictures().images[0], mask=None)


@cache
def small_orbit() -> Views:
    """Ten views of a ball on a table at half their size."""
    from lift3d.geometry.camera.projection import resize_camera

    views = orbit_views(10)
    images = tuple(
        Image(np.ascontiguousarray(i.pixels[::2, ::2]), f"{k}") for k, i in enumerate(views.images)
    )
    cameras = tuple(resize_camera(c, c.width // 2, c.height // 2) for c in views.cameras)
    return replace(views, images=images, cameras=cameras)


@cache
def depths() -> DepthMaps:
    """Exact depth maps and normals of the ball on its table, as stereo would measure them."""
    from scenes import cast

    from lift3d.types import Depth

    maps = []
    for camera in small_orbit().cameras:
        z, world = cast(camera)
        normal = np.where((np.abs(world[..., 2:]) < 1e-4), [0.0, 0, 1], (world - [0, 0, 0.5]) / 0.5)
        normal = (normal @ camera.R.T).astype(np.float32)
        far = z > 4
        z[far] = 0
        maps.append(Depth(z, camera, normal, np.where(z > 0, 1, 0).astype(np.float32)))
    return DepthMaps(small_orbit(), tuple(maps))


@cache
def occupancy() -> Voxels:
    """The voxels of the cup."""
    return registry()["mesh_to_voxels"](24)(cup())


@cache
def embedding() -> Embedding:
    """The embedding of the cup."""
    return registry()["mesh_to_embedding"]()(cup())


@cache
def heights() -> HeightField:
    """The heights of the front of the cup."""
    return registry()["mesh_to_heights"](64)(cup())


@cache
def index() -> Path:
    """An index of three models."""
    from lift3d.search_index.store import IndexedFile, ModelIndex

    folder = Path(mkdtemp(prefix="contract-")) / "index"
    vectors = embedding().vectors
    rng = np.random.default_rng(0)
    with ModelIndex.create(folder, embedding().space, "..") as index:
        rows = [vectors + rng.normal(size=vectors.shape).astype(np.float32) * s for s in (0.0, 0.05, 0.2)]
        index.put([(IndexedFile(f"{n}.stl", n + 1, n), f"sum{n}", row) for n, row in enumerate(rows)])
    return folder


def scan() -> Points:
    """Samples with normals of half of the cup."""
    p, face = trimesh.sample.sample_surface(cup(), 3000, seed=0)
    normals = cup().face_normals[face]
    half = p[:, 1] < 0.05
    return Points(np.asarray(p[half], np.float64), normals[half].astype(np.float32))


def _maps() -> dict[str, type[Mapping[Any, Any]]]:
    return registry()


CASES: dict[str, Callable[[], tuple[Mapping[Any, Any], Any]]] = {
    "depths_to_mesh": lambda: (_maps()["depths_to_mesh"]("object", 2000, 60_000), depths()),
    "embedding_to_label": lambda: (_maps()["embedding_to_label"](), embedding()),
    "embedding_to_neighbours": lambda: (_maps()["embedding_to_neighbours"](str(index()), 3), embedding()),
    "heights_to_relief": lambda: (_maps()["heights_to_relief"](0.03, detail=0.5e-3, frame=0.002), heights()),
    "image_to_depth": lambda: (_maps()["image_to_depth"](), photo()),
    "image_to_embedding": lambda: (_maps()["image_to_embedding"](), pictures().images[0]),
    "image_to_lithophane": lambda: (
        _maps()["image_to_lithophane"](0.04, curve=200.0, border=0.002, detail=0.5e-3),
        photo(),
    ),
    "image_to_mask": lambda: (_maps()["image_to_mask"](), photo()),
    "image_to_voxels": lambda: (_maps()["image_to_voxels"](), Photos(pictures().images)),
    "images_to_cameras": lambda: (_maps()["images_to_cameras"](retries=0), Photos(photos(arc(4, 50.0)))),
    "images_to_depths": lambda: (_maps()["images_to_depths"](sources=2, neighbours=3), small_orbit()),
    "images_to_texture": lambda: (_maps()["images_to_texture"](256), Surface(cup(), pictures())),
    "label_to_latent": lambda: (_maps()["label_to_latent"](candidates=1), Label.certain("chair")),
    "latent_to_voxels": lambda: (_maps()["latent_to_voxels"](), latent()),
    "mesh_to_embedding": lambda: (_maps()["mesh_to_embedding"](), cup()),
    "mesh_to_heights": lambda: (_maps()["mesh_to_heights"](80, 30.0), cup()),
    "mesh_to_images": lambda: (_maps()["mesh_to_images"](n=3, width=120, height=90, samples=1), cup()),
    "mesh_to_solid": lambda: (_maps()["mesh_to_solid"](samples=500), broken()),
    "mesh_to_albedo": lambda: (_maps()["mesh_to_albedo"](), textured()),
    "mesh_to_voxels": lambda: (_maps()["mesh_to_voxels"](20, "signed_distance"), cup()),
    "points_to_voxels": lambda: (_maps()["points_to_voxels"](None, 1), scan()),
    "rgbd_to_cameras": lambda: (_maps()["rgbd_to_cameras"](), scan_of_room(3, posed=False)),
    "rgbd_to_mesh": lambda: (_maps()["rgbd_to_mesh"]("scene", 4000, voxel=0.05), scan_of_room(4, step=6.0)),
    "voxels_to_label": lambda: (_maps()["voxels_to_label"](), occupancy()),
    "voxels_to_latent": lambda: (_maps()["voxels_to_latent"](refine=1), occupancy()),
    "voxels_to_mesh": lambda: (_maps()["voxels_to_mesh"](faces=1000), occupancy()),
    "words_to_embedding": lambda: (_maps()["words_to_embedding"](), Words("a wooden chair")),
}
"""For every mapping: options that keep it small, and its input."""


@cache
def latent() -> Latent:
    """The latent code of the cup."""
    return registry()["voxels_to_latent"](refine=0)(occupancy())


def _nothing_sparse() -> Views:
    return replace(pictures(), images=pictures().images[:1], cameras=pictures().cameras[:1])


def _empty_mesh() -> Mesh:
    return trimesh.Trimesh(np.zeros((3, 3)), np.zeros((0, 3), np.int64), process=False)


BAD: dict[str, Callable[[], Any]] = {
    "depths_to_mesh": lambda: DepthMaps(
        small_orbit(), tuple(replace(d, z=np.zeros_like(d.z)) for d in depths().depths)
    ),
    "embedding_to_label": lambda: Embedding(embedding().vectors[:1], "text", embedding().space),
    "embedding_to_neighbours": lambda: replace(embedding(), space="unknown"),
    "heights_to_relief": lambda: HeightField(np.ones((40, 50), np.float32)),
    "image_to_depth": lambda: Image(np.full((90, 120, 3), 127, np.uint8), "grey"),
    "image_to_embedding": lambda: replace(photo(), mask=np.zeros(photo().pixels.shape[:2], bool)),
    "image_to_lithophane": lambda: Image(np.full((90, 120, 3), 255, np.uint8), "white"),
    "image_to_mask": lambda: Image(np.full((90, 120, 3), 127, np.uint8), "grey"),
    "image_to_voxels": lambda: Photos(()),
    "images_to_cameras": lambda: Photos((photo(),) * 3),
    "images_to_depths": _nothing_sparse,
    "images_to_texture": lambda: Surface(_empty_mesh(), pictures()),
    "label_to_latent": lambda: Label.certain("no such category"),
    "latent_to_voxels": lambda: replace(latent(), space="unknown"),
    "mesh_to_embedding": _empty_mesh,
    "mesh_to_albedo": _empty_mesh,
    "mesh_to_heights": _empty_mesh,
    "mesh_to_images": _empty_mesh,
    "mesh_to_solid": _empty_mesh,
    "mesh_to_voxels": _empty_mesh,
    "points_to_voxels": lambda: Points(np.zeros((5, 3))),
    "rgbd_to_cameras": lambda: scan_of_room(1, posed=False),
    "rgbd_to_mesh": lambda: scan_of_room(2, posed=False),
    "voxels_to_label": lambda: Voxels(np.zeros((8, 8, 8), np.float32), quantity="occupancy"),
    "voxels_to_latent": lambda: Voxels(np.zeros((8, 8, 8), np.float32), quantity="occupancy"),
    "voxels_to_mesh": lambda: Voxels(np.zeros((8, 8, 8), np.float32), quantity="occupancy"),
    "words_to_embedding": lambda: None,
}
"""For every mapping an input that it must refuse; None where its representation admits only valid values."""

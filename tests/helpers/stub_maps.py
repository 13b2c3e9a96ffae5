"""Mappings that cost nothing, to test the pipeline around them: a ring of cameras around a ball."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import trimesh

from lift3d.context import Context
from lift3d.mapping import Card, Mapping
from lift3d.pipelines.reconstruction.multi_view import MultiViewMappings
from lift3d.pipelines.reconstruction.options import Options
from lift3d.types import Camera, Depth, DepthMaps, Mesh, Photos, Points, Surface, Views

Calls = list[str]


def ring_camera(angle: float, width: int, height: int, distance: float = 4.0) -> Camera:
    """Looks at the origin from the horizontal circle; the world's up is Z."""
    centre = distance * np.array([np.cos(angle), np.sin(angle), 0.0])
    forward = -centre / distance
    down = np.array([0.0, 0.0, -1.0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack([np.cross(down, forward), down, forward])
    pose[:3, 3] = -pose[:3, :3] @ centre
    return Camera(width, height, width, width, width / 2, height / 2, pose)


@dataclass(frozen=True)
class StubCameras(Mapping[Photos, Views]):
    """A ring; `fail` raises instead, to end a run at this place."""

    calls: Calls = field(default_factory=list)
    fail: BaseException | None = None
    card = Card("images_to_cameras", "Photos", "Views", ("a ring",))

    def apply(self, source: Photos, context: Context) -> Views:
        self.calls.append("cameras")
        if self.fail is not None:
            raise self.fail
        n = len(source)
        cameras = tuple(
            ring_camera(2 * np.pi * i / n, im.width, im.height) for i, im in enumerate(source.images)
        )
        points = Points(np.random.default_rng(context.seed).normal(size=(5, 3)))
        context.note(
            "images_to_cameras", photos=[{"name": i.name, "status": "registered"} for i in source.images]
        )
        return Views(source.images, cameras, points, np.zeros((0, 2), np.int32))


@dataclass(frozen=True)
class StubDepths(Mapping[Views, DepthMaps]):
    """Flat depth."""

    calls: Calls = field(default_factory=list)
    fail: BaseException | None = None
    card = Card("images_to_depths", "Views", "DepthMaps", ("flat",))

    def apply(self, source: Views, context: Context) -> DepthMaps:
        self.calls.append("depths")
        if self.fail is not None:
            raise self.fail
        context.progress("images_to_depths", 0.5)
        context.note("images_to_depths", kept=np.float32(0.5))
        return DepthMaps(
            source, tuple(Depth(np.full((c.height, c.width), 3, np.float32), c) for c in source.cameras)
        )


@dataclass(frozen=True)
class StubSurface(Mapping[DepthMaps, Surface]):
    """An ellipsoid of 2 x 3 x 4; an open half of it for a scene; in the world's own frame."""

    kind: str = "auto"
    calls: Calls = field(default_factory=list)
    fail: BaseException | None = None
    card = Card("depths_to_mesh", "DepthMaps", "Surface", ("closed",))

    def apply(self, source: DepthMaps, context: Context) -> Surface:
        self.calls.append("surface")
        if self.fail is not None:
            raise self.fail
        mesh = trimesh.creation.icosphere(3)
        mesh.apply_scale([1.0, 1.5, 2.0])
        if self.kind == "scene":
            mesh.update_faces(mesh.triangles_center[:, 2] < 0.3)
        kind = "scene" if self.kind == "scene" else "object"
        context.note("depths_to_mesh", kind=kind, why="the test says so")
        return Surface(mesh, source.views, kind, "the test says so")


@dataclass(frozen=True)
class StubSolid(Mapping[Mesh, Mesh]):
    """Leaves the mesh as it is."""

    calls: Calls = field(default_factory=list)
    card = Card("mesh_to_solid", "Mesh", "Mesh", ("none",))

    def apply(self, source: Mesh, context: Context) -> Mesh:
        self.calls.append("solid")
        return source


@dataclass(frozen=True)
class StubTexture(Mapping[Surface, Mesh]):
    """Leaves the mesh as it is and looks at the size of the world that its cameras stand in."""

    calls: Calls = field(default_factory=list)
    card = Card("images_to_texture", "Surface", "Mesh", ("none",))

    def apply(self, source: Surface, context: Context) -> Mesh:
        self.calls.append("texture")
        distance = float(np.linalg.norm(source.views.cameras[0].centre))
        context.note("images_to_texture", coverage=0.5, distance=distance, unit=source.views.unit)
        return source.mesh


def stub_mappings(calls: Calls | None = None, fail_at: str = "", error: BaseException | None = None):
    """A `make_mappings` for `reconstruct`; `error` is raised at the step called `fail_at`."""
    calls = calls if calls is not None else []

    def make(options: Options, photos: Photos) -> MultiViewMappings:
        def at(step: str) -> BaseException | None:
            return error if step == fail_at else None

        return MultiViewMappings(
            StubCameras(calls, at("cameras")),
            StubDepths(calls, at("depths")),
            StubSurface(options.kind, calls, at("surface")),
            StubSolid(calls),
            StubTexture(calls),
        )

    return make

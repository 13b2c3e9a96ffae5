"""Mesh and photos to a textured mesh: unwrap, select a photo for each face, equalise exposures, blend in two frequency
bands, and fill faces that no photo shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import PIL.Image
import trimesh
from numpy.typing import NDArray
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

from lift3d.context import Context
from lift3d.errors import CaptureError, InputError
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.shapes import EVERY_FACE_TEXTURED, GEOMETRY_UNCHANGED
from lift3d.geometry.texture.bake import bake_faces, blend_corners
from lift3d.geometry.texture.exposure import estimate_gains, gain_tables
from lift3d.geometry.texture.face_graph import face_neighbours
from lift3d.geometry.texture.inpaint import fill_harmonic, pad_texture
from lift3d.geometry.texture.photo_consistency import photo_consistency, photo_sharpness
from lift3d.geometry.texture.photo_stack import stack_photos
from lift3d.geometry.texture.subdivide import split_long_edges
from lift3d.geometry.texture.unwrap import Atlas, unwrap
from lift3d.geometry.texture.view_labelling import count_seams, label_faces, label_weights, vertex_weights
from lift3d.geometry.texture.view_selection import FaceObservations, exclude_faces, observe_faces
from lift3d.mapping import Card, Mapping, register
from lift3d.types import F32, F64, Camera, Mesh, Surface

I32 = NDArray[np.int32]


@register(
    Card(
        "images_to_texture", "Surface", "Mesh",
        (GEOMETRY_UNCHANGED, EVERY_FACE_TEXTURED, SAME_BYTES),
        reference="Allene et al. 2008; Callieri et al. 2008; Lempitsky & Ivanov 2007",
    )
)  # fmt: skip
@dataclass(frozen=True)
class ImagesToTexture(Mapping[Surface, Mesh]):
    """Options.

    size: texture side in texels, 256 to 8192. padding: texels between charts. level: equalise the exposures of the photos.
    fineness: edges longer than the mesh's diagonal / fineness are split before blending. sharpest: exponent of the
    blending weights; larger values blend fewer photos per texel. high_band: take the high frequencies from one photo per
    patch (True) or from the weighted mean of all (False: softer, less noise). band: pixels per low-pass pixel.
    preference: a weight for each photo; () for equal weights.
    """

    size: int = 2048
    padding: int = 4
    level: bool = True
    fineness: int = 128
    sharpest: float = 1.5
    high_band: bool = True
    band: int = 2
    preference: tuple[float, ...] = ()

    def apply(self, source: Surface, context: Context) -> Mesh:
        """The textured mesh; InputError for an unusable mesh, CaptureError if no photo sees it."""
        views, mesh = source.views, source.mesh
        if not 256 <= self.size <= 8192:
            raise InputError(f"a texture of {self.size} texels a side is not supported", "choose 256 to 8192")
        if len(views) == 0 or len(mesh.faces) == 0:
            raise InputError("Texture needs photos and a mesh with faces", "check the earlier steps' report")
        vertices = np.asarray(mesh.vertices, np.float64)
        if not np.isfinite(vertices).all():
            raise InputError("The mesh has coordinates that are not finite", "repair it first: lift3d repair")
        name = "images_to_texture"
        context.progress(name, 0.0)
        welded, index = np.unique(vertices, axis=0, return_inverse=True)
        f = index.reshape(-1)[mesh.faces].astype(np.int32)
        atlas = unwrap(welded, f, self.size, self.padding)
        context.progress(name, 0.15)
        longest = float(np.linalg.norm(np.ptp(welded, axis=0))) / self.fineness
        v, g, corners, parent = split_long_edges(welded, f, atlas.texels(), longest)
        neighbours = face_neighbours(g)

        cameras, images = views.cameras, views.images
        s = observe_faces(v, g, cameras, images, lambda x: context.progress(name, 0.15 + 0.35 * x))
        if not (s.quality > 0).any():
            raise CaptureError(
                "No photo sees the mesh", "check that cameras and mesh share one world and unit"
            )
        gains = estimate_gains(*_fair_sample(s, v, g, cameras)) if self.level else np.ones((len(images), 3))
        tables = gain_tables(gains)
        if self.preference:
            s = replace(s, quality=s.quality * np.array(self.preference, np.float32))
        quality, dropped = self._judge(s, tables, neighbours)
        seen = quality > 0
        lengths = np.linalg.norm(v[np.roll(g, -1, 1)] - v[g], axis=2)
        labels = label_faces(quality, neighbours, lengths)
        context.progress(name, 0.6)
        wide = vertex_weights(quality, g, len(v), 4, self.sharpest, 0.05)
        fine = label_weights(labels, g, len(v), len(images)) if self.high_band else wide
        stack = stack_photos(images, cameras, exclude_faces(s, dropped, v, g, cameras), tables, self.band)
        kernel = (stack.full, stack.low, stack.shape, stack.projection, stack.tables, stack.factor)
        fill = _vertex_colours(v, g, blend_corners(v, g, seen, wide, fine, kernel))
        context.progress(name, 0.7)
        texture = np.zeros((self.size, self.size, 3), np.uint8)
        state = np.zeros((self.size, self.size), np.uint8)
        exact = np.rint(corners * 256).astype(np.int64)
        bake_faces(v, g, exact, seen, wide, fine, fill, kernel, texture, state)
        context.progress(name, 0.9)
        unseen = np.bincount(parent[~seen.any(1)], minlength=len(f)) > 0
        self._note(context, v, g, seen, labels, neighbours, unseen, gains, dropped, atlas, state)
        pad_texture(texture, state, min(2 * self.padding, 200))
        context.progress(name, 1.0)
        return _assemble(mesh, index.reshape(-1), atlas, texture)

    def _judge(self, s: FaceObservations, tables: F32, neighbours: I32) -> tuple[F32, NDArray[np.bool_]]:
        """Qualities (F, V), weighted by sharpness and photo-consistency; and a mask (F, V) of the observations that were
        rejected as inconsistent."""
        agrees, _ = photo_consistency(s, tables, neighbours)
        quality = s.quality * (photo_sharpness(s) ** 2)[None].astype(np.float32)
        kept = np.where(agrees > 0.05, quality * agrees, np.float32(0))
        alone = kept.max(1) <= 0
        kept[alone] = quality[alone]
        return kept, (quality > 0) & (kept <= 0)

    def _note(
        self, context: Context, v: F64, g: I32, seen: Any, labels: I32, neighbours: I32, unseen: Any,
        gains: F64, dropped: Any, atlas: Atlas, state: Any,
    ) -> None:  # fmt: skip
        area = np.linalg.norm(np.cross(v[g[:, 1]] - v[g[:, 0]], v[g[:, 2]] - v[g[:, 0]]), axis=1)
        covered = seen.any(1)
        context.note(
            "images_to_texture",
            coverage=round(float(area[covered].sum() / max(area.sum(), 1e-300)), 6),
            faces=len(unseen),
            faces_unseen=int(unseen.sum()),
            seams=count_seams(labels, neighbours),
            charts=int(atlas.charts.max()) + 1,
            texture=self.size,
            texture_used=round(atlas.used, 4),
            texels_filled=int((state == 2).sum()),
            exposure_gains=[[round(float(x), 4) for x in row] for row in gains],
            faces_dropped_for_disagreeing=[int(n) for n in dropped.sum(0)],
            photos_used=int(len(np.unique(labels[labels >= 0]))),
        )


def _fair_sample(
    s: FaceObservations, v: F64, g: I32, cameras: Sequence[Camera], most: int = 6_000
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], F64]:
    """Colours, a mask of the usable observations, and normals in the cameras' frames, of evenly spaced faces that at least two
    photos see well."""
    good = s.quality > 0.1 * s.quality.max(1, keepdims=True)
    rows = np.flatnonzero(good.sum(1) >= 2)
    rows = rows[:: max(1, len(rows) // most)]
    a, b, c = v[g[rows]].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
    return s.colours[rows], good[rows], np.stack([normal @ camera.R.T for camera in cameras], 1)


def _vertex_colours(v: F64, g: I32, corner_colours: F32) -> F32:
    """(N, 3) colours of vertices for faces that no photo shows: the colours around them, interpolated harmonically."""
    flat, where = corner_colours.reshape(-1, 4), g.reshape(-1)
    total = np.stack([np.bincount(where, flat[:, c], len(v)) for c in range(4)], 1)
    known = total[:, 3] > 0
    colours = (total[:, :3] / np.maximum(total[:, 3:], 1)).astype(np.float32)
    return fill_harmonic(colours, known, g)


def _assemble(source: Mesh, index: NDArray[np.int64], atlas: Atlas, texture: NDArray[np.uint8]) -> Mesh:
    """The textured mesh: positions and face order of `source`, with vertices duplicated along seams."""
    first = np.full(int(index.max()) + 1, -1, np.int64)
    first[index[::-1]] = np.arange(len(index))[::-1]
    material = PBRMaterial(
        baseColorTexture=PIL.Image.fromarray(texture), baseColorFactor=[255, 255, 255, 255],
        metallicFactor=0.0, roughnessFactor=1.0,
    )  # fmt: skip
    mesh = trimesh.Trimesh(
        vertices=np.asarray(source.vertices)[first[atlas.vertex]], faces=atlas.faces,
        visual=TextureVisuals(uv=atlas.uv, material=material), process=False, validate=False,
    )  # fmt: skip
    if source.units is not None:
        mesh.units = source.units
    return mesh

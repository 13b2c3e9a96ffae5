"""The models of the rendered sets, eight of ../shared/data/meshes and the shapes made by formulas, and their materials."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from held_shapes import HELD
from implicit import polygonise
from lift3d.geometry.mesh.normals import corner_normals
from lift3d.geometry.surface.decimation import decimate
from made_shapes import BAD_SUBJECTS, TUNING
from photo_studio import Subject

SHAPES = TUNING | HELD | BAD_SUBJECTS

MESHES = Path(__file__).resolve().parents[1] / "../shared/data/meshes"


@dataclass(frozen=True)
class Recipe:
    """file, texture and its weight, up axis, smooth shading, material (linear colours); body_only: use the largest part alone
    (the vase without its flowers, which are sheets without thickness)."""

    file: str
    palette: tuple[tuple[float, float, float], ...]
    knobs: tuple[float, ...]  # seed, scale, veins, rings, speckles, grain
    up: str = "y"
    smooth: bool = True
    texture: str | None = None
    own: float = 0.0
    table: int = 0
    seed: int = 0
    body_only: bool = False


RECIPES = {
    "spot": Recipe(
        "spot/spot_triangulated.obj",
        ((0.5, 0.42, 0.34), (0.3, 0.2, 0.13), (0.12, 0.08, 0.06), (0.8, 0.75, 0.7)),
        (1, 1.0, 0.35, 0.0, 0.5, 0.46),
        texture="spot/spot_texture.png", own=0.75, table=1, seed=1,
    ),
    "monkey": Recipe(
        "open3d_monkey/monkey.obj",
        ((0.36, 0.2, 0.1), (0.52, 0.34, 0.2), (0.1, 0.05, 0.03), (0.75, 0.6, 0.4)),
        (2, 1.0, 0.3, 0.0, 0.5, 0.46),
        texture="open3d_monkey/albedo.png", own=0.5, table=0, seed=2,
    ),
    "avocado": Recipe(
        "kaolin/avocado.obj",
        ((0.3, 0.4, 0.1), (0.14, 0.22, 0.05), (0.05, 0.07, 0.02), (0.6, 0.65, 0.3)),
        (3, 1.0, 0.2, 0.0, 0.6, 0.46),
        texture="kaolin/textures/Avocado_baseColor.png", own=0.6, table=2, seed=3,
    ),
    "armchair": Recipe(
        "kaolin/armchair.obj",
        ((0.4, 0.12, 0.1), (0.16, 0.18, 0.3), (0.6, 0.5, 0.35), (0.75, 0.7, 0.6)),
        (4, 1.0, 0.6, 0.0, 0.5, 0.46), table=1, seed=4,
    ),
    "building": Recipe(
        "kaykit_city/obj/building_C_withoutBase.obj",
        ((0.5, 0.3, 0.2), (0.34, 0.36, 0.38), (0.12, 0.1, 0.1), (0.75, 0.7, 0.6)),
        (5, 1.0, 0.5, 0.0, 0.6, 0.46), smooth=False, table=2, seed=5,
    ),
    "vase": Recipe(
        "aws_house/Vase_01.glb",
        ((0.42, 0.44, 0.46), (0.1, 0.2, 0.38), (0.5, 0.3, 0.1), (0.8, 0.78, 0.7)),
        (6, 1.0, 0.7, 0.0, 0.4, 0.46), up="glb", table=0, seed=6, body_only=True,
    ),
    "sofa": Recipe(
        "aws_house/SofaC_01.glb",
        ((0.2, 0.34, 0.3), (0.42, 0.4, 0.3), (0.1, 0.12, 0.14), (0.7, 0.66, 0.5)),
        (7, 1.0, 0.3, 0.5, 0.5, 0.46), up="glb", table=1, seed=7,
    ),
    "hydrant": Recipe(
        "kaykit_city/obj/firehydrant.obj",
        ((0.5, 0.08, 0.05), (0.55, 0.25, 0.08), (0.1, 0.06, 0.06), (0.8, 0.7, 0.5)),
        (8, 1.0, 0.4, 0.0, 0.6, 0.46), smooth=False, table=0, seed=8,
    ),
}  # fmt: skip


FACES = 24_000
PALETTES = (
    ((0.5, 0.42, 0.34), (0.3, 0.2, 0.13), (0.12, 0.08, 0.06), (0.8, 0.75, 0.7)),
    ((0.4, 0.12, 0.1), (0.16, 0.18, 0.3), (0.6, 0.5, 0.35), (0.75, 0.7, 0.6)),
    ((0.42, 0.44, 0.46), (0.1, 0.2, 0.38), (0.5, 0.3, 0.1), (0.8, 0.78, 0.7)),
    ((0.2, 0.34, 0.3), (0.42, 0.4, 0.3), (0.1, 0.12, 0.14), (0.7, 0.66, 0.5)),
    ((0.55, 0.36, 0.12), (0.36, 0.15, 0.08), (0.08, 0.12, 0.2), (0.85, 0.8, 0.6)),
)
"""Four linear colours each for the shapes made by formulas."""


def seed_of(name: str) -> int:
    """The seed of all choices of a set; from the letters of the name for shapes made by formulas."""
    return RECIPES[name].seed if name in RECIPES else 10 + zlib.crc32(name.encode()) % 900


def made_subject(name: str, faint: bool = False, plain: bool = False) -> Subject:
    """A shape made by a formula: its largest part, upright on the table with diagonal 1. plain: white, without a pattern."""
    v, f = polygonise(*SHAPES[name](), 80)
    v, f = decimate(v, f, FACES, keep_simple=False)
    label = components(f, len(v))
    largest = np.bincount(label).argmax()
    mesh = trimesh.Trimesh(v, f[label == largest], process=False)
    mesh.remove_unreferenced_vertices()
    v, f = np.asarray(mesh.vertices), np.asarray(mesh.faces, np.int32)
    low, high = v.min(0), v.max(0)
    v = (v - [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]) / np.linalg.norm(high - low)
    seed = seed_of(name)
    palette = np.full((4, 3), (0.78, 0.77, 0.74)) if plain else np.array(PALETTES[seed % len(PALETTES)])
    knobs = (seed, 1.0, 0.2 + 0.1 * (seed % 5), 0.25 * (seed % 3), 0.5, 0.46)
    contrast = 0.0 if plain else 0.25 if faint else 1.0
    return Subject(
        v, f, corner_normals(v, f, 40.0).astype(np.float64), palette, np.array(knobs), contrast=contrast, table=seed % 3,
        gloss=0.04 if plain else 0.0, seed=seed,
    )  # fmt: skip


def components(f: np.ndarray, count: int) -> np.ndarray:
    """(F,) label of the connected part of each face."""
    edges = np.concatenate([f[:, :2], f[:, 1:]])
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), (count, count))
    return connected_components(graph, directed=False)[1][f[:, 0]]


def load_subject(name: str, faint: bool = False, plain: bool = False) -> Subject:
    """The model, upright on the table with diagonal 1, and its material."""
    if name not in RECIPES:
        return made_subject(name, faint, plain)
    recipe = RECIPES[name]
    mesh = trimesh.load(MESHES / recipe.file, force="mesh", process=False)
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
    uv = getattr(mesh.visual, "uv", None)
    if recipe.body_only:
        welded = trimesh.Trimesh(v, f, process=False)
        welded.merge_vertices(merge_tex=True, merge_norm=True)
        body = max(welded.split(only_watertight=False), key=lambda part: part.area)
        v, f, uv = np.asarray(body.vertices), np.asarray(body.faces), None
    v = v @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0.0]]) if recipe.up == "y" else v
    low, high = v.min(0), v.max(0)
    v = (v - [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]) / np.linalg.norm(high - low)
    merged = trimesh.Trimesh(v, f, process=False)
    merged.merge_vertices(merge_tex=True, merge_norm=True)
    normals = corner_normals(merged.vertices, merged.faces, 40.0 if recipe.smooth else 1.0).astype(np.float64)
    texture = None
    if recipe.texture is not None and uv is not None:
        srgb = np.asarray(Image.open(MESHES / recipe.texture).convert("RGB"), np.float32) / 255
        texture = srgb**2.2
    return Subject(
        np.asarray(merged.vertices), np.asarray(merged.faces, np.int32), normals,
        np.array(recipe.palette), np.array(recipe.knobs, np.float64),
        None if texture is None else np.asarray(uv, np.float64)[f], texture,
        0.0 if texture is None else recipe.own,
        0.25 if faint else 1.0, recipe.table, 0.0, recipe.seed,
    )  # fmt: skip

"""Shapes by kind and seed: a folder of GLB files, which `lift3d corpus build --from` reads."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lift3d.corpus.procedural.animals import animal
from lift3d.corpus.procedural.assembly import mesh_of
from lift3d.corpus.procedural.buildings import building
from lift3d.corpus.procedural.figures import figure
from lift3d.corpus.procedural.furniture import furniture
from lift3d.corpus.procedural.plants import plant
from lift3d.corpus.procedural.primitives import Primitive
from lift3d.corpus.procedural.robots import robot
from lift3d.corpus.procedural.vehicles import vehicle
from lift3d.corpus.procedural.vessels import vessel
from lift3d.errors import InputError
from lift3d.types import Mesh

KINDS: dict[str, tuple[float, Callable[[np.random.Generator], list[Primitive]]]] = {
    "person": (0.34, figure), "animal": (0.18, animal), "building": (0.12, building), "car": (0.08, vehicle),
    "chair": (0.1, furniture), "plant": (0.06, plant), "vase": (0.06, vessel), "robot": (0.06, robot),
}  # fmt: skip
"""Kind -> (frequency, grammar). The names of kinds are categories of lift3d where there is one."""
MOST = 200_000


def make_shape(number: int, seed: int = 0) -> tuple[str, Mesh]:
    """(kind, mesh) of shape `number`: upright, facing -y, its longest side 1, closed up to where parts touch. The same number and
    seed give the same shape."""
    rng = np.random.default_rng([zlib.crc32(b"procedural"), seed, number])
    names = list(KINDS)
    kind = names[int(rng.choice(len(names), p=[KINDS[name][0] for name in names]))]
    return kind, mesh_of(KINDS[kind][1](rng), int(rng.integers(1 << 31)))


def write_shapes(
    folder: Path, count: int, seed: int, first: int, progress: Callable[[str, float], None]
) -> int:
    """Write shapes `first` to `first + count - 1` as FOLDER/KIND/NUMBER.glb, those that exist already excepted; returns how many
    were written. InputError for a folder that cannot be used."""
    from lift3d.io.mesh.meshes import save_mesh

    if not 1 <= count <= MOST:
        raise InputError(f"{count} is no number of shapes", f"give 1 to {MOST}")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, not a folder", "give a folder for the shapes")
    written = 0
    for k in range(first, first + count):
        if not any(folder.glob(f"*/{seed}-{k:06d}.glb")):
            kind, mesh = make_shape(k, seed)
            (folder / kind).mkdir(parents=True, exist_ok=True)
            save_mesh(mesh, folder / kind / f"{seed}-{k:06d}.glb")
            written += 1
        progress("shapes", (k + 1 - first) / count)
    return written

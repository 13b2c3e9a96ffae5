"""A corpus of boxes and rings with pictures, on which training runs take seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(corpus, pictures)"""
    pytest.importorskip("torch")
    pytest.importorskip("pyarrow")
    from lift3d.corpus.build import BuildOptions as Build
    from lift3d.corpus.build import build
    from lift3d.corpus.pictures.shard_plan import RenderOptions
    from lift3d.corpus.pictures.shards import render_shards
    from lift3d.io.mesh.meshes import save_mesh

    root = tmp_path_factory.mktemp("small")
    rng = np.random.default_rng(0)
    for i in range(14):
        mesh = (
            trimesh.creation.box(rng.uniform(0.2, 1, 3))
            if i % 2
            else trimesh.creation.torus(1, rng.uniform(0.1, 0.5))
        )
        (root / "m" / f"kind{i % 2}").mkdir(parents=True, exist_ok=True)
        save_mesh(mesh, root / f"m/kind{i % 2}/{i}.stl")
    quiet = lambda s: None  # noqa: E731
    corpus = build(root / "c", Build(folder=root / "m", processes=1), quiet, lambda n, f: None)
    render_shards(
        corpus, root / "p", RenderOptions(views=4, size=64, recipe="clean"), quiet, lambda n, f: None, 1
    )
    return root / "c", root / "p"

"""Reconstruction of every image of ../shared/data/images: time, whether each model is solid, and a contact sheet.

    python benchmarks/one_photo.py [--data ../shared/data] [--look sheet.png]

Times are those of the second run of each picture in one process, without start-up and compilation. Writes
results/one_photo.json.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import trimesh
from PIL import Image as Pil

from lift3d.errors import Lift3dError
from lift3d.evaluate.sheets.image_to_voxels import mesh_tiles
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.inference.networks import load_network
from lift3d.io.mesh.meshes import load_mesh
from lift3d.pipelines.reconstruct import reconstruct
from lift3d.pipelines.reconstruction.options import Options

HERE = Path(__file__).resolve().parent
TILE = 192


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared/data")
    parser.add_argument("--weights", default=None)
    parser.add_argument("--look", type=Path, default=None)
    args = parser.parse_args()
    files = sorted((args.data / "images").rglob("*.png"))
    seconds, solid, tiles, failed = [], 0, [], []
    options = Options(method="guessed", weights=args.weights)
    with tempfile.TemporaryDirectory() as folder:
        for path in files:
            out = Path(folder) / "m.glb"
            try:
                if not seconds:
                    reconstruct([path], out, options)
                started = time.perf_counter()
                reconstruct([path], out, options)
                seconds.append(time.perf_counter() - started)
            except Lift3dError as error:
                failed.append(f"{path.name}: {error}")
                continue
            mesh = load_mesh(out)
            solid += inspect_solid(mesh).is_solid
            tiles.append(row(path, mesh))
    net = load_network("image_to_voxels", args.weights)[0]
    x = torch.zeros(1, 1, 4, 128, 128)
    times = []
    with torch.no_grad():
        for _ in range(12):
            started = time.perf_counter()
            net(x)
            times.append(time.perf_counter() - started)
    result = {
        "pictures": len(files), "solid": solid, "failed": failed, "seconds": float(np.median(seconds)),
        "slowest": float(np.max(seconds)), "network_ms": float(np.median(times[2:]) * 1e3),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip
    rows = [["pictures", result["pictures"]], ["solid models", solid],
            ["seconds from photo to GLB, median", round(result["seconds"], 2)],
            ["slowest", round(result["slowest"], 2)], ["network alone, ms", round(result["network_ms"])],
            ["peak memory, MB", round(result["peak_mb"])]]  # fmt: skip
    result["table"] = {"columns": ["one photo", "measured"], "rows": rows}
    (HERE / "results/one_photo.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    if args.look:
        half = -(-len(tiles) // 2)
        tiles += [np.full_like(tiles[0], 255)] * (2 * half - len(tiles))
        Pil.fromarray(np.concatenate([np.concatenate(tiles[:half]), np.concatenate(tiles[half:])], 1)).save(
            args.look
        )


def row(path: Path, mesh: trimesh.Trimesh) -> np.ndarray:
    """The photo over white, and the model from four sides."""
    photo = Pil.open(path).convert("RGBA")
    white = Pil.new("RGBA", photo.size, "white")
    white.alpha_composite(photo)
    white.thumbnail((TILE, TILE))
    tile = Pil.new("RGB", (TILE, TILE), "white")
    tile.paste(white.convert("RGB"), ((TILE - white.width) // 2, (TILE - white.height) // 2))
    return np.concatenate([np.asarray(tile), *mesh_tiles(mesh, TILE)], 1)


if __name__ == "__main__":
    main()

"""Photos to a textured solid, end to end, on the rendered sets: geometry, depth maps, texture, time and memory.

    python benchmarks/reconstruction.py [--only NAME or GROUP ...] [--cache FOLDER] [--keep FOLDER] [--results FOLDER]

NAME is the name of a set (see `rendered_sets`), or NAME+masks: the same photos with their true masks given. GROUP: a list of
`set_lists`. Each set runs in its own process; wall time counts from the start of this process. Writes results/whole.json (every
set: the whole output and the interior) and, from the sets of the older table, geometry.json, depths.json and texture.json. These
are compared, on the same cameras, with the visual hull of the true masks, with the Poisson surface of the sparse points (where
open3d is installed), and with the reconstruction of the same model at a quarter of its contrast.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from reconstruction_tables import line, tables, whole_table

START = float(os.environ.get("LIFT3D_BENCH_START", time.time()))
HERE = Path(__file__).resolve().parent
NAMES = ("spot", "monkey", "avocado", "armchair", "building", "vase")
EVERY = (*NAMES, *(f"{n}_faint" for n in NAMES))


def one(name: str, cache: Path, out: Path) -> dict[str, Any]:
    """Reconstruct one set, score it and its baselines. A refusal gives {"refused": sentence}."""
    from lift3d.errors import Lift3dError
    from lift3d.mapping import Mapping
    from lift3d.pipelines.reconstruct import reconstruct
    from lift3d.pipelines.reconstruction.multi_view import multi_view_mappings
    from lift3d.pipelines.reconstruction.options import Options
    from rendered_sets import set_of
    from scoring import align_cameras, depth_score, score
    from texture import coverage_of_seen

    class Tap(Mapping):  # type: ignore[type-arg]
        """A mapping that stores the result of another mapping."""

        def __init__(self, inner: Any) -> None:
            self.inner, self.card, self.result = inner, inner.card, None

        def apply(self, source: Any, context: Any) -> Any:
            self.result = self.inner.apply(source, context)
            return self.result

    taps: dict[str, Any] = {}

    def tapped(options: Any, photos: Any) -> Any:
        mappings = multi_view_mappings(options, photos)
        taps.update({name: Tap(getattr(mappings, name)) for name in ("cameras", "depths")})
        return replace(mappings, **taps)

    base, plus, _ = name.partition("+")
    truth = set_of(base, cache)
    options = Options(masks=truth.folder / "masks" if plus else None)
    try:
        outcome = reconstruct([truth.photo_folder], out / f"{name}.glb", options, make_mappings=tapped)
    except Lift3dError as error:
        return {"refused": str(error), "wall_s": time.time() - START}
    wall = time.time() - START
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    views, mesh = outcome.views, outcome.mesh
    result: dict[str, Any] = {
        "kind": outcome.kind, "warnings": list(outcome.warnings), "photos": len(truth.photos), "registered": len(views),
        "wall_s": wall, "peak_gib": peak, "faces": len(mesh.faces), "steps": find(outcome.report, "steps") or {},
    }  # fmt: skip
    if outcome.confidence is not None:
        return result | {"predicted": True}
    if truth.bad or len(views) < 3:
        return result
    names = [p.name for p in truth.photos]
    photos = [names.index(image.name) for image in views.images]
    result |= score(mesh, list(views.cameras), photos, truth)
    true = [truth.cameras[i] for i in photos]
    scale = align_cameras(list(taps["cameras"].result.cameras), true)[0]
    result["depth"] = depth_score(list(taps["depths"].result.depths), truth, photos, scale)
    result["coverage_of_seen"] = coverage_of_seen(mesh, views)
    if base in EVERY:
        result |= baselines(mesh, views, truth, photos)
    return result


def baselines(mesh: Any, views: Any, truth: Any, photos: list[int]) -> dict[str, Any]:
    """The scores of the visual hull and of the Poisson surface on the same cameras."""
    from reconstruction_baselines import poisson, visual_hull
    from scoring import align_cameras, refine, surface_score

    rough = align_cameras(list(views.cameras), [truth.cameras[i] for i in photos])
    low, high = np.asarray(mesh.bounds)
    pad = 0.08 * np.linalg.norm(high - low)
    low, high = low - pad, high + pad
    hull = visual_hull(views.cameras, [truth.mask(i) for i in photos], low, high)
    result = {"hull": surface_score(hull, truth, refine(rough, hull, truth)).to_json()}
    sparse = poisson(views, low, high)
    if sparse is not None:
        result["poisson"] = surface_score(sparse, truth, refine(rough, sparse, truth)).to_json()
    return result


def find(tree: Any, key: str) -> Any:
    """The first value of a key at any depth of a report."""
    if isinstance(tree, dict):
        if key in tree:
            return tree[key]
        for value in tree.values():
            found = find(value, key)
            if found is not None:
                return found
    return None


def stored(file: Path) -> dict[str, Any]:
    """The scores of earlier runs: sets that are not run retain theirs."""
    return json.loads(file.read_text(encoding="utf-8"))["sets"] if file.exists() else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=list(EVERY))
    parser.add_argument("--cache", type=Path, default=HERE / ".cache")
    parser.add_argument("--keep", type=Path, default=HERE / ".cache" / "models", help="folder of the models")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the JSON files")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    if options.one:
        value = one(options.one, options.cache, options.keep)
        (options.keep / f"{options.one}.score.json").write_text(json.dumps(value, default=str))
        return
    from rendered_sets import set_of
    from set_lists import GROUPS

    options.results.mkdir(parents=True, exist_ok=True)
    results, whole = stored(options.results / "geometry.json"), stored(options.results / "whole.json")
    for name in [n for given in options.only for n in GROUPS.get(given, (given,))]:
        set_of(name.partition("+")[0], options.cache)  # rendered beforehand, not counted
        environment = os.environ | {"LIFT3D_BENCH_START": str(time.time())}
        subprocess.run(
            [sys.executable, __file__, "--one", name, "--cache", options.cache, "--keep", options.keep],
            env=environment, check=True,
        )  # fmt: skip
        value = json.loads((options.keep / f"{name}.score.json").read_text())
        print(line(name, value), flush=True)
        whole[name] = value
        whole_table(whole, options.results)
        if name in EVERY and "surface" in value:
            results[name] = value
            tables({n: results[n] for n in EVERY if n in results}, options.results)


if __name__ == "__main__":
    main()

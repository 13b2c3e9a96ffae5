"""Training images per second, by recipe.

    python benchmarks/pictures.py CORPUS [--shapes 60] [--views 24] [--size 128]

On one core: CPU time of this process, including the encoding of files. On all cores: wall time of `lift3d corpus render`,
including its start.
Writes results/pictures.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numba

from lift3d.corpus.dataset import Corpus
from lift3d.corpus.pictures.picture_maker import Studio
from lift3d.corpus.pictures.recipes import RECIPES
from lift3d.corpus.pictures.sample_files import encode_sample
from lift3d.corpus.pictures.shard_plan import RenderOptions, plan_shards
from lift3d.corpus.pictures.shards import render_shards

HERE = Path(__file__).resolve().parent


def one_core(corpus: Corpus, shapes: list[int], options: RenderOptions) -> float:
    """Pictures per second of CPU time, after the compilation of kernels."""
    numba.set_num_threads(1)
    studio = Studio(corpus, options.recipe, options.size)
    for view in range(8):
        encode_sample(studio.picture(shapes[0], view), options.extras)
    started, made = time.process_time(), 0
    for i in shapes:
        for view in range(options.views):
            encode_sample(studio.picture(i, view), options.extras)
            made += 1
    return made / (time.process_time() - started)


def all_cores(corpus: Corpus, options: RenderOptions) -> tuple[float, float]:
    """Pictures per second of wall time, and bytes of a picture in its shard."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        done = render_shards(corpus, Path(folder) / "out", options, lambda s: None, lambda n, f: None)
        return done["pictures"] / (time.monotonic() - started), done["bytes"] / done["pictures"]


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("corpus", type=Path)
    arguments.add_argument("--shapes", type=int, default=60)
    arguments.add_argument("--views", type=int, default=24)
    arguments.add_argument("--size", type=int, default=128)
    given = arguments.parse_args()
    corpus = Corpus(given.corpus)
    rows: list[list[Any]] = []
    for name in RECIPES:
        for extras in ((), ("depth", "normals")):
            cores = os.cpu_count() or 1
            options = RenderOptions(given.views, given.size, name, extras, None, given.shapes)
            shapes = [i for shard in plan_shards(corpus, options) for i in shard.shapes]
            shard = (
                int(0.6 * given.shapes / cores) * given.views * 4096
            )  # several shapes for each core, as with a whole corpus
            alone = one_core(corpus, shapes, options)
            together, size = all_cores(
                corpus, RenderOptions(given.views, given.size, name, extras, None, given.shapes, 0, shard)
            )
            rows.append(
                [name, ", ".join(extras) or "-", round(alone, 1), round(together, 1), round(size / 1024, 1)]
            )
            print(rows[-1], flush=True)
    load = os.getloadavg()[0]
    note = (
        f"{given.size}x{given.size} pixels, {given.shapes} shapes of {len(corpus)} drawn by hash, {given.views} views each; "
        f"{os.cpu_count()} cores, load average at the end {load:.1f}. `python benchmarks/pictures.py CORPUS`"
    )
    columns = [
        "recipe",
        "with",
        "images/s, one core (CPU)",
        "images/s, all cores (wall clock)",
        "KB per image",
    ]
    result = {"table": {"columns": columns, "rows": rows, "note": note}}
    (HERE / "results/pictures.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

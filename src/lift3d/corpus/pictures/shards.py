"""Training images of a whole corpus, written as shards for streaming: tar files of about 64 MiB, shuffled by hash.

    train-00000.tar ...   all views of some shapes, shapes and images in hashed order, so that any prefix is a random sample;
                          where the views of a shape exceed a shard, the first views come first and the others later
    shards.json           recipe, counts, sha256 of each shard; it exists once all shards do
    ATTRIBUTION.csv       authors and licences of everything visible

A shard appears when it is complete. An interrupted run continues with the missing shards and produces the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import multiprocessing
import os
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lift3d.corpus import workers
from lift3d.corpus.dataset import Corpus
from lift3d.corpus.pictures.backgrounds import Backgrounds
from lift3d.corpus.pictures.picture_maker import Studio
from lift3d.corpus.pictures.recipes import get_recipe
from lift3d.corpus.pictures.sample_files import encode_sample, sample_key
from lift3d.corpus.pictures.shard_plan import (
    SPLITS,
    RenderOptions,
    Shard,
    check_options,
    hash_words,
    plan_shards,
)
from lift3d.errors import InputError
from lift3d.io.files.atomic import write_bytes, write_error
from lift3d.version import __version__

SHARDS, ATTRIBUTION, WORK = "shards.json", "ATTRIBUTION.csv", ".rendering"
VERSION = 1
POLL_SECONDS = 0.5
"""Seconds between two polls of the progress of the processes."""
Log = Callable[[str], None]
Progress = Callable[[str, float], None]


def render_shards(
    corpus: Corpus,
    target: Path,
    options: RenderOptions,
    log: Log,
    progress: Progress,
    processes: int | None = None,
) -> dict[str, Any]:
    """Write the images, or those that an interrupted run left; returns the contents of shards.json.

    log: receives lines for people; progress(step, fraction); processes: one per core by default. Raises InputError for
    options out of range and a folder that cannot be used.
    """
    Studio(corpus, options.recipe, options.size, options.seed)  # raises before any work
    check_options(options)
    if target.resolve().is_relative_to(corpus.folder.resolve()):
        raise InputError(f"{target} lies in the corpus", "give a folder outside it for the pictures")
    plan = _plan(corpus, options)
    done = _begun(target, plan)
    if done:
        log(f"{target} is complete; nothing to do")
        return done
    shards = plan_shards(corpus, options)
    if not shards:
        raise InputError("the corpus has no shapes in this split", "choose another with --split")
    _write(target, f"{WORK}/plan.json", _text(plan))
    missing = [shard for shard in shards if not (target / shard.name).is_file()]
    log(f"{len(shards)} shard{'s' if len(shards) != 1 else ''}, {len(missing)} of them to write")
    _run(corpus, target, missing, options, progress, processes)
    _write(target, ATTRIBUTION, _attribution(corpus, shards))
    result = {"version": VERSION, "plan": plan, **_counts(corpus, target, shards, options)}
    _write(target, SHARDS, _text(result))
    shutil.rmtree(target / WORK)
    return result


def _write(target: Path, name: str, data: bytes) -> None:
    """Write a file below the target; errors name the folder that the user gave."""
    try:
        write_bytes(target / name, data)
    except InputError as error:
        if isinstance(error.__cause__, OSError):
            raise write_error(error.__cause__, target) from error
        raise


def _plan(corpus: Corpus, options: RenderOptions) -> dict[str, Any]:
    """Everything that the bytes of the shards depend on."""
    return {
        "version": VERSION, "lift3d": __version__, "corpus": corpus.card["files"], "options": asdict(options),
        "recipe": asdict(get_recipe(options.recipe)),
    }  # fmt: skip


def _text(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, indent=1).encode()


def _begun(target: Path, plan: dict[str, Any]) -> dict[str, Any] | None:
    """The contents of shards.json if the images are complete, None if not; InputError for a folder with something else."""
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file, not a folder", "give a folder for the pictures")
    try:
        if not target.is_dir() or not any(target.iterdir()):
            return None
    except OSError as error:
        raise write_error(error, target) from error
    done, begun = target / SHARDS, target / WORK / "plan.json"
    if done.is_file():
        card: dict[str, Any] = json.loads(done.read_text("utf-8"))
        if _text(card.get("plan", {})) == _text(plan):
            return card
    elif begun.is_file() and begun.read_bytes() == _text(plan):
        return None
    elif not begun.is_file() and not (target / WORK).is_dir():
        raise InputError(
            f"{target} is not empty and holds no pictures of a corpus", "give a new or empty folder"
        )
    raise InputError(
        f"{target} holds pictures of another corpus, or with other options",
        "give a new folder, or remove this one",
    )


def _run(
    corpus: Corpus, target: Path, missing: list[Shard], options: RenderOptions, progress: Progress, processes: int | None
) -> None:  # fmt: skip
    count = min(processes or os.cpu_count() or 1, len(missing))
    total = sum(shard.pictures for shard in missing)
    if count <= 1:
        before = 0
        for shard in missing:

            def step(done: int, before: int = before) -> None:
                progress("pictures", (before + done) / total)

            _write(target, shard.name, encode_shard(corpus, shard, options, step))
            before += shard.pictures
        return
    finished = multiprocessing.get_context("spawn").RawArray(
        "q", len(missing)
    )  # pictures of each shard; one process writes each number
    pool = workers.process_pool(count, _share_counter, finished)
    try:
        left = {pool.submit(_work, corpus.folder, target, s, options, n) for n, s in enumerate(missing)}
        while left:
            done, left = wait(left, POLL_SECONDS, FIRST_COMPLETED)
            for job in done:
                job.result()
            progress("pictures", min(sum(finished) / total, 0.999) if left else 1.0)
    except BrokenProcessPool as error:
        raise InputError(
            "a process that rendered pictures was killed, perhaps because memory ran out",
            "run the same command again with --processes 1; it continues where it stopped",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_FINISHED: Any = None
"""In a worker process: the number of finished images per shard, shared with the parent."""


def _share_counter(finished: Any) -> None:
    global _FINISHED
    _FINISHED = finished


def _work(folder: Path, target: Path, shard: Shard, options: RenderOptions, number: int) -> None:
    """Write one shard; runs in a worker process."""
    import numba

    def step(done: int) -> None:
        _FINISHED[number] = done

    numba.set_num_threads(1)
    _write(target, shard.name, encode_shard(Corpus(folder), shard, options, step))


def encode_shard(
    corpus: Corpus,
    shard: Shard,
    options: RenderOptions,
    progress: Callable[[int], None] = lambda pictures: None,
) -> bytes:
    """The tar file of a shard, without times and owners, so that its bytes depend only on the images.

    progress: called with the number of finished images.
    """
    studio = Studio(corpus, options.recipe, options.size, options.seed)
    finished: list[tuple[bytes, str, dict[str, bytes]]] = []
    for i in shard.shapes:
        for view in range(*shard.views):
            files = encode_sample(studio.picture(i, view), options.extras)
            key = corpus.keys[i]
            finished.append((hash_words("picture", options.seed, key, view), sample_key(key, view), files))
            progress(len(finished))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for _, key, files in sorted(finished, key=lambda x: x[0]):
            for ending, data in files.items():
                member = tarfile.TarInfo(f"{key}.{ending}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _counts(corpus: Corpus, target: Path, shards: list[Shard], options: RenderOptions) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for shard in shards:
        digest = hashlib.sha256((target / shard.name).read_bytes()).hexdigest()
        size = (target / shard.name).stat().st_size
        rows.append({"file": shard.name, "split": shard.split, "shapes": len(shard.shapes), "views": list(shard.views),
                     "pictures": shard.pictures, "bytes": size, "sha256": digest})  # fmt: skip
    categories, shapes = corpus.column("category"), _shapes(shards)
    used = Counter(categories[i] for i in shapes)
    splits = {split: sum(r["pictures"] for r in rows if r["split"] == split) for split in SPLITS}
    return {
        "pictures": sum(row["pictures"] for row in rows), "shapes": len(shapes), "splits": splits,
        "bytes": sum(row["bytes"] for row in rows), "categories": dict(used.most_common()), "shards": rows,
    }  # fmt: skip


def _shapes(shards: list[Shard]) -> list[int]:
    """The distinct shapes of the shards in the order of the corpus."""
    return sorted({i for shard in shards for i in shard.shapes})


def _attribution(corpus: Corpus, shards: list[Shard]) -> bytes:
    out = io.StringIO(newline="")
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["what", "name", "author", "licence"])
    for i in _shapes(shards):
        row = corpus.row(i)
        table.writerow(["shape", row["key"], row["author"], row["licence"]])
    splits = {shard.split for shard in shards}
    for row in Backgrounds(corpus.folder).rows:
        if row["split"] in splits:
            table.writerow(["background", row["name"], row["author"], row["licence"]])
    return out.getvalue().encode()

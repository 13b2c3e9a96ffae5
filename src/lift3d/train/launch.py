"""A training run from the command line's arguments: builds the corpus and renders the pictures where they are missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch

from lift3d.errors import InputError
from lift3d.runtime.environment import thread_count
from lift3d.train.config import Schedule
from lift3d.train.data.labelled_shapes import OWN_LEAST
from lift3d.train.distributed import join_workers
from lift3d.train.engine import Trainer
from lift3d.train.registry import Trainable
from lift3d.units import format_count
from lift3d.weights import load_tensors

Say = Callable[[str], None]
Progress = Callable[[str, float], None]


def launch(
    task: Trainable, config: Schedule, corpus: Path, pictures: Path, views: int, folder: Path, init_from: str | None,
    device: str | None, threads: int | None, say: Say, progress: Progress,
) -> dict[str, float]:  # fmt: skip
    """Train to the end; returns the last losses and metrics. InputError for an unknown device or unusable data."""
    if device not in (None, "cpu", "cuda"):
        raise InputError(f"there is no device called {device}", "use cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "torch sees no CUDA device", "leave --device out, or install the build of torch for it"
        )
    initial = None if init_from is None else load_tensors(init_from)
    with join_workers(device) as where:
        if where.first and task.folders:
            ensure_corpus(corpus, say, progress)
        where.wait()
        corpus = corpus_of(corpus) if task.folders else corpus
        if where.first and task.pictures:
            ensure_renders(corpus, pictures, views, say, progress)
        where.wait()
        if where.first and task.prepare is not None:
            task.prepare(pictures, corpus, config, progress)
        where.wait()
        made = task.make(pictures, corpus, config)
        if where.first:
            made.progress = progress
        # numba's parallel kernels set torch's number of threads as well: after them, not before
        torch.set_num_threads(threads or thread_count())
        run = Trainer(
            made, folder, where, say if where.first else _silent, progress if where.first else _still, initial
        )
        return run.fit()


def ensure_renders(corpus: Path, pictures: Path, views: int, say: Say, progress: Progress) -> None:
    """Render `views` pictures of each shape, or the missing ones, unless all are there."""
    from lift3d.corpus.dataset import Corpus
    from lift3d.corpus.pictures.shard_plan import RenderOptions
    from lift3d.corpus.pictures.shards import SHARDS, render_shards

    if (pictures / SHARDS).is_file():
        return
    held = Corpus(corpus)
    say(f"{pictures} holds no pictures yet: rendering {views} of each shape")
    render_shards(held, pictures, RenderOptions(views=views, size=128, recipe="natural"), say, progress)


def corpus_of(folder: Path) -> Path:
    """The folder itself where it is a corpus, else the corpus that is built beside a folder of the user's meshes."""
    from lift3d.corpus.build import WORK
    from lift3d.corpus.dataset import CARD

    own = (folder / CARD).is_file() or (folder / WORK).is_dir() or not folder.is_dir()
    return folder if own else folder.parent / f"{folder.resolve().name}-corpus"


def ensure_corpus(folder: Path, say: Say, progress: Progress) -> None:
    """Build a corpus of the meshes in a folder CATEGORY/*.stl, unless the folder is a corpus or has one.

    InputError for a folder without meshes, with fewer than two categories, or with other meshes than its corpus."""
    from lift3d.corpus.build import BuildOptions, build
    from lift3d.corpus.dataset import Corpus
    from lift3d.corpus.sources.folder import Folder

    target = corpus_of(folder)
    if target == folder:
        return
    try:
        kinds = Counter(entry.category for entry in Folder(folder).entries())
    except InputError as error:
        raise InputError(
            f"{folder} holds no corpus and no meshes",
            "name a corpus, or a folder with one folder of meshes a category",
        ) from error
    count = kinds.total()
    several = sum(n >= OWN_LEAST for kind, n in kinds.items() if kind)
    if several < 2:  # said before the corpus is built, which takes its time
        raise InputError(
            f"{folder} has {format_count(several, 'category', 'categories')} of {OWN_LEAST} meshes or more, and two are needed",
            "put the meshes of each category into a folder of its name",
        )
    if not (target / "corpus.json").is_file():
        say(
            f"{folder} holds {format_count(count, 'mesh', 'meshes')}: a corpus of them is built in {target}; "
            "files without an upright axis stand on z"
        )
        build(target, BuildOptions(folder=folder), say, progress)
    elif Corpus(target).card["tried"] != count:
        raise InputError(
            f"{target} was built of other meshes than {folder} holds now",
            f"remove {target} and all that is named after it to build it anew, or name {target} with --data to go on with it",
        )


def _silent(sentence: str) -> None:
    """Discards messages of all but the first process."""


def _still(name: str, fraction: float) -> None:
    """Discards their progress."""

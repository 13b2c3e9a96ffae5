"""A training run from the arguments of the command line. Missing corpora are built and missing pictures rendered first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    device: str | None, threads: int | None, say: Say, progress: Progress, up: str = "z",
) -> dict[str, float]:  # fmt: skip
    """Train to the end; returns the last losses and metrics. Arguments and errors as of `opened_run`."""
    with opened_run(
        task, config, corpus, pictures, views, folder, init_from, device, threads, say, progress, up
    ) as run:
        return run.fit()


@contextmanager
def opened_run(
    task: Trainable, config: Schedule, corpus: Path, pictures: Path, views: int, folder: Path, init_from: str | None,
    device: str | None, threads: int | None, say: Say, progress: Progress, up: str = "z",
) -> Iterator[Trainer]:  # fmt: skip
    """A context with the run in a folder, ready for `fit`. up: "z" or "y", the up axis of files in a folder of the user's own
    meshes that state none. InputError for an unknown device or unusable data."""
    if device not in (None, "cpu", "cuda"):
        raise InputError(f"there is no device called {device}", "use cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("torch finds no CUDA device", "omit --device, or install a build of torch with CUDA")
    initial = None if init_from is None else load_tensors(init_from)
    with join_workers(device) as where:
        if where.first and task.folders:
            ensure_corpus(corpus, say, progress, up)
        where.wait()
        corpus = corpus_of(corpus) if task.folders else corpus
        if where.first and task.pictures:
            ensure_renders(corpus, pictures, views, say, progress)
        where.wait()
        if where.first and task.prepare is not None:
            task.prepare(pictures, corpus, config, progress)
        where.wait()
        built = task.make(pictures, corpus, config)
        if built.solved and initial is not None:
            raise InputError(
                "a classifier in closed form has no initial weights",
                "omit --init-from, or train step by step: --set kind=layers",
            )
        if where.first:
            built.progress = progress
        # numba's parallel kernels reset torch's number of threads, so that it is set after them
        torch.set_num_threads(threads or thread_count())
        for note in built.notes() if where.first else ():
            say(note)
        yield Trainer(
            built,
            folder,
            where,
            say if where.first else _silent,
            progress if where.first else _still,
            initial,
        )


def ensure_renders(corpus: Path, pictures: Path, views: int, say: Say, progress: Progress) -> None:
    """Render `views` pictures of each shape, unless the folder is complete; an interrupted rendering is resumed."""
    from lift3d.corpus.dataset import Corpus
    from lift3d.corpus.pictures.shard_plan import RenderOptions
    from lift3d.corpus.pictures.shards import SHARDS, render_shards

    if (pictures / SHARDS).is_file():
        return
    dataset = Corpus(corpus)
    say(f"{pictures} contains no pictures yet: rendering {views} of each shape")
    render_shards(dataset, pictures, RenderOptions(views=views, size=128, recipe="natural"), say, progress)


def corpus_of(folder: Path) -> Path:
    """The folder itself if it is a corpus, else the folder of the corpus that is built beside a folder of the user's meshes."""
    from lift3d.corpus.build import WORK
    from lift3d.corpus.dataset import CARD

    own = (folder / CARD).is_file() or (folder / WORK).is_dir() or not folder.is_dir()
    return folder if own else folder.parent / f"{folder.resolve().name}-corpus"


def has_own_meshes(folder: Path) -> bool:
    """Whether a folder holds the user's own meshes, or is a corpus that was built from such a folder."""
    from lift3d.corpus.dataset import CARD, read_card

    if (folder / CARD).is_file():
        return read_card(folder).get("plan", {}).get("folder") is not None
    return corpus_of(folder) != folder


def ensure_corpus(folder: Path, say: Say, progress: Progress, up: str = "z") -> None:
    """Build a corpus of the meshes in a folder CATEGORY/*.stl, unless the folder is a corpus or has one. up: "z" or "y".

    InputError for a folder without meshes, with fewer than two categories, or with other meshes or another axis than its
    corpus."""
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
            f"{folder} contains no corpus and no meshes",
            "name a corpus, or a folder with one subfolder of meshes for each category",
        ) from error
    count = kinds.total()
    several = sum(n >= OWN_LEAST for kind, n in kinds.items() if kind)
    if several < 2:  # checked before the corpus is built, which takes long
        found = format_count(several, "category", "categories")
        raise InputError(
            f"{folder} has {found} of {OWN_LEAST} meshes or more, but a classifier needs two",
            "put the meshes of each category into a folder with its name",
        )
    if not (target / "corpus.json").is_file():
        say(
            f"{folder} contains {format_count(count, 'mesh', 'meshes')}: their corpus is built in {target}; "
            f"{up} is the up axis of files that state none (--up)"
        )
        build(target, BuildOptions(folder=folder, up=up), say, progress)
        return
    card = Corpus(target).card
    built_up = (card.get("plan", {}).get("folder") or {}).get("up", up)
    if built_up != up:
        raise InputError(
            f"{target} was built with {built_up} as the up axis", f"give --up {built_up}, or delete {target}"
        )
    if card["tried"] != count:
        raise InputError(
            f"{target} was built from other meshes than {folder} contains now",
            f"delete {target} and the folders named after it to build it again, or give --data {target} to use it unchanged",
        )


def _silent(sentence: str) -> None:
    """Discard a message: the processes other than the first print nothing."""


def _still(name: str, fraction: float) -> None:
    """Discard progress, for the same reason."""

"""The assignment of images to shards: independent of the number of processes; any prefix is a random sample."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from lift3d.corpus.dataset import Corpus
from lift3d.corpus.pictures.sample_files import EXTRAS
from lift3d.errors import InputError

SPLITS = ("train", "val", "test")
SHARD_BYTES = 64 << 20
MAX_VIEWS = 1000


@dataclass(frozen=True)
class RenderOptions:
    """views: per shape. size: side in pixels. recipe: by name. extras: any of "depth" and "normals". split: one split, or
    None for all. limit: number of shapes, chosen by hash. shard: approximate bytes of a shard."""

    views: int = 24
    size: int = 128
    recipe: str = "natural"
    extras: tuple[str, ...] = ()
    split: str | None = None
    limit: int | None = None
    seed: int = 0
    shard: int = SHARD_BYTES


@dataclass(frozen=True)
class Shard:
    """name: of the file; shapes: indices in the corpus; views: the first and one past the last."""

    name: str
    split: str
    shapes: tuple[int, ...]
    views: tuple[int, int]

    @property
    def pictures(self) -> int:
        """Number of images in the shard."""
        return len(self.shapes) * (self.views[1] - self.views[0])


def check_options(options: RenderOptions) -> None:
    """Raise InputError for options out of range."""
    if options.views > MAX_VIEWS:
        raise InputError(f"{options.views} views per shape are too many", f"give 1 to {MAX_VIEWS}")
    for name, value in (("views", options.views), ("limit", options.limit)):
        if value is not None and value < 1:
            raise InputError(f"--{name} {value} leaves no pictures", "give 1 or more")
    if options.split not in (None, *SPLITS):
        raise InputError(f"there is no split called {options.split}", f"choose from {', '.join(SPLITS)}")
    for extra in options.extras:
        if extra not in EXTRAS:
            raise InputError(f"pictures cannot have the extra {extra}", f"choose from {', '.join(EXTRAS)}")


def hash_words(*words: object) -> bytes:
    """SHA-256 of the words separated by spaces, used as a sort key for shuffling."""
    return hashlib.sha256(" ".join(map(str, words)).encode()).digest()


def plan_shards(corpus: Corpus, options: RenderOptions) -> list[Shard]:
    """The shards of all splits that the options select, with shapes in hashed order."""
    splits = corpus.column("split")
    order = sorted(range(len(corpus)), key=lambda i: hash_words("shape", options.seed, corpus.keys[i]))
    order = [i for i in order if options.split in (None, splits[i])][: options.limit]
    room = max(options.shard // _estimate(options), 1)  # pictures of a shard
    each = max(room // options.views, 1)
    parts = [(a, min(a + room, options.views)) for a in range(0, options.views, room)]
    out = []
    for split in SPLITS:
        mine = [i for i in order if splits[i] == split]
        groups = [tuple(mine[first : first + each]) for first in range(0, len(mine), each)]
        pairs = [(shapes, views) for views in parts for shapes in groups]
        out += [Shard(f"{split}-{n:05d}.tar", split, *pair) for n, pair in enumerate(pairs)]
    return out


def _estimate(options: RenderOptions) -> int:
    """Approximate bytes of an image with its files."""
    area = options.size**2
    return 3800 + int(
        area * (0.25 + 0.4 * ("depth" in options.extras) + 0.15 * ("normals" in options.extras))
    )

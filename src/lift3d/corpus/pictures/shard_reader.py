"""Shards of training images read as a stream, without unpacking and without trusting them: only regular files with known
names and bounded sizes are accepted (ustar headers, POSIX.1-1988; no links, no extensions)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from lift3d.corpus.pictures.sample_files import NAME, decode_sample
from lift3d.corpus.pictures.shard_plan import SPLITS
from lift3d.corpus.pictures.shards import SHARDS, VERSION, WORK
from lift3d.errors import InputError

BLOCK = 512
MAX_FILE, MAX_CARD = 32 << 20, 16 << 20
"""Maximum bytes of a file in a shard, and of shards.json."""
_SHARD = re.compile(r"(train|val|test)-[0-9]{5}\.tar")


def read_shards(folder: str | Path, split: str | None = None) -> Iterator[dict[str, Any]]:
    """The samples of a split, or of all, in stored order, as dicts from `sample_files.decode_sample`.

    Raises InputError where the folder was not written by `lift3d corpus render`, or a shard is damaged.
    """
    if split not in (None, *SPLITS):
        raise InputError(f"there is no split called {split}", f"choose from {', '.join(SPLITS)}")
    for file in shard_files(Path(folder), split):
        yield from read_shard(file)


def shard_files(folder: Path, split: str | None = None) -> list[Path]:
    """Paths of the shards of a split, or of all, that shards.json lists. Raises InputError for a damaged list."""
    listed = folder / SHARDS
    if not listed.is_file():
        begun = (folder / WORK).is_dir()
        raise InputError(
            f"{folder} holds {'unfinished pictures' if begun else 'no pictures of a corpus'}",
            "run the same `lift3d corpus render` again"
            if begun
            else "render them with `lift3d corpus render`",
        )
    try:
        if listed.stat().st_size > MAX_CARD:
            raise ValueError("it is too large")
        card = json.loads(listed.read_text("utf-8"))
        rows = [(str(row["file"]), str(row["split"])) for row in card["shards"]]
        if card["version"] != VERSION or not all(_SHARD.fullmatch(name) for name, _ in rows):
            raise ValueError("it is of another version")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{listed} is damaged ({error})", "render the pictures again") from error
    return [folder / name for name, of in rows if split in (None, of)]


def read_shard(file: Path) -> Iterator[dict[str, Any]]:
    """The samples of one shard in stored order. Raises InputError for a damaged shard."""
    current, files = "", dict[str, bytes]()
    try:
        with open(file, "rb") as data:
            for name, content in _members(data, file.name):
                match = NAME.fullmatch(name)
                if match is None:
                    raise _damaged(file.name, f"holds {name[:60]!r}")
                key, ending = match.groups()
                if key != current and files:
                    yield decode_sample(current, files)
                    files = {}
                if ending in files:
                    raise _damaged(file.name, f"holds {name} twice")
                current, files[ending] = key, content
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror})", "render the pictures again") from error
    if files:
        yield decode_sample(current, files)


def _members(data: IO[bytes], shard: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the regular files of a tar stream."""
    while True:
        header = data.read(BLOCK)
        if len(header) == BLOCK and not any(header):
            return
        if len(header) < BLOCK:
            raise _damaged(shard, "is cut short")
        name, size, kind = header[:100].rstrip(b"\0"), header[124:136].strip(b" \0"), header[156:157]
        total = sum(header[:148]) + 8 * 32 + sum(header[156:])
        check = header[148:156].strip(b" \0")
        if (
            not re.fullmatch(rb"[0-7]{1,11}", size)
            or not re.fullmatch(rb"[0-7]{1,7}", check)
            or int(check, 8) != total
        ):
            raise _damaged(shard, "has an invalid tar header")
        length = int(size, 8)
        if kind not in (b"0", b"\0") or length > MAX_FILE or any(header[345:500]):
            raise _damaged(shard, "holds an entry that is not a regular file or is too large")
        content = data.read(length)
        if len(content) < length or len(data.read(-length % BLOCK)) < -length % BLOCK:
            raise _damaged(shard, "is cut short")
        yield name.decode("ascii", "replace"), content


def _damaged(name: str, what: str) -> InputError:
    """The error for a damaged shard."""
    return InputError(f"the shard {name} {what}", "render the pictures again, or copy them again")

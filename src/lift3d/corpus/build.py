"""Building a corpus: sources listed, things made into shapes in batches by several processes, and all put in order.

What is finished stays: a build that was killed goes on from its last batch and ends with the same bytes. The corpus is there
when its card is; until then everything lies in its folder `.building`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lift3d.corpus import workers
from lift3d.corpus.assemble import read_rows, write_corpus
from lift3d.corpus.batches import make_batch, split_into_batches
from lift3d.corpus.dataset import CARD, VERSION, Corpus, import_parquet
from lift3d.corpus.entry import Entry, Source
from lift3d.corpus.packages.obtain import Package, obtain
from lift3d.corpus.sources import sources
from lift3d.corpus.sources.folder import Folder
from lift3d.errors import InputError
from lift3d.io.files.atomic import write_bytes
from lift3d.units import format_seconds
from lift3d.version import __version__

WORK = ".building"
Log = Callable[[str], None]
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class BuildOptions:
    """only: names of sources, all if empty; limit: things of each source, spread evenly; cache: for packages; debs: a folder
    of .deb files instead of apt; folder: own meshes instead of packages, with how they stand and whose they are."""

    only: tuple[str, ...] = ()
    limit: int | None = None
    cache: Path = field(default_factory=lambda: Path.home() / ".cache/lift3d")
    debs: Path | None = None
    folder: Path | None = None
    up: str = "z"
    licence: str = "not stated"
    author: str = "not stated"
    processes: int | None = None


def build(target: Path, options: BuildOptions, say: Log, progress: Progress) -> Corpus:
    """Make the corpus, or what is left of it to make, and open it."""
    _check(target, options)
    import_parquet()  # before hours of work
    wanted = _wanted(options)
    packages = _packages(wanted, options, say, progress)
    plan = _plan(options, packages)
    if (target / CARD).is_file():
        return _already(target, plan, say)
    roots = {source.name: [package.root for package in packages[source.name]] for source in wanted}
    entries = {source.name: list_entries(source, roots[source.name], options.limit) for source in wanted}
    started, work, files = time.monotonic(), target / WORK, list[Path]()
    _begin(work, plan)
    for source in wanted:
        name = source.name
        say(f"{name}: {len(entries[name])} things")
        files += _make(source, roots[name], entries[name], work / name, options, progress)
    _require_something(files, target)
    say("comparing all shapes with each other")
    own = options.folder is not None
    rows = write_corpus(files, target, work, lambda fraction: progress("duplicates", fraction), own)
    progress("duplicates", 1.0)
    say("choosing backgrounds for pictures")
    from lift3d.corpus.data_card import write_card
    from lift3d.corpus.pictures.backgrounds import write_backgrounds

    bank = write_backgrounds(roots, target, {source.name: source.packages for source in wanted})
    if options.folder is None and not bank:
        say("these packages hold no backgrounds: pictures of this corpus will have made-up ones")
    origin = [(source, packages[source.name]) for source in wanted]
    say("writing the card and the contact sheets")
    write_card(target, plan, origin, read_rows(files), rows, bank, lambda done: progress("card", done))
    shutil.rmtree(work)
    say(f"built in {format_seconds(time.monotonic() - started)}")
    return Corpus(target)


def _check(target: Path, options: BuildOptions) -> None:
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file", "give a folder for the corpus")
    for name, folder in (("--debs", options.debs), ("--from", options.folder)):
        if folder is not None and not folder.is_dir():
            raise InputError(f"{folder} is not a folder", f"give one that is there with {name}")
    ours = {WORK, CARD}
    if target.is_dir() and any(target.iterdir()) and not any((target / name).exists() for name in ours):
        raise InputError(f"{target} is not empty and holds no corpus", "give a new folder")
    if options.limit is not None and options.limit < 1:
        raise InputError(f"--limit {options.limit} leaves nothing", "give 1 or more")
    if options.up not in ("y", "z"):
        raise InputError(f"--up {options.up} is no axis", "give y or z")
    if options.folder is not None:
        if options.only or options.debs:
            raise InputError(
                "--from takes a folder of meshes, --only and --debs choose packages", "give one of them"
            )
        if target.resolve().is_relative_to(options.folder.resolve()):
            raise InputError(f"the corpus would lie inside {options.folder}", "give another folder for it")


def _wanted(options: BuildOptions) -> list[Source]:
    if options.folder is not None:
        return [Folder(options.folder, options.up, options.licence, options.author)]
    known = sources()
    for name in options.only:
        if name not in known:
            raise InputError(f"there is no source called {name}", f"choose from {', '.join(known)}")
    return [source for name, source in known.items() if not options.only or name in options.only]


def _packages(
    wanted: Sequence[Source], options: BuildOptions, say: Log, progress: Progress
) -> dict[str, list[Package]]:
    """The packages of every source, downloaded and unpacked, two at a time."""
    todo = [(source, name) for source in wanted for name in source.packages]
    held: dict[str, list[Package]] = {source.name: [] for source in wanted}

    stopped = threading.Event()

    def get(item: tuple[Source, str]) -> Package:
        def wanted(path: str) -> bool:
            if stopped.is_set():
                raise InputError("interrupted")
            return item[0].needs(path)

        return obtain(item[1], options.cache, options.debs, say, wanted)

    with ThreadPoolExecutor(2) as pool:
        try:
            for number, ((source, _), package) in enumerate(zip(todo, pool.map(get, todo))):
                held[source.name].append(package)
                progress("packages", (number + 1) / len(todo))
        finally:  # ctrl-C, or one package that cannot be had: the others need not be finished
            stopped.set()
            pool.shutdown(cancel_futures=True)
    return held


def _plan(options: BuildOptions, packages: dict[str, list[Package]]) -> dict[str, Any]:
    """What the bytes of the corpus depend on."""
    return {
        "version": VERSION,
        "lift3d": __version__,
        "limit": options.limit,
        "sources": {
            name: [{"package": p.name, "version": p.version, "sha256": p.sha256} for p in held]
            for name, held in packages.items()
        },
        "folder": None
        if options.folder is None
        else {"name": options.folder.resolve().name, "up": options.up, "licence": options.licence,
              "author": options.author},
    }  # fmt: skip


def _already(target: Path, plan: dict[str, Any], say: Log) -> Corpus:
    corpus = Corpus(target)
    if corpus.card["plan"] != plan:
        raise InputError(
            f"{target} holds a corpus that was built of other sources or with other options",
            "give a new folder, or remove this one",
        )
    shutil.rmtree(target / WORK, ignore_errors=True)
    say(f"{target} is whole already; nothing to do")
    return corpus


def _begin(work: Path, plan: dict[str, Any]) -> None:
    text = json.dumps(plan, sort_keys=True, indent=1).encode()
    file = work / "plan.json"
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        raise InputError(f"the folder {work.parent} cannot be written ({why})", "choose another") from error
    if file.is_file() and file.read_bytes() != text:
        raise InputError(
            f"{work.parent} holds an unfinished corpus of other sources or options",
            f"give the same ones, or remove {work}",
        )
    write_bytes(file, text)


def list_entries(source: Source, roots: Sequence[Path], limit: int | None) -> list[Entry]:
    """The things of a source that are objects, by key; `limit` of them, spread evenly."""
    from lift3d.corpus.categorize import is_object

    found = sorted(source.entries(roots), key=lambda entry: entry.key)
    if source.packages:
        found = [entry for entry in found if is_object(entry)]
    if limit is not None and len(found) > limit:
        found = [found[i * len(found) // limit] for i in range(limit)]
    return found


_listed: dict[str, tuple[Source, list[Entry]]] = {}
"""In a worker: the source it works on, listed."""


def _work(source: Source, roots: Sequence[Path], limit: int | None, number: int, file: Path) -> None:
    """One batch, in a process of its own pool."""
    if source.name not in _listed:
        import numba

        numba.set_num_threads(1)
        _listed.clear()
        _listed[source.name] = (source, list_entries(source, roots, limit))
    source, entries = _listed[source.name]
    chosen = dict(split_into_batches(entries))[number]
    make_batch(source, chosen).write(file)


def _make(
    source: Source,
    roots: Sequence[Path],
    entries: list[Entry],
    folder: Path,
    options: BuildOptions,
    progress: Progress,
) -> list[Path]:
    """All batches of a source; those that are there already are kept."""
    keys = hashlib.sha256("\n".join(entry.key for entry in entries).encode()).hexdigest()[:12]
    folder = folder.with_name(f"{folder.name}-{keys}")
    files = [folder / f"{number:05d}.npz" for number, _ in split_into_batches(entries)]
    source = sources().get(source.name, source)  # one that has listed nothing yet travels light
    missing = [number for number, file in enumerate(files) if not file.is_file()]
    done = len(files) - len(missing)
    if not missing:
        return files
    processes = max(min(options.processes or os.cpu_count() or 1, len(missing)), 1)
    pool = workers.process_pool(processes)
    try:
        jobs = [pool.submit(_work, source, roots, options.limit, number, files[number]) for number in missing]
        for job in as_completed(jobs):
            job.result()
            done += 1
            progress(source.name, done / len(files))
    except BrokenProcessPool as error:
        raise InputError(
            f"a process that worked on {source.name} was killed, perhaps for want of memory",
            "run the same command again with --processes 1: it goes on where it stopped",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return files


def _require_something(files: Sequence[Path], target: Path) -> None:
    rows = read_rows(files)
    if any(row["state"] == "kept" for row in rows):
        return
    first = next((row for row in rows if "reason" in row), None)
    shutil.rmtree(target / WORK)
    with contextlib.suppress(OSError):
        target.rmdir()
    raise InputError(
        f"none of {len(rows)} models could be used" + (f" ({first['reason'].rstrip('.')})" if first else ""),
        "check what the folder holds",
    )

"""Building a corpus: list the sources, turn their models into shapes in batches in several processes, and assemble them.

Finished batches are kept: a killed build continues with the missing ones and produces the same bytes. The corpus is
complete once its card exists; until then the work lies in the folder `.building`.
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
OTHER_CORPUS = "{} holds a corpus that was built from other sources or with other options"
OTHER_HINT = "give a new folder, or remove this one; a folder of meshes is named with --from"
Log = Callable[[str], None]
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class BuildOptions:
    """only: names of sources, all if empty. limit: number of models per source, evenly spaced. cache: folder for packages.
    debs: a folder of .deb files used instead of apt. folder: the user's meshes instead of packages, with their up axis,
    licence and author. processes: number of worker processes, one per core by default."""

    only: tuple[str, ...] = ()
    limit: int | None = None
    cache: Path = field(default_factory=lambda: Path.home() / ".cache/lift3d")
    debs: Path | None = None
    folder: Path | None = None
    up: str = "z"
    licence: str = "not stated"
    author: str = "not stated"
    processes: int | None = None


def build(target: Path, options: BuildOptions, log: Log, progress: Progress) -> Corpus:
    """Build the corpus, or the rest of an interrupted build, and open it.

    log: receives lines for people; progress(step, fraction). Raises InputError for options that contradict each other, a
    folder that cannot be used, and a source without usable models.
    """
    _check(target, options)
    import_parquet()  # fails before hours of work
    selected = _selected(options)
    if (target / CARD).is_file():
        _require_same_sources(target, {source.name: list(source.packages) for source in selected}, options)
    packages = _packages(selected, options, log, progress)
    plan = _plan(options, packages)
    if (target / CARD).is_file():
        return _open_complete(target, plan, log)
    roots = {source.name: [package.root for package in packages[source.name]] for source in selected}
    entries = {source.name: list_entries(source, roots[source.name], options.limit) for source in selected}
    started, work, files = time.monotonic(), target / WORK, list[Path]()
    _begin(work, plan)
    for source in selected:
        name = source.name
        log(f"{name}: {len(entries[name])} models")
        files += _make(source, roots[name], entries[name], work / name, options, progress)
    _require_shapes(files, target)
    log("searching for duplicates")
    own = options.folder is not None
    rows = write_corpus(files, target, work, lambda fraction: progress("duplicates", fraction), own)
    progress("duplicates", 1.0)
    log("choosing backgrounds for pictures")
    from lift3d.corpus.data_card import write_card
    from lift3d.corpus.pictures.backgrounds import write_backgrounds

    bank = write_backgrounds(roots, target, {source.name: source.packages for source in selected})
    if options.folder is None and not bank:
        log("these packages hold no backgrounds; pictures of this corpus will have procedural ones")
    origin = [(source, packages[source.name]) for source in selected]
    log("writing the card and the contact sheets")
    write_card(target, plan, origin, read_rows(files), rows, bank, lambda done: progress("card", done))
    shutil.rmtree(work)
    log(f"built in {format_seconds(time.monotonic() - started)}")
    return Corpus(target)


def _check(target: Path, options: BuildOptions) -> None:
    """Raise InputError for options and folders that cannot be used."""
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file, not a folder", "give a folder for the corpus")
    for name, folder in (("--debs", options.debs), ("--from", options.folder)):
        if folder is not None and not folder.is_dir():
            raise InputError(f"{folder} is not a folder", f"give an existing folder with {name}")
    ours = {WORK, CARD}
    if target.is_dir() and any(target.iterdir()) and not any((target / name).exists() for name in ours):
        raise InputError(f"{target} is not empty and holds no corpus", "give a new or empty folder")
    if options.limit is not None and options.limit < 1:
        raise InputError(f"--limit {options.limit} leaves no models", "give 1 or more")
    if options.up not in ("y", "z"):
        raise InputError(f"--up {options.up} is not an axis", "give y or z")
    if options.folder is not None:
        if options.only or options.debs:
            raise InputError(
                "--from, which reads a folder of meshes, excludes --only and --debs, which choose packages",
                "give one or the other",
            )
        if target.resolve().is_relative_to(options.folder.resolve()):
            raise InputError(f"the corpus would lie inside {options.folder}", "give another folder for it")


def _selected(options: BuildOptions) -> list[Source]:
    """The sources that the options select."""
    if options.folder is not None:
        return [Folder(options.folder, options.up, options.licence, options.author)]
    known = sources()
    for name in options.only:
        if name not in known:
            raise InputError(f"there is no source called {name}", f"choose from {', '.join(known)}")
    return [source for name, source in known.items() if not options.only or name in options.only]


def _packages(
    selected: Sequence[Source], options: BuildOptions, log: Log, progress: Progress
) -> dict[str, list[Package]]:
    """The packages of every source, downloaded and unpacked two at a time."""
    todo = [(source, name) for source in selected for name in source.packages]
    obtained: dict[str, list[Package]] = {source.name: [] for source in selected}

    stopped = threading.Event()

    def fetch(item: tuple[Source, str]) -> Package:
        def needed(path: str) -> bool:
            if stopped.is_set():
                raise InputError("interrupted")
            return item[0].needs(path)

        return obtain(item[1], options.cache, options.debs, log, needed)

    with ThreadPoolExecutor(2) as pool:
        try:
            for number, ((source, _), package) in enumerate(zip(todo, pool.map(fetch, todo))):
                obtained[source.name].append(package)
                progress("packages", (number + 1) / len(todo))
        finally:  # after Ctrl-C or a failed package the others need not finish
            stopped.set()
            pool.shutdown(cancel_futures=True)
    return obtained


def _plan(options: BuildOptions, packages: dict[str, list[Package]]) -> dict[str, Any]:
    """Everything that the bytes of the corpus depend on."""
    return {
        "version": VERSION,
        "lift3d": __version__,
        "limit": options.limit,
        "sources": {
            name: [{"package": p.name, "version": p.version, "sha256": p.sha256} for p in obtained]
            for name, obtained in packages.items()
        },
        "folder": None
        if options.folder is None
        else {"name": options.folder.resolve().name, "up": options.up, "licence": options.licence,
              "author": options.author},
    }  # fmt: skip


def _require_same_sources(target: Path, wanted: dict[str, list[str]], options: BuildOptions) -> None:
    """InputError, before anything is downloaded, for a complete corpus of other sources."""
    plan = Corpus(target).card["plan"]
    held = {name: [p["package"] for p in packages] for name, packages in plan.get("sources", {}).items()}
    if held != wanted or (plan.get("folder") is None) != (options.folder is None):
        raise InputError(OTHER_CORPUS.format(target), OTHER_HINT)


def _open_complete(target: Path, plan: dict[str, Any], log: Log) -> Corpus:
    """The complete corpus in the folder; InputError when its plan differs."""
    corpus = Corpus(target)
    if corpus.card["plan"] != plan:
        raise InputError(OTHER_CORPUS.format(target), OTHER_HINT)
    shutil.rmtree(target / WORK, ignore_errors=True)
    log(f"{target} is complete; nothing to do")
    return corpus


def _begin(work: Path, plan: dict[str, Any]) -> None:
    """Create the folder of the work with its plan; InputError when it belongs to another plan or cannot be written."""
    text = json.dumps(plan, sort_keys=True, indent=1).encode()
    file = work / "plan.json"
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        raise InputError(
            f"the folder {work.parent} cannot be written ({why})", "give another folder"
        ) from error
    if file.is_file() and file.read_bytes() != text:
        raise InputError(
            f"{work.parent} holds an unfinished corpus with other sources or options",
            f"give the same options, or remove {work}",
        )
    write_bytes(file, text)


def list_entries(source: Source, roots: Sequence[Path], limit: int | None) -> list[Entry]:
    """The entries of a source that are objects, sorted by key; at most `limit` of them, evenly spaced."""
    from lift3d.corpus.categorize import is_object

    found = sorted(source.entries(roots), key=lambda entry: entry.key)
    if source.packages:
        found = [entry for entry in found if is_object(entry)]
    if limit is not None and len(found) > limit:
        found = [found[i * len(found) // limit] for i in range(limit)]
    return found


_listed: dict[str, tuple[Source, list[Entry]]] = {}
"""In a worker process: the source that it works on, and its entries."""


def _work(source: Source, roots: Sequence[Path], limit: int | None, number: int, file: Path) -> None:
    """Write one batch; runs in a worker process."""
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
    """The files of all batches of a source; those that exist are kept."""
    keys = hashlib.sha256("\n".join(entry.key for entry in entries).encode()).hexdigest()[:12]
    folder = folder.with_name(f"{folder.name}-{keys}")
    files = [folder / f"{number:05d}.npz" for number, _ in split_into_batches(entries)]
    source = sources().get(source.name, source)  # a fresh source is cheap to send to the workers
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
            f"a process that worked on {source.name} was killed, perhaps because memory ran out",
            "run the same command again with --processes 1; it continues where it stopped",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return files


def _require_shapes(files: Sequence[Path], target: Path) -> None:
    """Raise InputError and remove the work when no model became a shape."""
    rows = read_rows(files)
    if any(row["state"] == "kept" for row in rows):
        return
    first = next((row for row in rows if "reason" in row), None)
    shutil.rmtree(target / WORK)
    with contextlib.suppress(OSError):
        target.rmdir()
    raise InputError(
        f"none of {len(rows)} models could be used" + (f" ({first['reason'].rstrip('.')})" if first else ""),
        "check the contents of the folder",
    )

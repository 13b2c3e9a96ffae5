"""Damaged files of every format that lift3d reads: the result of each must be shapes or one clear error.

    python benchmarks/fuzz.py [--each 900] [--first 0] [--packages FOLDER] [--only AC3D]

Files are damaged by `mutations.py`, with a seed from the format's name and the number of the input, so that each can be
reproduced (`--only NAME --number N` runs one input and prints the result). Worker processes read the files. An input counts as
hanging after 5 s of CPU time or 60 s of wall time; its memory is the growth of the process's resident size during reading.
--packages: a folder such as a corpus' cache of unpacked packages, whose small files are damaged too.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from fuzz_formats import ROOT, Format, formats
from lift3d.errors import Lift3dError
from mutations import mutated

SECONDS, PATIENCE, MEGABYTES = 5.0, 60.0, 1024
ADDRESSES = 4 << 30
"""Address space that a worker may allocate in addition; larger requests raise MemoryError."""
SMALL, REAL = 20_000, 24
GOOD = ("shapes", "empty", "clear error")


class Late(BaseException):
    """Raised at the time limit. It is no Exception, so that readers do not handle it as damage."""


def with_real_files(known: dict[str, Format], packages: Path | None) -> None:
    """Add up to REAL small files of each format from a folder."""
    for kind in known.values() if packages is not None else ():
        if kind.real:
            found = sorted(
                f for f in packages.rglob(kind.real) if f.is_file() and 0 < f.stat().st_size <= SMALL
            )
            kind.seeds.extend(f.read_bytes() for f in found[:: max(1, len(found) // REAL)][:REAL])


def damaged_file(kind: Format, name: str, number: int) -> bytes:
    rng = np.random.default_rng([zlib.crc32(name.encode()), number])
    seed = kind.seeds[int(rng.integers(len(kind.seeds)))]
    return kind.wrap(mutated(seed, kind.seeds, rng))


def outcome(kind: Format, name: str, number: int, folder: Path) -> tuple[str, str]:
    """(outcome, details) of reading an input; outcomes outside of GOOD are failures."""
    data = damaged_file(kind, name, number)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ("shapes" if kind.read(data, folder) else "empty"), ""
    except Lift3dError as error:
        text = str(error)
        return (
            ("clear error", text)
            if text.count("\n") == 0 and 10 < len(text) < 600
            else ("unclear error", text)
        )
    except Late:
        return "hang", "".join(traceback.format_stack(limit=12))
    except BaseException as error:
        return f"crash: {type(error).__name__}", traceback.format_exc()[-1500:]


def _resident(field: str) -> float:
    """MB from /proc/self/status: VmRSS, the current value, or VmHWM, the maximum since the last reset."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(field))


def measured(kind: Format, name: str, number: int, folder: Path) -> tuple[str, str, float, float]:
    """Outcome, details, CPU seconds and MB of an input."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
    before, started = _resident("VmRSS"), time.process_time()

    def late(signum: int, frame: Any) -> None:
        raise Late

    usual = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        what, details = outcome(kind, name, number, folder)
    except Late:
        what, details = "hang", ""
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, usual)
    seconds, grown = time.process_time() - started, _resident("VmHWM") - before
    return ("memory" if grown > MEGABYTES and what in GOOD else what), details, seconds, grown


def work(tasks: Any, results: Any, packages: Path | None) -> None:
    """A worker process: reports each input when it begins, and its outcome."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as scratch:
        known = formats(Path(scratch))
        with_real_files(known, packages)
        for name, kind in known.items():  # imports and compilation happen before the first measurement
            outcome(kind, name, 0, Path(scratch) / "input")
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + ADDRESSES, resource.RLIM_INFINITY))
        while (task := tasks.get()) is not None:
            results.put((os.getpid(), *task, None))
            results.put((os.getpid(), *task, measured(known[task[0]], *task, Path(scratch) / "input")))


def run(
    names: list[str], numbers: range, packages: Path | None, workers: int
) -> dict[str, list[tuple[Any, ...]]]:
    """All outcomes by format: rows of number, outcome, details, seconds, MB. A worker that dies or hangs is replaced."""
    context = multiprocessing.get_context("spawn")
    tasks, results = context.Queue(), context.Queue()
    for number in numbers:
        for name in names:
            tasks.put((name, number))
    todo, done, busy, crew = len(numbers) * len(names), {name: [] for name in names}, {}, []
    while todo:
        crew = [p for p in crew if p.is_alive()]
        while len(crew) < min(workers, todo):
            crew.append(context.Process(target=work, args=(tasks, results, packages), daemon=True))
            crew[-1].start()
        try:
            who, name, number, what = results.get(timeout=1)
        except Exception:  # queue.Empty: find the workers that died
            for pid, (name, number, since) in list(busy.items()):
                alive = any(p.pid == pid and p.is_alive() for p in crew)
                if not alive or time.monotonic() - since > PATIENCE:
                    if alive:
                        os.kill(pid, signal.SIGKILL)
                    done[name].append(
                        (number, "hang" if alive else "crash: the process died", "", PATIENCE, 0.0)
                    )
                    del busy[pid]
                    todo -= 1
            continue
        if what is None:
            busy[who] = (name, number, time.monotonic())
        elif busy.pop(who, None):
            done[name].append((number, *what))
            todo -= 1
            if sum(map(len, done.values())) % 1000 == 0:
                print(f"{todo} left", file=sys.stderr, flush=True)
    for _ in crew:
        tasks.put(None)
    for process in crew:
        process.join(10)
    return done


def table(done: dict[str, list[tuple[Any, ...]]]) -> dict[str, Any]:
    """The table for the documentation: a row for each format and a row for all."""
    rows: list[list[Any]] = []
    for name, got in (done | {"all": sum(done.values(), [])}).items():
        count = Counter(row[1] for row in got)
        other = len(got) - sum(count[good] for good in GOOD)
        slowest, most = max(row[3] for row in got), max(row[4] for row in got)
        rows.append(
            [name, len(got), *(count[good] for good in GOOD), other, round(slowest, 2), round(max(most, 0))]
        )
    columns = ["format", "inputs", *GOOD, "other", "slowest, s", "peak memory, MB"]
    note = (
        "Shapes: or rows, names and files, for formats that contain no mesh. Other: a crash, more than "
        f"{SECONDS:.0f} s of computing, or more than {MEGABYTES // 1024} GB. OpenUSD reads in a separate process with these "
        "limits; a crash there is reported as a clear error."
    )
    return {"columns": columns, "rows": rows, "note": note}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--each", type=int, default=900, help="inputs of each format")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--only", help="one format")
    parser.add_argument("--number", type=int, help="run this input alone and print the result")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        known = formats(Path(scratch))
        with_real_files(known, given.packages)
        if given.number is not None:
            print(*outcome(known[given.only], given.only, given.number, Path(scratch) / "input"), sep="\n")
            return 0
    numbers = range(given.first, given.first + given.each)
    done = run([given.only] if given.only else list(known), numbers, given.packages, given.workers)
    made = table(done)
    bad = [(name, *row[:3]) for name, rows in done.items() for row in rows if row[1] not in GOOD]
    for row in made["rows"]:
        print(*row, sep="\t")
    for name, number, what, details in bad[:40]:
        print(f"\n{name} {number}: {what}\n{details}", file=sys.stderr)
    if not given.only:
        listed = [{"format": name, "number": number, "outcome": what} for name, number, what, _ in bad]
        real = sum(len(kind.seeds) for kind in known.values())
        result = {
            "table": made,
            "inputs_of_each_format": given.each,
            "files_damaged": real,
            "anything_else": listed,
        }
        (ROOT / "benchmarks/results/fuzz.json").write_text(
            json.dumps(result, indent=1) + "\n", encoding="utf-8"
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

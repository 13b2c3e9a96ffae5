"""The server under load: 50 uploads at once, polls while a job runs, kill -9 at random moments, and requests that are wrong.

    python benchmarks/server.py [--fuzzed 10000] [--kills 20]

Writes benchmarks/results/server.json. Start: seconds until the first answer. Memory is resident, of the server's own process."""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from PIL import Image

import lift3d

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))
from server_process import ServerProcess, processes_using, wait_for  # noqa: E402

from fuzz_server import Fuzzer, ask, raw  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "server.json"


def memory_of(server: ServerProcess) -> float:
    """Resident MB of the server."""
    assert server.process is not None
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def broken_box(folder: Path, k: int = 0) -> Path:
    """A sphere with a hole; k changes it."""
    mesh = trimesh.creation.icosphere(3, 0.01 + 0.001 * k)
    mesh.update_faces(np.arange(len(mesh.faces)) % 97 != k % 97)
    lift3d.save(mesh, path := folder / f"ball{k}.ply")
    return path


def uploads(server: ServerProcess, folder: Path, count: int = 50) -> dict[str, Any]:
    """Pictures of 5 MB, all at once."""
    paths = []
    for k in range(count):
        picture = np.random.default_rng(k).integers(0, 255, (1200, 1400, 3), np.uint8)
        Image.fromarray(picture).save(path := folder / f"{k}.png", compress_level=0)
        paths.append(path)
    client, began, peak = server.client, time.monotonic(), [memory_of(server)]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peak.append(memory_of(server))

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(count) as pool:
        ids = [upload for found in pool.map(client.upload, paths) for upload in found]
    seconds = time.monotonic() - began
    done.set()
    watcher.join()
    same = sum((server.data / "uploads" / i).read_bytes() == p.read_bytes() for i, p in zip(ids, paths))
    for upload in ids:
        client.ask("DELETE", f"uploads/{upload}")
    megabytes = sum(p.stat().st_size for p in paths) / 1e6
    return {
        "whole uploads": f"{same} of {count}",
        "MB a second": round(megabytes / seconds),
        "peak memory of the server, MB": round(max(peak)),
    }


def polls(server: ServerProcess, seconds: float = 10.0) -> dict[str, Any]:
    """Status polls by four clients while a job runs."""
    client = server.client
    job = client.start("generate", count=24, category="chair")
    wait_for(lambda: client.ask("GET", f"jobs/{job}")["state"] == "running")
    counts = [0] * 4
    slowest = [0.0] * 4

    def poll(k: int) -> None:
        connection = http.client.HTTPConnection(server.address.removeprefix("http://"))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            connection.request("GET", f"/api/jobs/{job}")
            response = connection.getresponse()
            response.read()
            counts[k] += response.status == 200
            slowest[k] = max(slowest[k], time.monotonic() - began)
            time.sleep(max(0.0, 1 / 90 - (time.monotonic() - began)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(poll, range(4)))
    client.ask("DELETE", f"jobs/{job}")
    return {"polls a second": round(sum(counts) / seconds), "slowest poll, ms": round(1000 * max(slowest))}


def kills(folder: Path, count: int) -> dict[str, Any]:
    """kill -9 of the server at random moments while as many jobs run; their bytes beside those of undisturbed ones."""
    rng = np.random.default_rng(0)
    paths = [broken_box(folder, k) for k in range(count)]
    server = ServerProcess(folder / "killed", "--jobs", "2")
    with server:
        jobs = [server.client.start("repair", [path]) for path in paths]
        for _ in range(count):
            time.sleep(float(rng.uniform(0.3, 4)))
            server.kill()
            wait_for(lambda: not processes_using(server.data))
            server.start()
        same = 0
        for job, path in zip(jobs, paths):
            server.client.wait(job)
            server.client.download(job, "model.glb", folder / "served.glb")
            lift3d.repair(path, folder / "local.glb")
            digests = {
                hashlib.sha256((folder / name).read_bytes()).hexdigest()
                for name in ("served.glb", "local.glb")
            }
            same += len(digests) == 1
    return {"kills": count, "jobs that ended with the same bytes": f"{same} of {count}"}


def fuzz(server: ServerProcess, folder: Path, count: int) -> dict[str, Any]:
    """Wrong requests."""
    client = server.client
    job = client.run("repair", [broken_box(folder)])
    with urllib.request.urlopen(f"{server.address}/openapi.json") as response:
        api = json.loads(response.read())
    api["paths"] = {path: m for path, m in api["paths"].items() if not path.endswith("/events")}
    tasks = client.ask("GET", "tasks")["tasks"]
    statuses: dict[int, int] = {}

    def some(seed: int) -> list[int]:
        fuzzer = Fuzzer(api, tasks, [job, "model.glb", "0", "stl"], seed)
        return [ask(server.address, *fuzzer.request()) for _ in range(count // 4)]

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(some, range(4)):
            for status in found:
                statuses[status] = statuses.get(status, 0) + 1
    for data in (b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n",
                 b"GET http://evil/ HTTP/1.1\r\nHost: evil\r\n\r\n", b"\0" * 100_000,
                 b"POST /api/uploads HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n"):  # fmt: skip
        line = raw(server.address, data)
        assert b" 5" not in line[8:11], line
    outside = [p for p in server.data.rglob("*") if p.is_file() and p.suffix in (".py", ".sh", ".txt")]
    wrong = {s: n for s, n in statuses.items() if s in (500, 599)}
    return {
        "wrong requests": sum(statuses.values()), "answers 500 or none": sum(wrong.values()),
        "strange files": len(outside), "answers": {str(s): n for s, n in sorted(statuses.items())},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--fuzzed", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        began = time.monotonic()
        with ServerProcess(folder / "data", "--jobs", "2") as server:
            found["seconds to the first answer"] = round(time.monotonic() - began, 2)
            found |= uploads(server, folder)
            found |= polls(server)
            found |= fuzz(server, folder, options.fuzzed)
            found["memory of the server at the end, MB"] = round(memory_of(server))
        found |= kills(folder, options.kills)
    answers = found.pop("answers")
    table = {
        "columns": ["measure", "value"],
        "rows": [[name, value] for name, value in found.items()],
        "note": f"Answers by status: {answers}.",
    }
    RESULTS.write_text(
        json.dumps({**found, "answers": answers, "table": table}, indent=1) + "\n", encoding="utf-8"
    )
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

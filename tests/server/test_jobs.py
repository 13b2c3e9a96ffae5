"""A real server with its workers: every kind of end, and nothing lost, torn or left behind."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import os
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

pytest.importorskip("fastapi")
from server_process import ServerProcess, processes_using, wait_for

import lift3d
from lift3d.errors import InputError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(
        tmp_path_factory.mktemp("server") / "data", "--jobs", "2", "--max-upload", "200MB"
    ) as found:
        yield found


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A box without one of its faces."""
    box = trimesh.creation.box(extents=(0.03, 0.02, 0.01))
    box.update_faces(np.arange(12) != 5)
    path = tmp_path_factory.mktemp("meshes") / "broken box.ply"
    lift3d.save(box, path)
    return path


def photo(path: Path, seed: int = 0) -> Path:
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    return path


def test_the_result_is_that_of_the_command_line(server: ServerProcess, broken: Path, tmp_path: Path) -> None:
    client = server.client
    job = client.run("repair", [broken])
    client.download(job, "model.glb", tmp_path / "served.glb")
    lift3d.repair(broken, tmp_path / "local.glb")
    assert (tmp_path / "served.glb").read_bytes() == (tmp_path / "local.glb").read_bytes()
    found = client.ask("GET", f"jobs/{job}")
    assert "%" in dict(found["result"]["facts"])["Moved"] and found["title"] == "broken box.ply"


def test_ranges_and_formats(server: ServerProcess, broken: Path, tmp_path: Path) -> None:
    job = server.client.run("repair", [broken])
    url = f"{server.address}/api/jobs/{job}/files/model.glb"
    whole = urllib.request.urlopen(url).read()
    part = urllib.request.urlopen(urllib.request.Request(url, headers={"Range": "bytes=4-11"}))
    assert part.status == 206 and part.read() == whole[4:12]
    for format in ("stl", "3mf", "obj"):
        response = urllib.request.urlopen(f"{server.address}/api/jobs/{job}/model/{format}")
        assert "broken box" in response.headers["content-disposition"].replace("%20", " ")
        (path := tmp_path / f"x.{format}").write_bytes(data := response.read())
        assert data[:2] == b"PK" if format != "stl" else lift3d.load(path).is_watertight


def test_a_failure_is_the_sentence_of_the_command_line(server: ServerProcess, tmp_path: Path) -> None:
    data = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(data, "PNG")
    (path := tmp_path / "white.png").write_bytes(data.getvalue())
    with pytest.raises(InputError) as served:
        server.client.run("mask", [path])
    with pytest.raises(lift3d.errors.Lift3dError) as local:
        lift3d.mask(path)
    assert served.value.cause == local.value.cause and str(server.data) not in str(served.value)


def test_damaged_models_are_explained(server: ServerProcess, tmp_path: Path) -> None:
    (path := tmp_path / "torn.glb").write_bytes(b"glTF\x02\0\0\0\xff\xff\0\0")
    with pytest.raises(InputError, match=r"torn\.glb"):
        server.client.run("check", [path])


def test_fifty_uploads_at_once_are_all_there(server: ServerProcess, tmp_path: Path) -> None:
    paths = [photo(tmp_path / f"{k}.png", k) for k in range(50)]
    with ThreadPoolExecutor(50) as pool:
        ids = [upload for found in pool.map(server.client.upload, paths) for upload in found]
    assert len(set(ids)) == 50
    for upload, path in zip(ids, paths):
        assert (server.data / "uploads" / upload).read_bytes() == path.read_bytes()
        server.client.ask("DELETE", f"uploads/{upload}")
    assert not list((server.data / "uploads").iterdir())


def test_a_cancelled_job_ends_its_process(server: ServerProcess, tmp_path: Path) -> None:
    client = server.client
    job = client.start("generate", count=24, category="chair")
    wait_for(lambda: client.ask("GET", f"jobs/{job}")["fraction"] > 0, 90)
    before = set(processes_using(server.data))
    client.ask("POST", f"jobs/{job}/cancel")
    assert client.ask("GET", f"jobs/{job}")["state"] == "cancelled"
    wait_for(lambda: len(before - set(processes_using(server.data))) == 1)
    assert not (server.data / "jobs" / job / "outputs").exists()
    client.ask("DELETE", f"jobs/{job}")
    assert not (server.data / "jobs" / job).exists()


def test_a_killed_worker_begins_again(server: ServerProcess, broken: Path) -> None:
    client = server.client
    job = client.start("generate", count=2, category="chair")
    wait_for(lambda: client.ask("GET", f"jobs/{job}")["state"] == "running")
    for process in processes_using(server.data):
        os.kill(process, signal.SIGKILL)
    assert client.wait(job)["result"]["files"]


def test_events_follow_a_job(server: ServerProcess, broken: Path) -> None:
    job = server.client.start("repair", [broken])
    states = []
    with urllib.request.urlopen(f"{server.address}/api/jobs/{job}/events", timeout=60) as stream:
        for line in stream:
            if line.startswith(b"data: "):
                states.append(json.loads(line[6:])["state"])
    assert states[-1] == "done" and "queued" in states + ["queued"]


def test_polls_while_a_job_runs(server: ServerProcess) -> None:
    client = server.client
    job = client.start("generate", count=3, category="chair")
    address = server.address.removeprefix("http://")
    connection = http.client.HTTPConnection(address)
    began, count = time.monotonic(), 300
    for _ in range(count):
        connection.request("GET", f"/api/jobs/{job}")
        response = connection.getresponse()
        assert response.status == 200
        response.read()
    assert time.monotonic() - began < 30
    client.ask("POST", f"jobs/{job}/cancel") if client.ask("GET", f"jobs/{job}")["state"] != "done" else None


def test_an_upload_that_breaks_off_leaves_nothing(server: ServerProcess) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = (
            f"POST /api/uploads?name=a.jpg HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 1000000\r\n\r\n"
        )
        connection.sendall(head.encode() + b"\xff\xd8\xff" + bytes(1000))
        wait_for(lambda: list((server.data / "uploads").iterdir()))
    wait_for(lambda: not list((server.data / "uploads").iterdir()))


def test_huge_heads_are_refused(server: ServerProcess) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nX: ".encode())
        answer = b""
        try:
            for _ in range(200):
                connection.sendall(b"x" * 10_000)
            answer = connection.recv(1000)
        except OSError:
            pass
        assert answer[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 431")
    assert server.client.ask("GET", "jobs?limit=1")["total"] >= 0


def test_killed_servers_lose_nothing(tmp_path: Path, broken: Path) -> None:
    """kill -9 of the server at random moments; the jobs end with the same bytes, and no worker is left behind."""
    rng = np.random.default_rng(3)
    server = ServerProcess(tmp_path / "data", "--jobs", "2")
    with server:
        jobs = [server.client.start("repair", [broken]) for _ in range(6)]
        for _ in range(4):
            time.sleep(float(rng.uniform(0.2, 2.5)))
            server.kill()
            wait_for(lambda: not processes_using(tmp_path / "data"))
            server.start()
        digests = set()
        for job in jobs:
            server.client.wait(job)
            server.client.download(job, "model.glb", tmp_path / "x.glb")
            digests.add(hashlib.sha256((tmp_path / "x.glb").read_bytes()).hexdigest())
        lift3d.repair(broken, tmp_path / "local.glb")
        assert digests == {hashlib.sha256((tmp_path / "local.glb").read_bytes()).hexdigest()}
    wait_for(lambda: not processes_using(tmp_path / "data"))


def test_memory_and_time_are_bounded(tmp_path: Path) -> None:
    with (
        ServerProcess(tmp_path / "data", "--job-time", "1s") as server,
        pytest.raises(InputError, match="longer than 1 s"),
    ):
        server.client.run("generate", count=24, category="chair")
    with (
        ServerProcess(tmp_path / "data2", "--job-memory", "200MB") as server,
        pytest.raises(InputError, match="memory"),
    ):
        server.client.run("generate", count=24, category="chair")


def test_two_servers_do_not_share_a_folder(server: ServerProcess) -> None:
    other = ServerProcess(server.data)
    with pytest.raises(AssertionError, match="another server uses"):
        other.start()


def test_many_clients_follow_at_once(server: ServerProcess) -> None:
    streams = [urllib.request.urlopen(f"{server.address}/api/events", timeout=20) for _ in range(20)]
    seen = []

    def first(stream: object) -> None:
        seen.append(stream.readline())  # type: ignore[attr-defined]

    threads = [threading.Thread(target=first, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(seen) == 20 and all(line.startswith((b"event", b":")) for line in seen)
    for stream in streams:
        stream.close()

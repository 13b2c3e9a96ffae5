"""Requests that nobody should send: made from the OpenAPI description with wrong values, and by hand.

Used by `benchmarks/server.py`. A response of 500, none within ten seconds, or a file outside the
data folder is a fault."""

from __future__ import annotations

import http.client
import json
import random
import socket
import string
from typing import Any

STRANGE = (
    "", "0", "-1", "1e999", "null", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%00",
    "a" * 3000, "\u202e", "'; DROP TABLE jobs; --",
    "<script>alert(1)</script>", "${jndi:ldap://x}", "CON", "file:///etc/passwd", "\r\nSet-Cookie: a=b", "٣", "true", "[]", "{}",
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "FOO")
BODIES = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"{" * 5000,
    b'{"task": "generate", "options": {"count": 1e400}}',
    b"\0" * 2000,
)


def value(rng: random.Random) -> Any:
    """A value of any type."""
    kind = rng.randrange(7)
    if kind == 0:
        return rng.choice(STRANGE)
    if kind == 1:
        return rng.choice([0, -1, 1, 2**31, 10**30, -(10**30), 1.5, 1e308, float("inf")])
    if kind == 2:
        return rng.choice([None, True, False])
    if kind == 3:
        return "".join(rng.choice(string.printable) for _ in range(rng.randrange(40)))
    if kind == 4:
        return [value(rng) for _ in range(rng.randrange(3))]
    if kind == 5:
        return {rng.choice(STRANGE)[:20]: value(rng) for _ in range(rng.randrange(3))}
    return rng.choice(["auto", "glb", "24cm", "220x220x250mm", "chair", "z"])


class Fuzzer:
    """Requests from a seed. api: the OpenAPI description; tasks: answer of GET /api/tasks; known: ids that exist."""

    def __init__(self, api: dict[str, Any], tasks: list[dict[str, Any]], known: list[str], seed: int) -> None:
        self.api, self.tasks, self.known, self.rng = api, tasks, known, random.Random(seed)

    def request(self) -> tuple[str, str, bytes, dict[str, str]]:
        """(method, address, body, headers)."""
        rng = self.rng
        path, methods = rng.choice(list(self.api["paths"].items()))
        method = rng.choice(list(methods)).upper() if rng.random() < 0.8 else rng.choice(METHODS)
        while "{" in path:
            head, _, rest = path.partition("{")
            filling = rng.choice(self.known) if rng.random() < 0.5 else rng.choice(STRANGE)
            path = head + filling + rest.partition("}")[2]
        query = "&".join(
            f"{rng.choice(['limit', 'offset', 'name', 'inline', 'x'])}={rng.choice(STRANGE)}"
            for _ in range(rng.randrange(3))
        )
        headers = {
            rng.choice(
                ["accept", "range", "x-a", "content-type", "if-range", "cookie", "authorization"]
            ): self.header()
        }
        return method, path + (f"?{query}" if query else ""), self.body(path), headers

    def header(self) -> str:
        """The value of a header."""
        text = self.rng.choice(
            [
                *STRANGE,
                "bytes=0-1",
                "bytes=9-1",
                "bytes=-5",
                "bytes=a-b",
                "bytes=0-1,2-3,4-5",
                "application/json",
            ]
        )
        return text.encode("latin-1", "replace").decode("latin-1").replace("\r", "").replace("\n", "")[:2000]

    def body(self, path: str) -> bytes:
        """A body, of a job where it may be one."""
        rng = self.rng
        if path == "/api/jobs" and rng.random() < 0.8:
            task = rng.choice(self.tasks)
            names = list(task["options"].get("properties", {"a": 0}))
            options = {rng.choice(names): value(rng) for _ in range(rng.randrange(4))}
            job = {
                "task": task["name"],
                "options": options,
                "uploads": [rng.choice(STRANGE) for _ in range(rng.randrange(3))],
            }
            if rng.random() < 0.2:
                job[rng.choice(["task", "uploads", "options", "title", "z"])] = value(rng)
            if not job.get("uploads") and task["name"] == "generate":
                job["uploads"] = ["nothing"]  # or it would begin a job
            return json.dumps(job).encode()
        return (
            rng.choice(BODIES)
            if rng.random() < 0.7
            else bytes(rng.randrange(256) for _ in range(rng.randrange(200)))
        )


def ask(address: str, method: str, path: str, body: bytes, headers: dict[str, str]) -> int:
    """The status of the response; 0 if the connection was closed, 599 without an answer in time."""
    host, port = address.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    encoded = "".join(
        c if c in string.ascii_letters + string.digits + "/?&=%._~:;@!$'()*+,-" else f"%{ord(c) % 256:02x}"
        for c in path
    )
    try:
        connection.request(method, encoded or "/", body, headers)
        response = connection.getresponse()
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            response.read()
        return response.status
    except TimeoutError:
        return 599
    except (http.client.HTTPException, OSError, ValueError):
        return 0
    finally:
        connection.close()


def raw(address: str, data: bytes) -> bytes:
    """The first line of the answer to bytes, which need not be a request."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(200).split(b"\r\n")[0]
        except OSError:
            return b""

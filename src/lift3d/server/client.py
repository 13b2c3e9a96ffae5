"""A client of the server in Python, for scripts and tests."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lift3d.errors import InputError
from lift3d.io.files.atomic import write_bytes
from lift3d.io.files.read import read_bytes


class Client:
    """address: as `lift3d serve` prints it; token: where it wants one.

    >>> client = Client("http://127.0.0.1:8033")                                            # doctest: +SKIP
    >>> job = client.run("reconstruct", ["front.jpg", "back.jpg"], height="24cm")           # doctest: +SKIP
    >>> client.download(job, "model.glb", "statue.glb")                                     # doctest: +SKIP
    """

    def __init__(self, address: str, token: str | None = None, timeout: float = 60.0) -> None:
        self.address, self.timeout = address.rstrip("/"), timeout
        self.headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The answer to a request, as JSON. Raises InputError with the server's sentence."""
        text = self.send(method, path, json.dumps(body).encode() if isinstance(body, dict) else body, **query)
        return json.loads(text) if text else None

    def send(self, method: str, path: str, body: bytes | None = None, **query: str) -> bytes:
        """The body of the answer to a request. Raises InputError with the server's sentence."""
        url = f"{self.address}/api/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        headers = {**self.headers, "Content-Type": "application/json"}
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:
                return bytes(response.read())
        except urllib.error.HTTPError as error:
            found = json.loads(error.read() or b"{}").get("error", {})
            raise InputError(found.get("cause", str(error)), found.get("advice", "")) from error
        except urllib.error.URLError as error:
            raise InputError(
                f"{self.address} does not answer ({error.reason})", "start it: lift3d serve"
            ) from error

    def upload(self, path: str | Path) -> list[str]:
        """Send a file; returns the ids of the upload, several for an archive."""
        file = Path(path)
        size = file.stat().st_size if file.is_file() else 0
        found = self.ask("POST", "uploads", read_bytes(file, size), name=file.name)
        return [item["id"] for item in found["files"]]

    def start(self, task: str, files: Sequence[str | Path] = (), **options: Any) -> str:
        """Begin a job; returns its id."""
        uploads = [upload for path in files for upload in self.upload(path)]
        return str(self.ask("POST", "jobs", {"task": task, "uploads": uploads, "options": options})["id"])

    def wait(self, job: str, progress: Callable[[dict[str, Any]], None] = lambda job: None) -> dict[str, Any]:
        """The job when it has ended. Raises InputError if it failed or was cancelled."""
        while (found := self.ask("GET", f"jobs/{job}"))["state"] in ("queued", "running"):
            progress(found)
            time.sleep(0.2)
        if found["state"] != "done":
            error = found["error"] or {"cause": "the job was cancelled", "advice": ""}
            raise InputError(error["cause"], error["advice"])
        return dict(found)

    def run(self, task: str, files: Sequence[str | Path] = (), **options: Any) -> str:
        """Do a job and wait for its end; returns its id."""
        job = self.start(task, files, **options)
        self.wait(job)
        return job

    def download(self, job: str, name: str, target: str | Path) -> None:
        """Save a file of the result."""
        write_bytes(target, self.send("GET", f"jobs/{job}/files/{name}"))

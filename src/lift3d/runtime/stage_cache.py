"""A cache of finished steps in a folder, so that an interrupted run resumes where it stopped.

Each step is one NAME.npz (plain arrays and a JSON header, never a pickle) and one NAME.json with the key of the step and the
checksum of the arrays. The key is a hash of everything that decides the result: the photos, the options, the versions and
the code. The JSON is written last and both are moved into place: a step is either complete or absent. A step that does not
match its checksum is computed again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.errors import InputError
from lift3d.io.files.checksum import file_sha256
from lift3d.runtime.environment import version_of
from lift3d.runtime.serialize import pack, unpack

FORMAT = 1


class Stages:
    """A folder of finished steps, locked by one run at a time. Raises InputError if it cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = open(folder / ".lock", "w")  # noqa: SIM115 (held until close)
        except OSError as error:
            raise InputError(
                f"the work folder {folder} cannot be used ({error.strerror})", "choose another --work"
            ) from error
        if not lock(self._lock.fileno()):
            self._lock.close()
            raise InputError(
                f"another run is using the work folder {folder}", "wait for it, or choose another --work"
            )
        for left_over in folder.glob("*.part"):
            left_over.unlink(missing_ok=True)

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, *exception: object) -> None:
        """Release the folder for other runs."""
        self._lock.close()

    def save(self, name: str, key: str, value: Any, evidence: dict[str, Any], source: Any = None) -> None:
        """Store a finished step: first the arrays, then the JSON that makes them valid. source: the input of the step."""
        header, arrays = pack(value, source)
        text = json.dumps({"value": header, "evidence": evidence}, allow_nan=True)
        arrays["header"] = np.frombuffer(text.encode(), np.uint8)
        data, part = self.folder / f"{name}.npz", self.folder / f"{name}.npz.part"
        try:
            with open(part, "wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
            digest = file_sha256(part)
            (self.folder / f"{name}.json").unlink(missing_ok=True)
            os.replace(part, data)
            part = self.folder / f"{name}.json.part"
            part.write_text(
                json.dumps({"format": FORMAT, "step": name, "key": key, "sha256": digest}, indent=2)
            )
            os.replace(part, self.folder / f"{name}.json")
        finally:
            part.unlink(missing_ok=True)

    def load(self, name: str, key: str, source: Any = None) -> tuple[Any, dict[str, Any]] | None:
        """(value, evidence) of a finished step, or None if it is absent, of another key, or damaged."""
        data = self.folder / f"{name}.npz"
        try:
            about = json.loads((self.folder / f"{name}.json").read_text())
            if not isinstance(about, dict) or (about.get("format"), about.get("key")) != (FORMAT, key):
                return None
            if about.get("sha256") != file_sha256(data):
                return None
            with np.load(data, allow_pickle=False) as file:
                arrays = {entry: file[entry] for entry in file.files}
            header = json.loads(arrays.pop("header").tobytes())
            return unpack(header["value"], arrays, source), header["evidence"]
        except (OSError, ValueError, KeyError, TypeError):
            return None


def lock(descriptor: int) -> bool:
    """Take the advisory lock of an open file or folder; False if another process holds it."""
    try:
        import fcntl
    except ImportError:  # Windows: no such lock, and no harm beyond two runs sharing a folder
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def key_of(*parts: Any) -> str:
    """A hash of JSON-able parts; dictionaries count regardless of their order."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@functools.cache
def code_key() -> str:
    """Hash of lift3d's own source and of the versions of its numerical dependencies, computed once per process."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return key_of(
        digest.hexdigest(), {p: version_of(p) for p in ("numpy", "scipy", "numba", "pycolmap", "pillow")}
    )

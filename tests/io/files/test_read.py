"""Whole files within a limit, and their checksums."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from lift3d.errors import InputError
from lift3d.io.files import interrupt
from lift3d.io.files.checksum import file_sha256
from lift3d.io.files.read import read_bytes


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x" * 1024)
    assert read_bytes(file, 1024) == b"x" * 1024
    with pytest.raises(InputError, match="is larger than"):
        read_bytes(file, 1023)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "does not exist"),
        (lambda p: p.mkdir(), "is a folder"),
        (lambda p: os.mkfifo(p), "not a regular file"),
        (lambda p: p.symlink_to("/dev/zero"), "not a regular file"),
        (lambda p: p.symlink_to(p), "cannot be read|does not exist"),
    ],
)
def test_everything_else_is_refused(tmp_path: Path, make, message: str) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "a")
    with pytest.raises(InputError, match=message):
        read_bytes(tmp_path / "a", 10)


@pytest.mark.parametrize("data", [b"", b"abc", bytes(range(256)) * 4096])
def test_the_checksum_is_that_of_the_bytes(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    assert file_sha256(tmp_path / "a") == hashlib.sha256(data).hexdigest()


def test_a_signal_is_remembered_until_the_next_command() -> None:
    interrupt.reset()
    interrupt.check()
    with pytest.raises(KeyboardInterrupt):
        interrupt.handle_signal(2, None)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()
    interrupt.reset()
    interrupt.check()

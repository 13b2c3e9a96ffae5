"""Several outputs, or a folder, that appear together: written to a hidden folder beside the target, moved at the end.

The hidden folder is created before the work starts, so an unwritable target fails at once. It is removed on any failure;
the next run with the same target removes what a killed run left behind.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from lift3d.errors import InputError
from lift3d.io.files import interrupt
from lift3d.io.files.atomic import process_is_alive, write_error


@contextlib.contextmanager
def staging(target: Path) -> Iterator[Path]:
    """A folder to write `target` and its companions into, under their final names.

    When the block ends without an exception, its files are moved beside `target`, `target` itself last, so the model
    never appears without its companions. On an exception no existing file is touched. Raises InputError when the target
    is a folder or cannot be written.
    """
    target = Path(os.path.realpath(target))
    if target.is_dir():
        raise InputError(f"cannot write {target}: a folder has this name", "choose another name")
    with _hidden(target) as folder:
        yield folder
        interrupt.check()
        try:
            written = sorted(folder.iterdir(), key=lambda path: (path.name == target.name, path.name))
            for path in written:
                os.replace(path, target.with_name(path.name))
        except OSError as error:
            raise write_error(error, target) from error


@contextlib.contextmanager
def staging_folder(target: Path) -> Iterator[Path]:
    """A hidden folder that becomes the folder `target` when the block ends without an exception.

    `target` must be missing or empty. Raises InputError when it cannot be written.
    """
    target = Path(os.path.realpath(target))
    with _hidden(target) as folder:
        yield folder
        interrupt.check()
        try:
            if target.exists():
                target.rmdir()
            os.replace(folder, target)
        except OSError as error:
            raise write_error(error, target) from error


@contextlib.contextmanager
def _hidden(target: Path) -> Iterator[Path]:
    """An empty writable folder beside `target`, removed at the end with whatever is still in it."""
    folder = target.with_name(f".{target.name}.{os.getpid()}.parts")
    try:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(target)
            folder.mkdir()
            (folder / "probe").write_bytes(bytes(4096))
            (folder / "probe").unlink()
        except OSError as error:
            raise write_error(error, target) from error
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(target: Path) -> None:
    """Delete the hidden folders of runs for the same target whose process has ended."""
    pattern = re.compile(re.escape(f".{target.name}.") + r"(\d+)\.parts")
    for path in target.parent.iterdir():
        match = pattern.fullmatch(path.name)
        if (
            match
            and os.name == "posix"
            and (int(match[1]) == os.getpid() or not process_is_alive(int(match[1])))
        ):
            shutil.rmtree(path, ignore_errors=True)

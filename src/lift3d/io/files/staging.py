"""Several outputs, or a folder, that appear together: written into a hidden folder beside their place, moved at the end.

The folder is made before the work starts, so a place that cannot be written is known at once; it vanishes on
any failure, and what a killed run left behind is removed by the next run with the same name.
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
    """A folder to write `target` and its companions into, by their final names.

    When the block ends well everything in it is moved beside `target`, `target` itself last: where the model
    is, its companions are. When it does not, nothing is touched.
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
    """A hidden folder that becomes the folder `target`, absent or empty so far, when the block ends well."""
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
    """An empty folder beside `target` that can be written; gone at the end, with all that is still in it."""
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
    """Delete the folders of runs for the same target whose process no longer lives."""
    pattern = re.compile(re.escape(f".{target.name}.") + r"(\d+)\.parts")
    for path in target.parent.iterdir():
        match = pattern.fullmatch(path.name)
        if (
            match
            and os.name == "posix"
            and (int(match[1]) == os.getpid() or not process_is_alive(int(match[1])))
        ):
            shutil.rmtree(path, ignore_errors=True)

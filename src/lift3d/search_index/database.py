"""The SQLite file of an index: its tables, its creation and opening, and the translation of SQLite's errors to InputError.

meta       version, space, root, generation
models     (the table MODELS) path, size, changed (modification time in nanoseconds), sha256, vectors (half precision)
centres    id of a model, its centroid (half precision)
refused    files that could not be read: path, size, changed, why (the reason)
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lift3d.errors import InputError
from lift3d.inference.embedding import PACKAGED, space_of
from lift3d.io.files.atomic import write_error
from lift3d.weights import find

VERSION = 1
DATABASE = "index.sqlite"
APPLICATION_ID = 0x6C336469
"""SQLite's application id of an index."""
MAX_VALUE = 1 << 24
"""Maximum size in bytes of a value that SQLite returns, so that a damaged file cannot exhaust the memory."""
MODELS = "things"
"""Name of the table of models."""
_TABLES = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE {MODELS} (id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT UNIQUE NOT NULL, size INTEGER NOT NULL,
    changed INTEGER NOT NULL, sha256 TEXT NOT NULL, vectors BLOB NOT NULL);
CREATE TABLE centres (id INTEGER PRIMARY KEY, centre BLOB NOT NULL);
CREATE TABLE refused (path TEXT PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL, why TEXT NOT NULL);
"""


@dataclass(frozen=True)
class IndexedFile:
    """State of a file when it was indexed: path relative to the root, size in bytes, modification time in nanoseconds."""

    path: str
    size: int
    changed: int


def create_database(folder: Path, space: str, root: str) -> None:
    """Create the folder, with an empty database in it. InputError where either cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(folder / DATABASE)
    except OSError as error:
        raise write_error(error, folder) from error
    except sqlite3.Error as error:
        raise _unwritable(folder, error) from error
    try:
        with contextlib.closing(connection), connection:
            connection.executescript(f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; {_TABLES}")
            meta = {"version": str(VERSION), "space": space, "root": root, "generation": "0"}
            connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    except sqlite3.Error as error:
        raise _unwritable(folder, error) from error


def open_database(folder: Path, write: bool) -> sqlite3.Connection:
    """A connection to the database of a folder, whose schema and version have been checked. InputError where the database is
    missing, belongs to another program, has another version, or is damaged."""
    file = folder / DATABASE
    if not folder.exists():
        raise InputError(f"{folder} does not exist", "name an index, or a folder that has been indexed")
    if not file.is_file():
        raise InputError(f"{folder} contains no index of models", "create one with lift3d index FOLDER")
    uri = f"{file.resolve().as_uri()}?mode={'rw' if write else 'ro'}"
    connection = sqlite3.connect(uri, uri=True, timeout=2.0)
    try:
        with diagnosed(folder):
            _check(connection, folder)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, folder: Path) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.execute("PRAGMA trusted_schema = OFF")
    if not (folder / DATABASE).stat().st_size:
        raise sqlite3.DatabaseError("it is empty")
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise InputError(f"{folder / DATABASE} is not an index of lift3d", "give the folder of an index")
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE type NOT IN ('table', 'index')").fetchone():
        raise sqlite3.DatabaseError("it contains views or triggers")
    version = read_meta(connection, "version")
    if version != str(VERSION):
        raise InputError(
            f"{folder} is an index of version {version[:20]}, but this program reads version {VERSION}",
            rebuild_hint(folder),
        )


def read_meta(connection: sqlite3.Connection, name: str) -> str:
    """A value of the table `meta`. sqlite3.DatabaseError where the name is missing."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    if row is None or not isinstance(row[0], str):
        raise sqlite3.DatabaseError(f"it has no {name}")
    return row[0]


def other_weights_hint(folder: Path, space: str) -> str:
    """The hint for an index of another embedding space: the packaged weights that have this space, if there are any."""
    for name in PACKAGED:
        try:
            if space_of(find(name)) == space:
                return f"give --weights {name}, or {rebuild_hint(folder)}"
        except InputError:
            continue
    return rebuild_hint(folder)


def rebuild_hint(folder: Path) -> str:
    """The hint for an index that cannot be used."""
    return f"delete the index, {folder}, and run lift3d index again"


@contextlib.contextmanager
def diagnosed(folder: Path) -> Iterator[None]:
    """A context that converts SQLite's errors, and errors from invalid values in the tables, to an InputError."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise InputError(f"another lift3d process uses {folder}", "wait until it has finished") from error
        raise _damaged(folder, error) from error
    except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> InputError:
    text = " ".join(str(error).split())[:80]
    if "disk" in text and "full" in text:
        return _unwritable(folder, error)
    return InputError(f"{folder / DATABASE} is damaged ({text})", rebuild_hint(folder))


def _unwritable(folder: Path, error: Exception) -> InputError:
    return InputError(
        f"cannot write {folder}: {' '.join(str(error).split())[:80]}", "check the disk and the permissions"
    )

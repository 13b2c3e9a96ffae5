"""The parts of a 3MF package by name, as the Open Packaging Conventions compare names, and the part that is its root."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from urllib.parse import unquote
from xml.parsers import expat

from lift3d.errors import InputError, damaged_file
from lift3d.io.mesh.zip_archive import Archive

MODEL_TYPE = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"
FOLDERS = ("3d/", "_rels/", "metadata/", "secure/", "[content_types].xml")
_CONVENTIONAL = "3D/3dmodel.model"
MAX_SETTINGS = 64 << 20
"""Most bytes of a part with relationships or settings."""


def equivalent_name(name: str) -> str:
    """The name of a part in the form in which equivalent names are equal: no leading slash, no escapes, no case."""
    clean = unquote(name.strip()).replace("\\", "/")
    return posixpath.normpath("/" + clean.lstrip("/")).lstrip("/").casefold()


class Package:
    """The parts of the package in the file `name`. warnings: defects of the package that did not prevent reading.

    Raises InputError for archives that are damaged or not to be trusted.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        self.warnings: list[str] = []
        self._archive = Archive(data, name, FOLDERS)
        self._entries: dict[str, str] = {}
        for entry in self._archive.names():
            self._entries.setdefault(equivalent_name(entry), entry)
        self._encrypted = self._encrypted_parts()

    def names(self) -> list[str]:
        """Names of all parts, in the order of the archive."""
        return self._archive.names()

    def find(self, name: str, folder: str = "") -> str | None:
        """The entry of a part's name; the name is absolute, or relative to a folder. None if there is none."""
        exact = name.lstrip("/")
        if exact in self._archive.entries:
            return exact
        found = self._entries.get(equivalent_name(name))
        if found is None and folder and not name.startswith("/"):
            found = self._entries.get(equivalent_name(posixpath.join(folder, name)))
        return found

    def is_encrypted(self, entry: str) -> bool:
        """Whether an entry is encrypted by the secure content extension."""
        return equivalent_name(entry) in self._encrypted

    def read(self, entry: str) -> bytes:
        """The bytes of an entry. Raises InputError if it is encrypted."""
        if self.is_encrypted(entry):
            raise InputError(
                f"{self.name} is encrypted: its part {entry[:80]!r} needs a key (secure content extension)",
                "export it without encryption from the program that wrote it",
            )
        return self._archive.read(entry)

    def root(self) -> str:
        """The entry of the root model: the one that the relationships of the package name, else the usual name.

        Raises InputError if there is none.
        """
        relations = self.find("_rels/.rels")
        targets: list[str] = []
        if relations is not None:
            targets = self._targets(relations)
        else:
            self.warnings.append("its relationships (_rels/.rels) are missing")
        for target in targets:
            entry = self.find(target)
            if entry is not None:
                if len(targets) > 1:
                    self.warnings.append(f"it names {len(targets)} root models; {entry[:80]} is read")
                return entry
        if targets:
            self.warnings.append(f"its root model {targets[0][:80]!r} is missing")
        models = [n for n in self.names() if n.lower().endswith(".model")]
        entry = self.find(_CONVENTIONAL) or min(models, key=len, default=None)
        if entry is None:
            raise damaged_file(self.name, "is a zip archive without a 3D model")
        if relations is not None and not targets:
            self.warnings.append(f"its relationships name no root model; {entry[:80]} is read")
        return entry

    def _targets(self, entry: str) -> list[str]:
        """Targets of the relationships with the type of a model, inside the package."""
        found: list[str] = []

        def start(tag: str, a: dict[str, str]) -> None:
            inside = a.get("TargetMode", "Internal").strip().lower() != "external"
            if tag.rpartition(" ")[2] == "Relationship" and inside:
                kind = a.get("Type", "").strip().rstrip("/")
                if kind.lower() == MODEL_TYPE.lower():
                    found.append(a.get("Target", ""))

        if not self.scan(entry, start):
            self.warnings.append("its relationships (_rels/.rels) are damaged")
        return found

    def scan(self, entry: str, start: Callable[[str, dict[str, str]], None]) -> bool:
        """Call `start` with the tag ("namespace name") and the attributes of every element of an XML part.

        False if the part is damaged, too large or declares entities.
        """
        if self._archive.entries[entry].file_size > MAX_SETTINGS:
            return False
        safe = True

        def refuse(*_: object) -> None:
            nonlocal safe
            safe = False

        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = start
        parser.StartDoctypeDeclHandler = refuse
        try:
            parser.Parse(self._archive.read(entry), True)
        except (expat.ExpatError, LookupError, ValueError):
            return False
        return safe

    def _encrypted_parts(self) -> set[str]:
        """Equivalent names of the parts that the key store lists."""
        found: set[str] = set()

        def start(tag: str, a: dict[str, str]) -> None:
            if tag.rpartition(" ")[2].lower() == "resourcedata" and "path" in a:
                found.add(equivalent_name(a["path"]))

        for entry in self.names():
            if entry.lower().endswith("keystore.xml"):
                self.scan(entry, start)
        return found

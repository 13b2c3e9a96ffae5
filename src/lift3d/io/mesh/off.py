"""OFF in, the text format of ModelNet: a header, vertices, then faces with their number of corners first."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lift3d.errors import damaged_file
from lift3d.geometry.parts.convert import MAX_ELEMENTS, validate_part
from lift3d.types import Model, Part


def read(data: bytes, path: Path) -> Model:
    """One part without colours; polygons become fans. Headers joined to the first number ("OFF490 518 0") are accepted.

    Raises InputError for a damaged file.
    """
    lines = (line.split("#")[0].strip() for line in data.decode("latin-1").splitlines())
    rows = [line for line in lines if line]
    if not rows or not rows[0].upper().startswith("OFF"):
        raise damaged_file(path.name, "is not an OFF file, because its first word is not OFF")
    rest = rows[0][3:].strip()
    head, rows = (rest, rows[1:]) if rest else (rows[1] if len(rows) > 1 else "", rows[2:])
    try:
        n, m = (int(x) for x in head.split()[:2])
    except ValueError as error:
        raise damaged_file(path.name, "does not state how many vertices and faces it holds") from error
    if not (0 <= n <= MAX_ELEMENTS and 0 <= m <= MAX_ELEMENTS) or n + m > len(rows):
        raise damaged_file(path.name, f"is cut short (it should hold {n} vertices and {m} faces)")
    v = np.array([row.split()[:3] for row in rows[:n]], np.float64).reshape(-1, 3)
    faces = []
    for row in rows[n : n + m]:
        numbers = row.split()
        count = int(numbers[0])
        if not 0 <= count < len(numbers):
            raise damaged_file(path.name, "has a face with missing corners")
        corners = [int(x) for x in numbers[1 : 1 + count]]
        faces += [(corners[0], corners[i], corners[i + 1]) for i in range(1, count - 1)]
    return Model([validate_part(Part(v, np.array(faces, np.int64).reshape(-1, 3)), path.name)])

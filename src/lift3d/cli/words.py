"""Lines that several commands print."""

from __future__ import annotations

from typing import Any


def origin_lines(origin: Any) -> list[str]:
    """One line that states the origin (3,) that was subtracted; nothing if it is zero."""
    if not any(origin):
        return []
    where = ", ".join(f"{x:.10g}" for x in origin)
    return [
        f"origin   moved to ({where}), because the mesh lies too far from 0 for its size; add this to the coordinates"
    ]

"""What a mapping may use besides its input: seed, progress, memory budget, and a place for its evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Progress = Callable[[str, float], None]
"""Called with (step name, fraction done in [0, 1])."""


def silent(step: str, fraction: float) -> None:
    """The progress callback that shows nothing."""


@dataclass
class Context:
    """Handed through a pipeline. `report` collects, under each mapping's name, plain JSON-able evidence."""

    seed: int = 0
    progress: Progress = silent
    memory_budget: int = 3 << 30
    report: dict[str, Any] = field(default_factory=dict)

    def note(self, mapping: str, **evidence: Any) -> None:
        """Add evidence to the report under the mapping's name."""
        self.report.setdefault(mapping, {}).update(evidence)

"""What a mapping may use besides its input: seed, progress callback, memory budget, and a report for its evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Progress = Callable[[str, float], None]
"""Called with (step name, completed fraction in [0, 1])."""


def silent(step: str, fraction: float) -> None:
    """The progress callback that shows nothing."""


@dataclass
class Context:
    """Passed through a pipeline. `report` collects JSON-able evidence under the name of each mapping."""

    seed: int = 0
    progress: Progress = silent
    memory_budget: int = 3 << 30
    report: dict[str, Any] = field(default_factory=dict)

    def note(self, mapping: str, **evidence: Any) -> None:
        """Add evidence to the report under the mapping's name."""
        self.report.setdefault(mapping, {}).update(evidence)

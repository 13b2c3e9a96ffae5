"""One run of a pipeline: applies mappings step by step, measures them, caches and resumes finished steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lift3d.context import Context, Progress
from lift3d.io.files import interrupt
from lift3d.mapping import Mapping
from lift3d.runtime.json_text import jsonable
from lift3d.runtime.profiler import Recorder, Step
from lift3d.runtime.stage_cache import Stages, code_key, key_of

Say = Callable[[str], None]
"""Called with one sentence for the user that is not an error."""


class Run:
    """Context, measurements, cached steps and warnings of one run.

    context: passed to every mapping. progress: called with (step, fraction). say: called with sentences for the user. stages: the
    cache of finished steps, or None. `key` is a hash of all that decides the result so far: inputs, options, code. A cached
    step is used only under the same key.
    """

    def __init__(self, context: Context, progress: Progress, say: Say, stages: Stages | None) -> None:
        self.context, self.progress, self.say, self.stages = context, progress, say, stages
        self.recorder = Recorder()
        self.warnings: list[str] = []
        self.key = key_of(code_key() if stages else "", context.seed)

    def warn(self, sentence: str) -> None:
        """Show a sentence to the user now, and again in the report."""
        self.warnings.append(sentence)
        self.say(sentence)

    def depends_on(self, *facts: Any) -> None:
        """Add JSON-able facts that decide the result from here on to the key."""
        self.key = key_of(self.key, facts)

    @contextmanager
    def measured(self, name: str) -> Iterator[Step]:
        """Measure a step; progress reported inside appears under its name."""
        interrupt.check()
        self.progress(name, 0.0)
        self.context.progress = lambda _, fraction: self.progress(name, min(max(fraction, 0.0), 1.0))
        with self.recorder.step(name) as measure:
            yield measure
        self.progress(name, 1.0)

    def step(self, name: str, mapping: Mapping[Any, Any], source: Any, keep: bool = True) -> Any:
        """Apply a mapping, or load its cached result; its evidence is added to the report either way. keep: cache it."""
        self.depends_on(mapping.card.name, plain_options(mapping))
        stages = self.stages if keep else None
        with self.measured(name) as measure:
            found = stages.load(name, self.key, source) if stages else None
            if found is not None:
                measure.resumed = True
                value, evidence = found
            else:
                inner = dataclasses.replace(self.context, report={})
                value = mapping(source, inner)
                evidence = jsonable(inner.report)
                if stages:
                    self._keep(stages, name, value, evidence, source)
            for about, facts in evidence.items():
                self.context.note(about, **facts)
        return value

    def _keep(self, stages: Stages, name: str, value: Any, evidence: dict[str, Any], source: Any) -> None:
        try:
            stages.save(name, self.key, value, evidence, source)
        except OSError as error:  # the run itself does not need the cache
            self.warn(f"The step '{name}' could not be cached in the work folder: {error.strerror}.")


def plain_options(mapping: Mapping[Any, Any]) -> dict[str, Any]:
    """The JSON-able options of a mapping. Arrays and representations are part of the keys of earlier steps."""
    if not dataclasses.is_dataclass(mapping):
        return {}
    values = {f.name: getattr(mapping, f.name) for f in dataclasses.fields(mapping)}
    plain = (str, int, float, bool, type(None), Path, tuple)
    return {name: str(v) if isinstance(v, Path) else v for name, v in values.items() if isinstance(v, plain)}

"""A run applies mappings step by step, measures them, and resumes what is cached under the same key."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from lift3d.context import Context, silent
from lift3d.mapping import Card, Mapping
from lift3d.runtime.runner import Run, plain_options
from lift3d.runtime.stage_cache import Stages
from lift3d.types import Mesh


@dataclass(frozen=True)
class Grow(Mapping[Mesh, Mesh]):
    """Scales a mesh by `factor` and counts its calls."""

    factor: float = 2.0
    calls: list[float] = field(default_factory=list, compare=False)
    array: Any = None
    card = Card("grow", "Mesh", "Mesh", ())

    def apply(self, source: Mesh, context: Context) -> Mesh:
        self.calls.append(self.factor)
        context.progress("inner name", 0.5)
        context.note("grow", factor=np.float32(self.factor))
        mesh = source.copy()
        mesh.vertices = np.asarray(mesh.vertices) * self.factor
        return mesh


def run_once(
    folder: Path | None, mapping: Grow, seed: int = 0, facts: Any = None
) -> tuple[Mesh, Run, list[Any]]:
    seen: list[Any] = []
    if folder is None:
        run = Run(Context(seed=seed), lambda *p: seen.append(p), lambda s: None, None)
        run.depends_on(facts)
        return run.step("surface", mapping, trimesh.creation.box()), run, seen
    with Stages(folder) as stages:
        run = Run(Context(seed=seed), lambda *p: seen.append(p), lambda s: None, stages)
        run.depends_on(facts)
        return run.step("surface", mapping, trimesh.creation.box()), run, seen


def test_progress_carries_the_name_of_the_step_and_evidence_reaches_the_report() -> None:
    mesh, run, seen = run_once(None, Grow())
    assert seen == [("surface", 0.0), ("surface", 0.5), ("surface", 1.0)]
    assert run.context.report == {"grow": {"factor": 2.0}}
    assert mesh.volume == pytest.approx(8)
    assert [(s.name, s.resumed) for s in run.recorder.steps] == [("surface", False)]


def test_a_cached_step_is_resumed_with_its_evidence(tmp_path: Path) -> None:
    mapping = Grow()
    first, run, _ = run_once(tmp_path, mapping)
    again, resumed, _ = run_once(tmp_path, mapping)
    assert mapping.calls == [2.0] and resumed.recorder.steps[0].resumed
    np.testing.assert_array_equal(first.vertices, again.vertices)
    assert resumed.context.report == run.context.report


@pytest.mark.parametrize(
    "change",
    [{"mapping": Grow(3.0)}, {"seed": 1}, {"facts": "another photo"}],
    ids=["option", "seed", "input"],
)
def test_another_key_computes_anew(tmp_path: Path, change: dict[str, Any]) -> None:
    run_once(tmp_path, Grow())
    mapping = change.pop("mapping", Grow())
    _, run, _ = run_once(tmp_path, mapping, **change)
    assert len(mapping.calls) == 1 and not run.recorder.steps[0].resumed


def test_a_full_disk_is_a_warning_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Stages, "save", fails)
    mesh, run, _ = run_once(tmp_path, Grow())
    assert mesh.volume == pytest.approx(8)
    assert len(run.warnings) == 1 and "No space left" in run.warnings[0]


def test_warnings_are_shown_and_kept() -> None:
    shown: list[str] = []
    run = Run(Context(), silent, shown.append, None)
    run.warn("Look.")
    assert shown == run.warnings == ["Look."]


def test_only_plain_options_enter_the_key() -> None:
    assert "calls" not in plain_options(Grow()) and plain_options(Grow(1.5))["factor"] == 1.5
    assert "array" not in plain_options(Grow(array=np.zeros(3)))

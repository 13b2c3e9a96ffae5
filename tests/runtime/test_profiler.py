"""Measured time and memory of steps."""

from __future__ import annotations

import mmap
import os
import time

import pytest

from lift3d.runtime.profiler import Recorder, peak_memory, resident_memory, usable_cores


def test_a_step_has_wall_and_processor_time() -> None:
    recorder = Recorder()
    with recorder.step("sleep"):
        time.sleep(0.05)
    with recorder.step("work"):
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
    sleeping, working = recorder.steps
    assert sleeping.name == "sleep" and sleeping.seconds >= 0.05
    assert working.cpu_seconds >= 0.03 and working.seconds >= 0.04
    assert sleeping.cpu_seconds < working.cpu_seconds + sleeping.seconds


def test_the_peak_of_a_step_holds_what_was_allocated_in_it() -> None:
    before = resident_memory()
    recorder = Recorder()
    # new pages: the allocator may hold freed ones that are resident already
    with recorder.step("allocate"), mmap.mmap(-1, 64 << 20) as block:
        block.write(bytes(64 << 20))
        time.sleep(0.25)  # longer than a sample
    assert recorder.steps[0].peak_memory >= before + (48 << 20)
    assert peak_memory() >= recorder.steps[0].peak_memory - (1 << 20)


def test_a_failed_step_is_recorded() -> None:
    recorder = Recorder()
    with pytest.raises(ZeroDivisionError), recorder.step("fails"):
        _ = 1 / 0
    assert [step.name for step in recorder.steps] == ["fails"]


def test_the_summary_adds_up() -> None:
    recorder = Recorder()
    for name in ("a", "b"):
        with recorder.step(name):
            time.sleep(0.01)
    summary = recorder.summary()
    assert [step["name"] for step in summary["steps"]] == ["a", "b"]
    assert summary["seconds"] >= sum(step["seconds"] for step in summary["steps"]) - 2e-3
    assert summary["threads"] >= 1 and summary["peak_memory"] > 10**7
    assert all(not step["resumed"] for step in summary["steps"])


def test_usable_cores_are_at_most_the_cores_of_the_machine() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)

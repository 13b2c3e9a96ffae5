"""A small part of benchmarks/fuzz.py: damaged files of every format end in shapes or one clear error."""

from __future__ import annotations

import gc
import time
from dataclasses import replace

import numpy as np
import pytest

import fuzz
from fuzz_formats import formats

NUMBERS = range(12)


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return formats(tmp_path_factory.mktemp("seeds"))


@pytest.mark.slow
def test_every_undamaged_file_gives_something(known, tmp_path):
    for name, kind in known.items():
        for number, seed in enumerate(kind.seeds):
            folder = tmp_path / f"{name} {number}"
            folder.mkdir()
            assert kind.read(kind.wrap(seed), folder) > 0, (name, number)


@pytest.mark.slow
def test_damaged_files_end_in_shapes_or_one_clear_error(known, tmp_path):
    seen = set()
    for name, kind in known.items():
        for number in NUMBERS:
            what, details = fuzz.outcome(kind, name, number, tmp_path / "input")
            assert what in fuzz.GOOD, (name, number, what, details)
            seen.add(what)
    assert seen == set(fuzz.GOOD)


def test_the_same_number_gives_the_same_bytes(known):
    for name, kind in known.items():
        assert fuzz.damaged_file(kind, name, 3) == fuzz.damaged_file(kind, name, 3)
    kind = known["AC3D"]
    assert len({fuzz.damaged_file(kind, "AC3D", number) for number in range(50)}) > 40


def test_hanging_greedy_and_failing_readers_are_noticed(known, tmp_path, monkeypatch):
    def hang(data, folder):
        while True:
            time.process_time()

    def greedy(data, folder):
        return int(np.ones(300 << 20, np.uint8).sum())

    def failing(data, folder):
        return 1 // 0

    monkeypatch.setattr(fuzz, "MEGABYTES", 100)
    gc.collect()  # what earlier tests left, given back during the measurement, would hide the growth
    kind = known["AC3D"]
    # only what never ends is given little time: a busy machine may need long for the others
    for read, seconds, what in (
        (hang, 0.2, "hang"),
        (greedy, 60.0, "memory"),
        (failing, 60.0, "crash: ZeroDivisionError"),
    ):
        monkeypatch.setattr(fuzz, "SECONDS", seconds)
        assert fuzz.measured(replace(kind, read=read), "AC3D", 0, tmp_path / "input")[0] == what

"""Batches: written and read again, damaged ones refused, failures recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lift3d.corpus.batches import BATCH_SIZE, PLANE_BYTES, Batch, make_batch, read_batch, split_into_batches
from lift3d.corpus.descriptor import LENGTH
from lift3d.corpus.entry import Entry
from lift3d.errors import InputError
from lift3d.geometry.parts.sampling import BYTES_PER_SAMPLE, SAMPLES
from lift3d.types import Part


def batch(count: int = 2) -> Batch:
    rng = np.random.default_rng(0)
    return Batch(
        [{"key": f"a/{i}", "state": "kept"} for i in range(count)],
        rng.integers(0, 256, (count, 2, PLANE_BYTES), np.uint8),
        rng.integers(0, 256, (count, SAMPLES, BYTES_PER_SAMPLE), np.uint8),
        rng.random((count, LENGTH)).astype(np.float32),
        [bytes([i]) * (i * 7) for i in range(count)],
    )


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_batch_is_read_as_it_was_written(tmp_path: Path, count: int) -> None:
    written = batch(count)
    written.write(tmp_path / "a.npz")
    found = read_batch(tmp_path / "a.npz")
    assert found.rows == written.rows and found.meshes == written.meshes
    for name in ("cells", "surface", "descriptor"):
        assert np.array_equal(getattr(found, name), getattr(written, name))
    assert read_batch(tmp_path / "a.npz", only_rows=True).rows == written.rows
    written.write(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("data", [b"", b"PK", b"hello"])
def test_damaged_batches_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(InputError, match="delete this file"):
        read_batch(tmp_path / "a.npz")


def test_a_batch_cut_short_is_refused(tmp_path: Path) -> None:
    batch().write(tmp_path / "a.npz")
    data = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="damaged"):
        read_batch(tmp_path / "a.npz")


@pytest.mark.parametrize("count", [0, 1, BATCH_SIZE, BATCH_SIZE + 1, 3 * BATCH_SIZE])
def test_batches_cover_all_entries_in_order(count: int) -> None:
    entries = [Entry(str(i), Path(), "", (), "", "", "") for i in range(count)]
    found = list(split_into_batches(entries))
    assert [e for _, group in found for e in group] == entries
    assert [n for n, _ in found] == list(range(-(-count // BATCH_SIZE)))


class Failing:
    """A source whose models fail in the stated way."""

    name, packages, about = "failing", (), "models that fail"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def load(self, entry: Entry) -> list[Part]:
        raise self.error


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (InputError("a.obj is damaged", "export it"), "refused", "a.obj is damaged: export it."),
        (PermissionError(13, "Permission denied"), "refused", "permission denied"),
        (ZeroDivisionError("division"), "failed", "ZeroDivisionError: division"),
    ],
)
def test_one_failing_model_gets_a_row_with_the_reason(
    tmp_path: Path, error: Exception, state: str, reason: str
) -> None:
    (tmp_path / "a.obj").write_bytes(b"x")
    entry = Entry("k", tmp_path / "a.obj", "name", ("w",), "f", "CC0-1.0", "me", category="chair")
    found = make_batch(Failing(error), [entry])  # type: ignore[arg-type]
    (row,) = found.rows
    assert (
        row["state"] == state
        and reason in row["reason"]
        and row["category"] == "chair"
        and len(found.cells) == 0
    )

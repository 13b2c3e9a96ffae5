"""Checkpoints: what is written is read, damage is found, old ones go."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from lift3d.errors import InputError  # noqa: E402
from lift3d.train.checkpoint import PARTS, Checkpoint, checkpoints, read, write  # noqa: E402


def checkpoint(step: int) -> Checkpoint:
    tensors = {"a": torch.arange(step + 1).float(), "b.c": torch.tensor(True), "d": torch.randn(2, 3).mT}
    return Checkpoint(step, tensors, {"a": torch.zeros(2)}, {"a.first": torch.ones(1)}, {"best": -1.5})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    held = checkpoint(12)
    path = write(tmp_path, held)
    assert path.name == "step-00000012" and checkpoints(tmp_path) == [path]
    back = read(path)
    assert back.step == 12 and back.state["best"] == -1.5
    for part in PARTS:
        own, other = getattr(held, part), getattr(back, part)
        assert own.keys() == other.keys() and all(torch.equal(t, other[k]) for k, t in own.items())


def test_only_the_last_checkpoints_remain_and_leftovers_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".step-00000001.123.part").mkdir()
    for step in (1, 2, 30, 4):
        write(tmp_path, checkpoint(step), keep=2)
    assert [p.name for p in checkpoints(tmp_path)] == ["step-00000004", "step-00000030"]
    assert not list(tmp_path.glob(".step-*"))


def test_writing_a_step_again_replaces_it(tmp_path: Path) -> None:
    write(tmp_path, checkpoint(3))
    again = Checkpoint(3, {"z": torch.ones(1)}, {}, {}, {})
    assert list(read(write(tmp_path, again)).weights) == ["z"]


@pytest.mark.parametrize("part", [*PARTS, "state"])
@pytest.mark.parametrize("damage", ["flip", "cut", "missing", "text"])
def test_damage_is_found(tmp_path: Path, part: str, damage: str) -> None:
    path = write(tmp_path, checkpoint(5))
    file = path / (f"{part}.safetensors" if part != "state" else "state.json")
    data = bytearray(file.read_bytes())
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(data[: len(data) // 2])
    elif damage == "text":
        file.write_bytes(b"[]")
    elif part == "state":
        file.write_bytes(data.replace(b'"sha256": {"', b'"sha256": {"x'))
    else:
        data[-1] ^= 1
        file.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        read(path)


def test_a_folder_without_checkpoints_has_none(tmp_path: Path) -> None:
    (tmp_path / "step-1").mkdir()
    (tmp_path / "step-00000007").mkdir()  # no state: it was never complete
    assert checkpoints(tmp_path) == [] and checkpoints(tmp_path / "nothing") == []

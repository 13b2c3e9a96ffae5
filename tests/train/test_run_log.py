"""The log of a run: lines are appended, repeated steps replace earlier lines, incomplete lines are ignored."""

from __future__ import annotations

from pathlib import Path

from lift3d.train.run_log import NAME, Log, read_lines


def test_lines_are_read_as_they_were_written(tmp_path: Path) -> None:
    log = Log(tmp_path / "run", 0)
    log.write(1, {"loss": 0.5})
    log.write(2, {"loss": 0.25, "rate": 1e-3})
    assert read_lines(tmp_path / "run" / NAME)[-1] == {"step": 2, "loss": 0.25, "rate": 1e-3}, (
        "flushed at once"
    )
    log.close()
    assert [line["step"] for line in read_lines(tmp_path / "run" / NAME)] == [1, 2]


def test_a_resumed_run_drops_the_steps_that_it_repeats(tmp_path: Path) -> None:
    log = Log(tmp_path, 0)
    for step in range(1, 6):
        log.write(step, {"loss": float(step)})
    log.close()
    log = Log(tmp_path, 3)
    log.write(4, {"loss": -4.0})
    log.close()
    lines = read_lines(tmp_path / NAME)
    assert [line["step"] for line in lines] == [1, 2, 3, 4] and lines[-1]["loss"] == -4.0


def test_a_run_that_is_killed_after_it_resumed_keeps_its_lines(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"step": 1}\n{"step": 2}\n{"st')
    log = Log(tmp_path, 2)
    assert (tmp_path / NAME).read_text() == '{"step": 1}\n{"step": 2}\n', "before the next line is written"
    log.write(3, {})
    assert [line["step"] for line in read_lines(tmp_path / NAME)] == [1, 2, 3]
    log.close()


def test_an_incomplete_line_is_ignored(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"step": 1}\n{"step": 2}\n{"st')
    assert read_lines(tmp_path / NAME) == [{"step": 1}, {"step": 2}]
    assert read_lines(tmp_path / "nothing") == []

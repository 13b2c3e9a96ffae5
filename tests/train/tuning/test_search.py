"""The search on a toy: it finds the rate, prunes, goes on after it was killed, and shares its study between processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Pil

pytest.importorskip("torch")
pytest.importorskip("optuna")

from toy_task import ToyConfig, toy  # noqa: E402

from lift3d.errors import InputError  # noqa: E402
from lift3d.train.config import parse_options  # noqa: E402
from lift3d.train.config_file import options_from_file  # noqa: E402
from lift3d.train.tuning import report  # noqa: E402
from lift3d.train.tuning.plan import make_plan  # noqa: E402
from lift3d.train.tuning.search import Search, run_search  # noqa: E402
from lift3d.train.tuning.study import finished, open_study, score_of  # noqa: E402

WORKER = """
import sys
from pathlib import Path
from test_search_worker import search_of
from lift3d.train.tuning.search import run_search
run_search(search_of(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]), print, lambda name, fraction: None)
"""


def search_of(folder: Path, trials: int, words: list[str] | None = None, steps: int = 40) -> Search:
    data = folder.parent / "data.txt"
    if not data.exists():
        data.write_text("a")
    plan = make_plan("toy", toy(), parse_options(ToyConfig(), words or []), steps)
    return Search(plan, folder, data, folder, trials=trials, minutes=5, device="cpu", threads=1)


def run(search: Search) -> list[str]:
    said: list[str] = []
    run_search(search, said.append, lambda name, fraction: None)
    return said


def study_of(search: Search):  # type: ignore[no-untyped-def]
    return run_search(replace(search, minutes=1e-9), lambda s: None, lambda n, f: None)


@pytest.mark.slow
def test_it_finds_a_better_rate_and_says_so(tmp_path: Path) -> None:
    search = search_of(tmp_path / "study", 16)
    said = run(search)
    assert sum(line.startswith("trial ") for line in said) == 16
    study = study_of(search)
    found = report.find(study, search.plan)
    assert found.best is not None and found.default is not None
    assert score_of(found.best) > found.default + 0.3 and 0.01 < found.best.params["rate"] <= 1.0  # type: ignore[operator]
    first = min(found.trials, key=lambda t: t.number)
    assert first.params == search.plan.defaults, "the first trial has the default options"
    assert any(t.state.name == "PRUNED" for t in found.trials)
    assert found.importance[0][0] == "rate" and sum(v for _, v in found.importance) == pytest.approx(1)
    files = report.write_findings(found, search.plan, search.folder)
    assert [f.name for f in files] == ["best.json", "trials.csv", "importance.png"]
    assert Pil.open(files[2]).size == (report.WIDTH, 2 * report.MARGIN + 3 * report.ROW)
    table = report.table_lines(found, search.plan)
    assert len(table) == 17 and "near" in table[0] and len(files[1].read_text().splitlines()) == 17
    assert "the default options have" in report.verdict(found, search.plan)
    best = json.loads(files[0].read_text())
    assert (
        best["task"] == "toy"
        and best["score"] == score_of(found.best)
        and best["default_score"] == found.default
    )
    config = options_from_file(ToyConfig(), files[0], "toy")
    assert config.rate == found.best.params["rate"] and config.steps == 500, (
        "the run itself has its own length"
    )
    kept = [p.parent.name for p in (search.folder / "trials").rglob("best.safetensors")]
    assert kept == [f"{found.best.number:04d}"] and not list(search.folder.rglob("step-*"))


@pytest.mark.slow
def test_the_same_command_goes_on_and_a_finished_search_ends_at_once(tmp_path: Path) -> None:
    assert len(finished(study_of(search_of(tmp_path / "s", 2)))) == 0
    run(search_of(tmp_path / "s", 2))
    run(search_of(tmp_path / "s", 3))
    study = study_of(search_of(tmp_path / "s", 3))
    assert len(finished(study)) == 3
    assert run(search_of(tmp_path / "s", 3)) == []


@pytest.mark.slow
def test_a_rate_that_diverges_is_a_finished_trial_without_a_score(tmp_path: Path) -> None:
    search = search_of(tmp_path / "s", 2, ["bad=0.0001"])
    run(search)
    found = report.find(study_of(search), search.plan)
    assert len(found.trials) == 2 and found.best is None and found.default is None
    assert "diverged" in "".join(report.table_lines(found, search.plan))
    assert report.write_findings(found, search.plan, search.folder) == []


@pytest.mark.slow
def test_a_study_of_something_else_is_refused(tmp_path: Path) -> None:
    search = search_of(tmp_path / "s", 1)
    run(search)
    other = make_plan("other", toy(), ToyConfig(), 40)
    for wrong, message in (
        (replace(search, plan=other), "is a study of toy, not of other"),
        (search_of(tmp_path / "s", 2, steps=50), "trials of 40 steps, not 50"),
        (search_of(tmp_path / "s", 2, ["size=3"]), "other options"),
    ):
        with pytest.raises(InputError, match=message):
            run(wrong)
    (tmp_path / "data.txt").write_text("b")
    with pytest.raises(InputError, match="on other data"):
        run(search_of(tmp_path / "s", 2))


def test_bad_limits_and_folders(tmp_path: Path) -> None:
    search = search_of(tmp_path / "s", 1)
    for change, message in (
        ({"trials": 0}, "trials = 0"),
        ({"minutes": -1.0}, "minutes = -1"),
        ({"minutes": float("nan")}, "nan"),
    ):
        with pytest.raises(InputError, match=message):
            replace(search, **change)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot write"):
        run(replace(search, folder=tmp_path / "file"))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/study.db").write_bytes(b"no database" * 1000)
    with pytest.raises(InputError, match="cannot be used .*not a database"):
        run(replace(search, folder=tmp_path / "damaged"))


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    import sqlalchemy.exc

    from lift3d.train.tuning.study import readable_errors

    with pytest.raises(InputError, match="disk is full.*free some space"), readable_errors(tmp_path):
        raise sqlalchemy.exc.OperationalError("INSERT", {}, Exception("database or disk is full"))


def start(tmp_path: Path, folder: Path, trials: int, *words: str) -> subprocess.Popen[str]:
    here = Path(__file__)
    (tmp_path / "test_search_worker.py").write_text(here.read_text())
    path = os.pathsep.join(
        [str(tmp_path), str(here.parents[2] / "helpers"), os.environ.get("PYTHONPATH", "")]
    )
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder), str(trials), *words],
        env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_a_killed_search_repeats_its_trial_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    search = search_of(folder, 2, ["sleep=0.05"])
    child = start(tmp_path, folder, 2, "sleep=0.05")
    deadline = time.monotonic() + 120
    while (
        not list(folder.glob("trials/0000/step-*")) and child.poll() is None and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    assert child.poll() is None, child.communicate()[0]
    child.send_signal(signal.SIGKILL)
    child.communicate()
    before = (folder / "trials/0000/log.jsonl").read_text().splitlines()
    run(search)
    study = study_of(search)
    done = finished(study)
    assert len(done) == 2
    assert {t.number for t in done} == {1, 2}, "the killed trial 0 has failed and was repeated as trial 1"
    assert done[0].params == search.plan.defaults
    lines = (folder / "trials/0000/log.jsonl").read_text().splitlines()
    assert lines[:8] == before[:8], "it went on from its checkpoint"
    alone = search_of(tmp_path / "alone", 1, ["sleep=0"])
    run(alone)
    assert score_of(finished(study_of(alone))[0]) == score_of(done[0])


def test_waiting_trials_are_given_out_once(tmp_path: Path) -> None:
    plan = search_of(tmp_path / "s", 1).plan
    studies = [open_study(tmp_path / "s", plan, 0) for _ in range(4)]
    for noise in range(24):
        studies[0].enqueue_trial({**plan.defaults, "noise": noise / 24})
    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(lambda study: [study.ask().number for _ in range(6)], studies))
    assert len({number for numbers in asked for number in numbers}) == 24


@pytest.mark.slow
def test_two_processes_share_a_study(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    search = search_of(folder, 8, ["sleep=0.01"])
    assert len(finished(study_of(search))) == 0
    children = [start(tmp_path, folder, 8, "sleep=0.01") for _ in range(2)]
    said = [child.communicate(timeout=300)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0], said
    done = finished(study_of(search))
    assert 8 <= len(done) <= 9 and len({t.user_attrs["pid"] for t in done}) == 2
    assert len({json.dumps(t.params, sort_keys=True) for t in done}) == len(done)

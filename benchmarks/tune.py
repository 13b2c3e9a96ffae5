"""Whether twenty short trials of `lift3d tune` beat the default options on the furniture of `make train-tiny`.

    python benchmarks/tune.py CORPUS [--study FOLDER] [--trials 20] [--steps 40] [--minutes 60] [--seeds 2]

CORPUS: as `make train-tiny` builds it (demo/tiny/corpus). The best options and the defaults are then trained again for the same
steps with other seeds, which the search has not seen. A stopped benchmark goes on. Writes results/tune.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from lift3d.train.config import parse_options
from lift3d.train.launch import opened_run
from lift3d.train.registry import TASKS
from lift3d.train.tuning import report
from lift3d.train.tuning.plan import Plan, make_plan
from lift3d.train.tuning.search import Search, run_search
from lift3d.train.tuning.study import score_of

HERE = Path(__file__).resolve().parent
TASK = "image-to-voxels"
FIXED = ("width=16", "layers=1", "views=1", "batch=12")
"""The options of `make train-tiny`."""


def trained(search: Search, plan: Plan, options: dict[str, Any], seed: int, name: str) -> float:
    """The best validation of a run of the length of a trial, with a seed."""
    config = dataclasses.replace(plan.config, **options, seed=seed)
    folder = search.folder / "again" / f"{name}-{seed}"
    with opened_run(
        plan.task, config, search.data, search.pictures, search.views, folder, None, "cpu", None, print, lambda n, f: None
    ) as run:  # fmt: skip
        run.fit()
        return float(run.best)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--study", type=Path)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args()
    task = TASKS[TASK]
    plan = make_plan(TASK, task, parse_options(task.config(), list(FIXED)), given.steps)
    study_folder = given.study or given.corpus.parent / "study"
    search = Search(
        plan, study_folder, given.corpus, given.corpus.parent / f"{given.corpus.name}-pictures", 6, device="cpu",
        trials=given.trials, minutes=given.minutes,
    )  # fmt: skip
    study = run_search(search, print, lambda name, fraction: None)
    found = report.find(study, plan)
    report.write_findings(found, plan, study_folder)
    assert found.best is not None and found.default is not None
    others = [
        trial for trial in found.trials if trial.params != plan.defaults and score_of(trial) is not None
    ]
    seeds = range(1, given.seeds + 1)
    rows: list[list[Any]] = []
    for name, options, score in (
        ("default options", plan.defaults, found.default),
        (f"best of {len(others)} other trials", others[0].params, score_of(others[0])),
    ):
        again = [trained(search, plan, options, seed, name.split()[0]) for seed in seeds]
        values = [f"{value:.3g}" if isinstance(value, float) else value for value in options.values()]
        rows.append([name, round(score or 0.0, 4), *(round(v, 4) for v in again), *values])
        print(rows[-1], flush=True)
    pruned = sum(trial.state.name == "PRUNED" for trial in found.trials)
    seconds = sum(trial.duration.total_seconds() for trial in found.trials if trial.duration)
    weights = ", ".join(f"{name} {100 * value:.0f} %" for name, value in found.importance)
    better = sum((score_of(t) or 0.0) > found.default for t in found.trials)
    note = (
        f"IoU on validation furniture after {plan.config.steps} steps of `image-to-voxels` with {' '.join(FIXED)}. "
        f"{len(found.trials)} trials in {seconds / 60:.0f} minutes, of which {pruned} were pruned and {better} beat the "
        f"defaults. {'Importance: ' + weights + '. ' if weights else ''}`python benchmarks/tune.py CORPUS --trials 20`"
    )
    columns = ["options", "seed of the search", *(f"seed {s}" for s in seeds), *plan.space]
    trials = [
        {"trial": t.number + 1, "score": score_of(t), "state": t.state.name, "options": t.params}
        for t in found.trials
    ]
    result = {"table": {"columns": columns, "rows": rows, "note": note}, "trials": trials}
    (HERE / "results/tune.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

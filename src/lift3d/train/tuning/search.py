"""The search: one trial after another until their number or the time is reached. A trial is a short training run, whose
validations decide whether it goes on (median pruning); the next one's options are those of the tree-structured Parzen estimator
(Bergstra et al. 2011)."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lift3d.errors import InputError
from lift3d.train.config import Choice, Range
from lift3d.train.engine import Diverged, Trainer
from lift3d.train.launch import opened_run
from lift3d.train.run_log import NAME as LOG
from lift3d.train.run_log import read_lines
from lift3d.train.tuning.plan import Plan, trial_folder
from lift3d.train.tuning.study import (
    finished,
    first_number,
    mark_process,
    open_study,
    readable_errors,
    repeat_abandoned,
    require_same_data,
    score_of,
)

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

Say = Callable[[str], None]
Progress = Callable[[str, float], None]
MARGIN = 1.1
"""A trial begins only if the time left is this multiple of the mean time of those before."""


@dataclass(frozen=True)
class Search:
    """plan; folder: of the study; data, pictures, views, init_from, device, threads, up: as of `lift3d.train.launch.opened_run`;
    trials: to be finished in all, minutes: after which no trial begins. InputError for limits that are not positive."""

    plan: Plan
    folder: Path
    data: Path
    pictures: Path
    views: int = 8
    init_from: str | None = None
    device: str | None = None
    threads: int | None = None
    up: str = "z"
    trials: int = 30
    minutes: float = 60.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise InputError(f"trials = {self.trials}", "give 1 or more")
        if not self.minutes > 0:
            raise InputError(f"minutes = {self.minutes:g}", "give more than 0")


def run_search(search: Search, say: Say, progress: Progress) -> optuna.Study:
    """Run trials until the study has `search.trials` of them or the time is over; returns the study. InputError for data that
    cannot be used, and a study that belongs to another search."""
    deadline, times = time.monotonic() + 60 * search.minutes, list[float]()
    study = open_study(search.folder, search.plan, search.seed)
    with readable_errors(search.folder):
        while True:
            repeat_abandoned(study)
            done, running = len(finished(study)), len(_running(study))
            left = deadline - time.monotonic()
            if done >= search.trials or left <= 0:
                break
            if done + running >= search.trials:
                say(f"{done} of {search.trials} trials are finished; other processes run the remaining ones")
                break
            if times and left < MARGIN * sum(times) / len(times):
                say(
                    f"{done} of {search.trials} trials are finished; the time left is too short for another one"
                )
                break
            began = time.monotonic()
            study.optimize(lambda trial: _objective(search, study, trial, say, progress), n_trials=1)
            times.append(time.monotonic() - began)
            _tidy(search, study, say)
    return study


def _running(study: optuna.Study) -> list[FrozenTrial]:
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def _objective(
    search: Search, study: optuna.Study, trial: optuna.Trial, say: Say, progress: Progress
) -> float:
    """The best validation of one trial. TrialPruned where it is worse than the median of the others or diverges."""
    import optuna

    plan, number = search.plan, trial.number
    mark_process(trial)
    values = {name: suggest(trial, name, tune) for name, tune in plan.space.items()}
    config = dataclasses.replace(plan.config, **values)
    folder = trial_folder(search.folder, first_number(study.get_trials(deepcopy=False)[number]))
    name = f"trial {number + 1} of {search.trials}"
    with opened_run(
        plan.task, config, search.data, search.pictures, search.views, folder, search.init_from, search.device,
        search.threads, lambda sentence: None, lambda step, fraction: progress(name, fraction), search.up,
    ) as run:  # fmt: skip
        require_same_data(study, search.folder, {"data": run.task.data(), "better": run.task.better})
        if run.task.solved:
            raise InputError(
                f"{plan.name} is trained in closed form on these data: it has no options to search",
                "train it with lift3d train",
            )
        try:
            for until in range(config.validate, config.steps + 1, config.validate):
                value = _fit(run, until)
                if value is None:
                    break
                trial.report(value, until)
                if until < config.steps and trial.should_prune():
                    raise optuna.TrialPruned
        except Diverged as error:
            trial.set_user_attr("diverged", error.cause)
            raise optuna.TrialPruned from error
        return run.best


def _fit(run: Trainer, until: int) -> float | None:
    """The validation of a run at a step, to which it is trained; None where it ended before."""
    if run.step < until:
        run.fit(until)
    lines = [line for line in read_lines(run.folder / LOG) if line["step"] == until]
    return next((float(line[run.task.better]) for line in lines if run.task.better in line), None)


def suggest(trial: optuna.Trial, name: str, tune: Range | Choice) -> Any:
    """The value of an option in a trial."""
    if isinstance(tune, Choice):
        return trial.suggest_categorical(name, tune.values)
    return trial.suggest_float(name, tune.low, tune.high, log=tune.log)


def _tidy(search: Search, study: optuna.Study, say: Say) -> None:
    """Report the last trial of this process, and remove the checkpoints of all finished trials and the weights of all but the
    best one."""
    done = finished(study)
    best = max(done, key=lambda t: -float("inf") if (s := score_of(t)) is None else s, default=None)
    for trial in done:
        folder = trial_folder(search.folder, first_number(trial))
        for checkpoint in folder.glob("step-*"):
            shutil.rmtree(checkpoint, ignore_errors=True)
        if best is not None and first_number(trial) != first_number(best):
            (folder / "best.safetensors").unlink(missing_ok=True)
    if done and best is not None:
        own = [t for t in done if t.user_attrs.get("pid") == os.getpid()]
        last = max(own or done, key=lambda t: t.number)
        score, top = score_of(last), score_of(best)
        shown = "diverged" if score is None else f"{score:.4f}"
        pruned = " (pruned)" if last.state.name == "PRUNED" and score is not None else ""
        say(f"trial {last.number + 1}: {shown}{pruned}; best {top or 0:.4f}, of trial {best.number + 1}")

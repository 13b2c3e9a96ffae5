"""A study of Optuna in a folder: its SQLite file, which several processes may use at once, and the trials that were left
behind."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lift3d.errors import InputError, MissingExtra
from lift3d.runtime.json_text import to_json
from lift3d.train.tuning.plan import VALIDATIONS, Plan

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

FILE, NAME, PROCESSES = "study.db", "lift3d", "processes"
HEARTBEAT, GRACE = 10, 60
"""Seconds between two signs of life of a trial, and without one after which another machine may repeat it."""
WAIT = 60
"""Seconds that a process waits for another one that writes to the file."""
STARTUP = 5
"""Trials before the first one is pruned, and before options are chosen by the others."""
MAX_RETRIES = 3


@contextmanager
def readable_errors(folder: Path) -> Iterator[None]:
    """A context in which failures of the study's file are InputErrors."""
    import sqlalchemy.exc

    try:
        yield
    except (sqlalchemy.exc.DatabaseError, sqlite3.DatabaseError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        advice = (
            "free some space"
            if "full" in reason
            else "check the disk and the permissions, or give another folder"
        )
        raise InputError(f"the study {folder / FILE} cannot be used ({reason})", advice) from error


def open_study(folder: Path, plan: Plan, seed: int) -> optuna.Study:
    """The study of a plan in a folder, created where there is none, with the default options as its first trial.

    MissingExtra without Optuna. InputError for a study of another task, other options or another version, and a folder that
    cannot be written."""
    optuna = _optuna()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot write {folder} ({error.strerror})", "give another folder with -o"
        ) from error
    with readable_errors(folder):
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{folder.resolve() / FILE}",
            engine_kwargs={"connect_args": {"timeout": WAIT}},
            heartbeat_interval=HEARTBEAT,
            grace_period=GRACE,
            heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(MAX_RETRIES),
        )
        _serialise(storage.engine)
        study = optuna.create_study(
            storage=storage, study_name=NAME, direction="maximize", load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=0),
        )  # fmt: skip
        _require_same_plan(study, folder, plan)
        process = _process_number(folder)
        # each process samples with a seed of its own: equal ones would choose equal options
        study.sampler = optuna.samplers.TPESampler(
            n_startup_trials=STARTUP, seed=seed + 1000 * process, multivariate=True, constant_liar=True
        )
        if process == 0:
            study.enqueue_trial(plan.defaults, skip_if_exists=True)
    return study


def _serialise(engine: Any) -> None:
    """Let each transaction hold the file's lock from its beginning. SQLite has no locks of rows: two processes that read the same
    waiting trial would both run it."""
    import sqlalchemy

    def begin(connection: Any) -> None:
        connection.connection.dbapi_connection.isolation_level = None
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    sqlalchemy.event.listen(engine, "begin", begin)


def _process_number(folder: Path) -> int:
    """How many processes have opened the study before this one: the first number whose file this process creates."""
    (folder / PROCESSES).mkdir(exist_ok=True)
    number = len(list((folder / PROCESSES).iterdir()))
    while True:
        try:
            (folder / PROCESSES / str(number)).touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return number


def _optuna() -> Any:
    """Optuna, with its own messages off."""
    try:
        import optuna
    except ImportError as error:
        raise MissingExtra("the search of options", "tune") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


def _require_same_plan(study: optuna.Study, folder: Path, plan: Plan) -> None:
    """Store the plan of a new study; InputError where the study has another."""
    mine, stored = json.loads(to_json(plan.identity())), study.user_attrs.get("plan")
    if stored is None:
        study.set_user_attr("plan", mine)
        return
    if stored["task"] != plan.name:
        raise InputError(
            f"{folder} is a study of {stored['task']}, not of {plan.name}", "give another folder with -o"
        )
    if stored != mine:
        steps = stored["config"]["steps"], plan.config.steps
        what = f"trials of {steps[0]} steps, not {steps[1]}" if steps[0] != steps[1] else "other options"
        raise InputError(
            f"{folder} is a study with {what}", "give the same options, or another folder with -o"
        )


def require_same_data(study: optuna.Study, folder: Path, data: dict[str, Any]) -> None:
    """Store the digest of the data of a new study; InputError where the study was made on other data."""
    mine, stored = json.loads(to_json(data)), study.user_attrs.get("data")
    if stored is None:
        study.set_user_attr("data", mine)
    elif stored != mine:
        raise InputError(
            f"{folder} is a study on other data", "give the same --data, or another folder with -o"
        )


def repeat_abandoned(study: optuna.Study) -> None:
    """Repeat the trials that a process of this machine has left behind, because it was killed. Those of other machines are
    repeated when their signs of life have stopped."""
    import optuna

    retry = optuna.storages.RetryHeartbeatStaleTrialCallback(MAX_RETRIES)
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        if trial.user_attrs.get("host") == socket.gethostname() and not _alive(
            trial.user_attrs.get("pid", 0)
        ):
            try:
                study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            except (ValueError, optuna.exceptions.UpdateFinishedTrialError):
                continue  # it has ended meanwhile, or another process repeats it
            retry(study, trial)


def _alive(pid: int) -> bool:
    """Whether a process of this machine exists; True where the system has no harmless way to find out."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def mark_process(trial: optuna.Trial) -> None:
    """Record which process runs a trial."""
    trial.set_user_attr("host", socket.gethostname())
    trial.set_user_attr("pid", os.getpid())


def first_number(trial: FrozenTrial) -> int:
    """The number of the trial that this one repeats, or its own."""
    return int(trial.system_attrs.get("failed_trial", trial.number))


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that have ended, pruned ones among them."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def score_of(trial: FrozenTrial) -> float | None:
    """The best validation of a trial, also of a pruned one; None where it had none."""
    values = [*trial.intermediate_values.values()] + ([] if trial.value is None else [trial.value])
    return max(values) if values else None


def last_step(trial: FrozenTrial) -> int:
    """The step of a trial's last validation; 0 where it had none."""
    return max(trial.intermediate_values, default=0)


def is_whole(trial: FrozenTrial, plan: Plan) -> bool:
    """Whether a trial went through all its validations."""
    return len(trial.intermediate_values) >= VALIDATIONS or last_step(trial) >= plan.config.steps

"""Options of a run from a file: the best ones of `lift3d tune`, or those of an earlier run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from lift3d.errors import InputError
from lift3d.train.config import replace_options

C = TypeVar("C")
MAX_SIZE = 1 << 20


def options_from_file(config: C, path: Path, task: str) -> C:
    """The config with the options of a file in place of its own. task: the name of the network, for which the file must be.

    The file is best.json of a study ({"task": ..., "options": {...}}) or of a run, whose options are all taken. InputError for
    another file, another network, and options that it does not have."""
    try:
        if path.stat().st_size > MAX_SIZE:
            raise ValueError("it is too large")
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            f"cannot read {path} ({error.strerror})", "name a file that lift3d tune has written"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is not a file of options", "name a file that lift3d tune has written"
        ) from error
    name, options = _contents(found)
    if name is None or options is None:
        raise InputError(f"{path} holds no options", "name best.json of a study or of a run")
    if name != task:
        raise InputError(f"{path} holds options of {name}, not of {task}", f"train {name} with it")
    return replace_options(config, options, path.name)


def _contents(found: Any) -> tuple[str | None, dict[str, Any] | None]:
    """The network and the options of a parsed file."""
    if not isinstance(found, dict):
        return None, None
    plan = found.get("plan")
    name, options = found.get("task"), found.get("options")
    if isinstance(plan, dict):
        name, options = plan.get("task"), plan.get("config")
    if not isinstance(name, str) or not isinstance(options, dict):
        return None, None
    return name.replace("_", "-"), options

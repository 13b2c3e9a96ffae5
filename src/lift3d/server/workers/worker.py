"""The worker process: `python -m lift3d.server.workers.worker`. It imports what is heavy, waits for one job on its standard
input, does it, reports on its standard output, a JSON object on each line, and ends.

It also ends when its standard input does, that is, with the server that started it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from lift3d.errors import Lift3dError
from lift3d.server.workers.call import Call
from lift3d.server.workers.thumbnails import write_thumbnails

PR_SET_PDEATHSIG = 1
REPORT_SECONDS = 0.2
"""Least time between two reports of progress."""
LABELS = {
    "generate": "generating", "render": "rendering", "repair": "repairing", "mesh_to_solid": "repairing",
    "points_to_voxels": "completing the shape", "relief": "making the relief", "classify": "looking at the model",
}  # fmt: skip
"""Names of steps that are not those of a reconstruction, in words."""


class Channel:
    """Writes events, one JSON object per line, to what was standard output; prints of libraries go to standard error instead."""

    def __init__(self) -> None:
        self._stream: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def send(self, **event: Any) -> None:
        """Write an event; ends the process if the server has closed the pipe."""
        with self._lock:
            try:
                self._stream.write(json.dumps(event, ensure_ascii=True) + "\n")
                self._stream.flush()
            except (BrokenPipeError, ValueError):
                os._exit(1)


class Progress:
    """The progress of a job, at most one report in REPORT_SECONDS."""

    def __init__(self, channel: Channel, task: str) -> None:
        from lift3d.runtime.time_left import Estimate

        self.channel, self.measured, self.estimate = channel, task == "reconstruct", Estimate()
        self.step, self.sent = "", 0.0

    def __call__(self, step: str, fraction: float) -> None:
        """Report a step with the fraction that is done."""
        from lift3d.runtime.time_left import STEP_LABELS

        now = time.monotonic()
        known = self.measured and step in STEP_LABELS
        whole = self.estimate.update(step, fraction) if known else fraction
        if step == self.step and now - self.sent < REPORT_SECONDS:
            return
        self.step, self.sent = step, now
        left = self.estimate.seconds_left(whole)
        label = STEP_LABELS[step] if known else LABELS.get(step, step.replace("_", " "))
        self.channel.send(
            event="progress", step=step, label=label, fraction=round(whole, 4), seconds_left=left
        )


def end_with_parent() -> None:
    """Let the kernel end this process with its parent, where it can (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Do one job."""
    end_with_parent()
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # ctrl-C in a terminal is for the server, which ends the workers
    channel = Channel()
    import_module("lift3d.pipelines.reconstruct")  # heavy, and needed by most jobs
    from lift3d.server.workers.task_calls import CALLS

    channel.send(event="ready")
    line = sys.stdin.readline()
    if not line:
        return
    threading.Thread(target=_end_with_input, daemon=True).start()
    order = json.loads(line)
    folder = Path(order["folder"])
    progress = Progress(channel, order["task"])
    call = Call(
        folder, order["task"], order["inputs"], order["options"], order["memory"], progress,
        lambda sentence: channel.send(event="message", text=call.named(sentence)),
    )  # fmt: skip
    try:
        shutil.rmtree(call.outputs, ignore_errors=True)  # of an attempt that was interrupted
        call.outputs.mkdir(parents=True)
        write_thumbnails(call, channel.send)
        result = CALLS[call.task](call)
        result["warnings"] = [call.named(text) for text in result["warnings"]]
        shutil.rmtree(call.work, ignore_errors=True)
        channel.send(event="done", result=result)
    except Lift3dError as error:
        cause, advice = call.named(error.cause), call.named(error.advice)
        channel.send(event="failed", cause=cause, advice=advice, text=call.named(str(error)))
    except MemoryError:
        channel.send(event="failed", **out_of_memory(call.memory))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        cause = f"a file could not be written or read: {reason}"
        channel.send(event="failed", cause=cause, advice="free some space", text=f"{cause}: free some space.")


def out_of_memory(budget: int) -> dict[str, str]:
    """The words for a job that needs more memory than there is."""
    from lift3d.units import format_memory

    cause = f"the job needs more memory than its budget of {format_memory(budget)} allows"
    advice = "use fewer or smaller photos"
    return {"cause": cause, "advice": advice, "text": f"{cause}: {advice}."}


def _end_with_input() -> None:
    """End this process when standard input ends, which happens when the server ends."""
    while sys.stdin.read(1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()

"""The state of the server in the text format of Prometheus."""

from __future__ import annotations

from collections import Counter

from lift3d.server.jobs import Jobs
from lift3d.server.store import CANCELLED, DONE, FAILED, QUEUED, RUNNING
from lift3d.server.workers.supervisor import Supervisor
from lift3d.version import __version__


def metrics_text(jobs: Jobs, supervisor: Supervisor, streams: int) -> str:
    """Metrics with their help and type."""
    states = Counter(job.state for job in jobs.all.values())
    lines = [f'lift3d_info{{version="{__version__}"}} 1']
    head = ["# HELP lift3d_info Version of lift3d.", "# TYPE lift3d_info gauge"]
    lines = [*head, *lines, "# HELP lift3d_jobs Jobs by state.", "# TYPE lift3d_jobs gauge"]
    lines += [
        f'lift3d_jobs{{state="{state}"}} {states[state]}'
        for state in (QUEUED, RUNNING, DONE, FAILED, CANCELLED)
    ]
    for name, text, value in (
        ("stored_bytes", "Bytes of all jobs and uploads.", jobs.used()),
        ("quota_bytes", "Bytes that they may take.", jobs.settings.quota),
        ("event_streams", "Clients that follow events.", streams),
        ("worker_peak_memory_bytes", "Largest resident memory of a worker so far.", supervisor.peak_memory),
    ):
        lines += [f"# HELP lift3d_{name} {text}", f"# TYPE lift3d_{name} gauge", f"lift3d_{name} {value}"]
    return "\n".join(lines) + "\n"

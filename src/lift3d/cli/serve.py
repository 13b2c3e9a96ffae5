"""`lift3d serve`: a page to drop photos on, and a REST interface."""

from __future__ import annotations

import json
import socket
import webbrowser
from pathlib import Path
from typing import Annotated

import typer


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; one that others can reach needs --token-file.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8033,
    data: Annotated[
        Path | None, typer.Option(help="Folder for uploads and results. Default: the user's data folder.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File whose first line is the secret that clients must present.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="How many jobs run at once; the others wait.")] = 1,
    keep: Annotated[str, typer.Option(help="How long results are kept, such as 14d or 12h.")] = "14d",
    quota: Annotated[str, typer.Option(help="Space that all files may take together.")] = "20GB",
    job_memory: Annotated[
        str | None,
        typer.Option(
            help="Memory above which a job is ended. Default: three quarters of all, divided by --jobs."
        ),
    ] = None,
    job_time: Annotated[str, typer.Option(help="Time after which a job is ended.")] = "4h",
    max_upload: Annotated[str, typer.Option(help="Largest size of one file.")] = "2GB",
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    openapi: Annotated[
        bool, typer.Option("--openapi", help="Print the OpenAPI description and end.")
    ] = False,
) -> None:
    """Serve a page to drop photos on, and a REST interface."""
    from lift3d.runtime.environment import require_extra
    from lift3d.units import parse_duration, parse_size

    require_extra("serve", "the server")
    from lift3d.server.settings import Settings, default_data_folder, read_token, usual_job_memory

    if openapi:
        from lift3d.server.app import openapi_of

        typer.echo(json.dumps(openapi_of(), indent=2))
        return
    settings = Settings(
        data=(data or default_data_folder()).expanduser().resolve(),
        host=host,
        port=port,
        token=None if token_file is None else read_token(token_file),
        jobs=jobs,
        keep=parse_duration(keep),
        quota=parse_size(quota, "--quota"),
        upload_limit=parse_size(max_upload, "--max-upload"),
        job_memory=usual_job_memory(jobs) if job_memory is None else parse_size(job_memory, "--job-memory"),
        job_seconds=parse_duration(job_time),
    )
    from lift3d.server.run import serve as run

    def ready(address: str) -> None:
        typer.echo(f"lift3d is at {address} (Ctrl-C ends it)")
        if host in ("0.0.0.0", "::"):
            typer.echo(f"from other machines: http://{socket.gethostname()}:{address.rpartition(':')[2]}")
        typer.echo(f"files are kept in {settings.data} for {keep}")
        if open_page:
            webbrowser.open(address)

    run(settings, ready)

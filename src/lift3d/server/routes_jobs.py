"""The REST interface: uploads, jobs, their events and their files."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import FileResponse, JSONResponse, Response

from lift3d.errors import InputError
from lift3d.server import uploads as up
from lift3d.server.conversion import FORMATS, converted
from lift3d.server.errors import NotFound, plain_validation
from lift3d.server.jobs import Jobs
from lift3d.server.store import Job
from lift3d.server.tasks import TASKS, Task, find_task
from lift3d.server.workers.supervisor import Supervisor

router = APIRouter(prefix="/api")
Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9]{8,40}$", description="id of a job or upload")]
FileName = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,80}$", description="name of a file of the result")
]
_ERROR = {"description": "cause, advice and text of the error"}
ERRORS: dict[int | str, dict[str, Any]] = dict.fromkeys((400, 401, 403, 404, 409, 413, 429, 507), _ERROR)


class NewJob(BaseModel):
    """A job to begin."""

    model_config = ConfigDict(extra="forbid")
    task: str = Field(max_length=40, description="a name of GET /api/tasks", examples=["reconstruct"])
    uploads: list[Annotated[str, Field(max_length=40)]] = Field(
        default=[], max_length=2000, description="ids, in order"
    )
    options: dict[str, Any] = Field(default={}, max_length=60, description="options of the task")
    title: str = Field(
        "", max_length=200, description="what the job is called; the name of the first file if empty"
    )


class Again(BaseModel):
    """The same inputs once more."""

    model_config = ConfigDict(extra="forbid")
    task: str = Field("", max_length=40, description="another task; that of the job if empty")
    options: dict[str, Any] = Field(default={}, max_length=60, description="options of the task")


def jobs_of(request: Request) -> Jobs:
    """The jobs of the server."""
    found = request.app.state.jobs
    assert isinstance(found, Jobs)
    return found


def _supervisor(request: Request) -> Supervisor:
    found = request.app.state.supervisor
    assert isinstance(found, Supervisor)
    return found


def job_of(request: Request, job: str) -> Job:
    """The job with an id. NotFound without one."""
    found = jobs_of(request).all.get(job)
    if found is None:
        raise NotFound("there is no such job", "it may have been deleted, or have expired")
    return found


@router.get("/tasks", summary="What the server can do, with the options of each task")
async def tasks() -> dict[str, Any]:
    """Names, titles, accepted files and a JSON schema of the options."""
    return {
        "tasks": [
            {
                "name": task.name, "title": task.title, "accepts": task.accepts, "fewest": task.fewest, "most": task.most,
                "options": task.options.model_json_schema(),
            }
            for task in TASKS.values()
        ]
    }  # fmt: skip


@router.post(
    "/uploads", status_code=201, summary="Send one file: the body is the file itself", responses=ERRORS,
    openapi_extra={
        "requestBody": {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
    },
)  # fmt: skip
async def upload(request: Request, name: Annotated[str, Query(max_length=1000)] = "file") -> JSONResponse:
    """A photo, a video or a model; of a ZIP archive the photos are taken. What it is, is found out by its content."""
    received = await up.receive(request, up.shown_name(name), jobs_of(request))
    return JSONResponse(received.to_dict(), 201)


@router.delete(
    "/uploads/{upload}", status_code=204, summary="Delete a file that waits for a job", responses=ERRORS
)
async def delete_upload(request: Request, upload: Id) -> Response:
    """Delete it."""
    jobs = jobs_of(request)
    found = jobs.store.uploads([upload])
    if not found:
        raise NotFound("there is no such upload", "it may have been deleted, or have become part of a job")
    jobs.upload_path(upload).unlink(missing_ok=True)
    jobs.store.remove_uploads([upload])
    jobs.upload_bytes -= found[0].bytes
    return Response(status_code=204)


@router.post("/jobs", status_code=201, summary="Begin a job", responses=ERRORS)
async def create_job(request: Request, new: NewJob) -> JSONResponse:
    """The job is put into the queue."""
    jobs = jobs_of(request)
    task = find_task(new.task)
    if len(set(new.uploads)) < len(new.uploads):
        raise InputError("an upload is named twice", "name each once")
    found = jobs.store.uploads(new.uploads)
    if len(found) < len(new.uploads):
        raise NotFound("some of the uploads are gone", "send the files again")
    task.check([item.kind for item in found])
    options = _options(task, new.options)
    title = up.shown_name(new.title) if new.title.strip() else task.title
    if found and not new.title.strip():
        title = found[0].name + (f" and {len(found) - 1} more" if len(found) > 1 else "")
    job = jobs.create(task.name, title, options, found)
    return JSONResponse(jobs.describe(job), 201)


def _options(task: Task, given: dict[str, Any]) -> dict[str, Any]:
    """All options of a task, checked."""
    try:
        return task.options.model_validate(given).model_dump()
    except ValidationError as error:
        raise plain_validation(error.errors()) from error


@router.post("/jobs/{job}/again", status_code=201, summary="A new job on the same inputs", responses=ERRORS)
async def repeat_job(request: Request, job: Id, new: Again) -> JSONResponse:
    """With other options, or as another task."""
    jobs, found = jobs_of(request), job_of(request, job)
    task = find_task(new.task or found.task)
    task.check([item["kind"] for item in found.inputs])
    again = await asyncio.to_thread(jobs.again, found, task.name, _options(task, new.options))
    return JSONResponse(jobs.describe(again), 201)


@router.get("/jobs", summary="All jobs, newest first")
async def list_jobs(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=10**6)] = 0,
) -> JSONResponse:
    """Without their inputs and options."""
    jobs = jobs_of(request)
    found = list(jobs.all.values())[::-1]
    page = [jobs.describe(job, inputs=False) for job in found[offset : offset + limit]]
    login = jobs.settings.token is not None
    return JSONResponse({"jobs": page, "total": len(found), "login": login})


@router.get("/jobs/{job}", summary="One job", responses=ERRORS)
async def show_job(request: Request, job: Id) -> JSONResponse:
    """Its state, progress, messages and result."""
    return JSONResponse(jobs_of(request).describe(job_of(request, job)))


@router.post("/jobs/{job}/cancel", summary="End a job", responses=ERRORS)
async def cancel_job(request: Request, job: Id) -> JSONResponse:
    """Ends its process and the children of that; what it has written is deleted, its inputs stay."""
    found = job_of(request, job)
    if found.has_ended:
        raise Conflict("the job has ended already", "delete it to free its space")
    await _supervisor(request).cancel(found)
    return JSONResponse(jobs_of(request).describe(found))


@router.delete("/jobs/{job}", status_code=204, summary="Delete a job with all its files", responses=ERRORS)
async def delete_job(request: Request, job: Id) -> Response:
    """A job that runs is ended first."""
    found = job_of(request, job)
    if not found.has_ended:
        await _supervisor(request).cancel(found)
    jobs_of(request).remove(found)
    return Response(status_code=204)


@router.get("/jobs/{job}/files/{name}", summary="A file of the result; by ranges, too", responses=ERRORS)
async def result_file(request: Request, job: Id, name: FileName, inline: bool = False) -> FileResponse:
    """inline: to be shown, not saved."""
    jobs, found = jobs_of(request), job_of(request, job)
    known = {row["name"]: row for row in (found.result or {}).get("files", [])}
    if name not in known:
        raise NotFound(f"the job has no file {name}", "ask for one that the job lists")
    path = jobs.folder(found.id) / "outputs" / name
    return FileResponse(
        path, media_type=_media(name), filename=_download_name(found, name),
        content_disposition_type="inline" if inline else "attachment",
    )  # fmt: skip


@router.get("/jobs/{job}/model/{format}", summary="The model of the result in a format", responses=ERRORS)
async def model(
    request: Request, job: Id, format: Annotated[str, Path(pattern=r"^[a-z0-9]{2,5}$")]
) -> FileResponse:
    """Converted at the first request: glb, obj, ply, stl, 3mf or usdz."""
    jobs, found = jobs_of(request), job_of(request, job)
    shown = (found.result or {}).get("model")
    if shown is None:
        raise NotFound("the job has no model", "wait until it has ended")
    if format not in FORMATS:
        raise NotFound(f"'{format}' is not a format", f"use one of {', '.join(FORMATS)}")
    path = await converted(jobs, found, shown, format)
    return FileResponse(path, media_type=_media(path.name), filename=_download_name(found, path.name))


@router.get(
    "/jobs/{job}/thumbnails/{number}", summary="A small picture of a photo of the job", responses=ERRORS
)
async def thumbnail(request: Request, job: Id, number: Annotated[int, Path(ge=0, le=9999)]) -> FileResponse:
    """JPEG, at most 256 pixels."""
    path = jobs_of(request).folder(job_of(request, job).id) / "thumbs" / f"{number}.jpg"
    if not path.is_file():
        raise NotFound("there is no such picture", "only photos that were read have one")
    return FileResponse(path, media_type="image/jpeg", headers={"cache-control": "private, max-age=86400"})


_MEDIA = {
    "glb": "model/gltf-binary", "obj": "model/obj", "stl": "model/stl", "3mf": "model/3mf", "ply": "application/octet-stream",
    "usdz": "model/vnd.usdz+zip", "png": "image/png", "gif": "image/gif", "mp4": "video/mp4", "json": "application/json",
    "zip": "application/zip",
}  # fmt: skip


def _media(name: str) -> str:
    return _MEDIA.get(name.rpartition(".")[2], "application/octet-stream")


def _download_name(job: Job, name: str) -> str:
    """The name under which a browser saves a file: that of the job with the file's ending."""
    stem = job.title.rpartition(".")[0] or job.title
    return f"{stem}{name.removeprefix('model')}" if name.startswith("model.") else f"{stem}-{name}"


class Conflict(InputError):
    """A request that does not fit the state of a job."""

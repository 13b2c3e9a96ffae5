"""Server-sent events: what changes, to those who follow."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from lift3d.errors import InputError
from lift3d.server.routes_jobs import ERRORS, Id, job_of, jobs_of

router = APIRouter(prefix="/api")
MAX_STREAMS = 128
"""Largest number of event streams at once."""


class Busy(InputError):
    """Too many clients at once."""


@router.get("/events", summary="Server-sent events: whatever changes", responses=ERRORS)
async def events(request: Request) -> StreamingResponse:
    """`job` events with a job without its inputs, `deleted` events with an id."""
    jobs = jobs_of(request)

    async def lines() -> AsyncIterator[str]:
        async for news in jobs.follow(since=-1):
            if news is None:
                yield ": waiting\n\n"
                continue
            for job in news[0]:
                yield _event("job", jobs.describe(job, inputs=False))
            for gone in news[1]:
                yield _event("deleted", {"id": gone})

    return _stream(request, lines())


@router.get("/jobs/{job}/events", summary="Server-sent events of one job", responses=ERRORS)
async def job_events(request: Request, job: Id) -> StreamingResponse:
    """`job` events until it has ended."""
    jobs, found = jobs_of(request), job_of(request, job)

    async def lines() -> AsyncIterator[str]:
        async for news in jobs.follow(since=-1):
            if news is None:
                yield ": waiting\n\n"
            elif found.id in news[1] or found.id not in jobs.all:
                yield _event("deleted", {"id": found.id})
                return
            elif found in news[0]:
                yield _event("job", jobs.describe(found))
                if found.has_ended:
                    return

    return _stream(request, lines())


def _stream(request: Request, lines: AsyncIterator[str]) -> StreamingResponse:
    """A stream of events, if there are not too many."""
    state = request.app.state
    if state.streams >= MAX_STREAMS:
        raise Busy("too many pages follow the jobs of this server", "close some, or ask again later")
    state.streams += 1

    async def counted() -> AsyncIterator[str]:
        try:
            async for line in lines:
                yield line
        finally:
            state.streams -= 1

    return StreamingResponse(counted(), media_type="text/event-stream", headers={"x-accel-buffering": "no"})


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=True)}\n\n"

"""The application: routes, the page, errors as sentences, and what runs beside the requests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from lift3d.errors import InputError, Lift3dError
from lift3d.server.errors import NotFound, plain_validation
from lift3d.server.janitor import recover, sweep_forever
from lift3d.server.jobs import Jobs, QueueFull, QuotaExceeded
from lift3d.server.metrics import metrics_text
from lift3d.server.replies import explain, refuse
from lift3d.server.routes_events import Busy
from lift3d.server.routes_events import router as events
from lift3d.server.routes_jobs import Conflict, router
from lift3d.server.security import COOKIE, GUESS_BURST, GUESS_RATE, Buckets, Security, same, session_value
from lift3d.server.settings import Settings
from lift3d.server.store import Store
from lift3d.server.uploads import DiskFull, Stalled, TooLarge
from lift3d.server.workers.supervisor import Supervisor
from lift3d.version import __version__

HERE = Path(__file__).parent
STATUS: dict[type[InputError], int] = {
    NotFound: 404, Conflict: 409, TooLarge: 413, Stalled: 408, QuotaExceeded: 507, DiskFull: 507, QueueFull: 503, Busy: 503,
}  # fmt: skip
DESCRIPTION = "Photos, scans, words or seeds to solid, textured, printable 3D models. Errors have `cause`, `advice` and `text`."


class Session(BaseModel):
    """A login."""

    token: str = Field(max_length=500)


def create_app(settings: Settings) -> FastAPI:
    """The application with its own jobs. Its data folder must be locked (`janitor.sole_use`)."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        store = Store(settings.data / "jobs.sqlite3")
        jobs = Jobs(settings, store)
        supervisor = Supervisor(jobs)
        app.state.jobs, app.state.supervisor, app.state.streams = jobs, supervisor, 0
        recover(jobs)
        supervisor.start()
        sweeper = asyncio.create_task(sweep_forever(jobs))
        try:
            yield
        finally:
            sweeper.cancel()
            await supervisor.stop()
            store.close()

    app = FastAPI(
        title="lift3d", version=__version__, description=DESCRIPTION, lifespan=lifespan, docs_url=None, redoc_url=None,
    )  # fmt: skip
    app.include_router(router)
    app.include_router(events)
    _add_pages(app, settings)
    _add_errors(app)
    app.add_middleware(Security, settings=settings)
    return app


def _add_pages(app: FastAPI, settings: Settings) -> None:
    """The page, its files, and the routes for machines."""
    guesses = Buckets(GUESS_RATE, GUESS_BURST)

    @app.head("/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(HERE / "page" / "index.html", headers={"cache-control": "no-cache"})

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> FileResponse:
        return FileResponse(HERE / "page" / "icon.svg", media_type="image/svg+xml")

    @app.head("/healthz", include_in_schema=False)
    @app.get("/healthz", summary="Is the server alive?")
    async def health() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @app.get("/metrics", summary="Metrics in the text format of Prometheus", response_class=PlainTextResponse)
    async def metrics(request: Request) -> PlainTextResponse:
        state = request.app.state
        return PlainTextResponse(
            metrics_text(state.jobs, state.supervisor, state.streams), media_type="text/plain; version=0.0.4"
        )

    @app.post("/api/session", status_code=204, summary="Log in: sets a cookie for the page")
    async def log_in(request: Request, session: Session) -> Response:
        if settings.token is not None and not same(session.token, settings.token):
            client = request.client.host if request.client else "unknown"
            if not guesses.take(client):
                return refuse(429, "too many wrong tokens came from this address", "wait a minute")
            return refuse(401, "the token is wrong", "give the one in the server's token file")
        response = Response(status_code=204)
        secure = request.url.scheme == "https"
        response.set_cookie(
            COOKIE,
            session_value(settings.token or ""),
            httponly=True,
            samesite="strict",
            secure=secure,
            max_age=30 * 86400,
        )
        return response

    @app.delete("/api/session", status_code=204, summary="Log out")
    async def log_out() -> Response:
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    app.mount("/page", StaticFiles(directory=HERE / "page"), name="page")
    viewer = HERE.parent / "viewer"
    if viewer.is_dir():
        app.mount("/viewer", StaticFiles(directory=viewer), name="viewer")


def _add_errors(app: FastAPI) -> None:
    """Every error as one sentence in JSON."""

    @app.exception_handler(Lift3dError)
    async def known(request: Request, error: Lift3dError) -> JSONResponse:
        return explain(error, next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return explain(plain_validation(error.errors()), 400)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        causes: dict[int, tuple[str, str]] = {
            404: ("there is nothing at this address", "the page /page/api.html lists what there is"),
            405: (f"{request.method} is not possible here", "the page /page/api.html lists what is"),
        }
        cause, advice = causes.get(error.status_code, (str(error.detail), ""))
        return refuse(error.status_code, cause, advice)

    @app.exception_handler(RecursionError)
    async def nested(request: Request, error: Exception) -> JSONResponse:
        return refuse(
            400, "the body of the request is nested too deeply", "send what GET /api/tasks describes"
        )


def openapi_of() -> dict[str, Any]:
    """The OpenAPI description, without starting anything."""
    return create_app(Settings(Path("unused"))).openapi()

"""Run a server until it is told to end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from lift3d.errors import InputError
from lift3d.server.app import create_app
from lift3d.server.janitor import sole_use
from lift3d.server.settings import Settings

HEAD_SECONDS = 20.0
"""Time in which the head of the first request of a connection must arrive."""
MAX_CONNECTIONS = 1000
MAX_HEAD = 32 << 10
"""Bytes of the head of a request."""


class QuietServer(uvicorn.Server):
    """A server that ends the streams of events before it waits for open requests."""

    async def shutdown(self, sockets: Any = None) -> None:
        """End."""
        jobs = getattr(self.config.app.state, "jobs", None)  # type: ignore[union-attr]
        if jobs is not None:
            jobs.close()
        await super().shutdown(sockets)


class PatientProtocol(H11Protocol):
    """HTTP, with an end to the patience for clients that connect and do not ask."""

    def connection_made(self, transport: Any) -> None:
        """Start the clock."""
        super().connection_made(transport)
        self._impatience = self.loop.call_later(HEAD_SECONDS, self._close_if_silent)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop it."""
        self._impatience.cancel()
        super().connection_lost(exc)

    def _close_if_silent(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


def serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM. ready: called with the address once requests are answered.

    Raises InputError where the address or the data folder cannot be used."""
    with sole_use(settings.data):
        listener = _listen(settings)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        address = f"http://{host}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            create_app(settings), http=PatientProtocol, log_level="warning", access_log=False, server_header=False,
            timeout_keep_alive=30, timeout_graceful_shutdown=3, limit_concurrency=MAX_CONNECTIONS,
            h11_max_incomplete_event_size=MAX_HEAD, backlog=256, ws="none", lifespan="on",
        )  # fmt: skip
        server = QuietServer(config)

        async def run() -> None:
            task = asyncio.create_task(server.serve([listener]))
            while not server.started and not task.done():
                await asyncio.sleep(0.01)
            if server.started:
                ready(address)
            await task

        try:
            asyncio.run(run())
        except KeyboardInterrupt:
            return


def _listen(settings: Settings) -> socket.socket:
    """A listening socket."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except socket.gaierror as error:
        raise InputError(f"{settings.host} is not an address of this machine", "leave --host out") from error
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"port {settings.port} of {settings.host} cannot be used: {reason.lower()}",
            "choose another with --port, or stop what uses it",
        ) from error
    return listener

"""Who may call, and what browsers may do: a middleware around the whole application.

- The `Host` header must name this server, so that a web page cannot reach it by a name of its own (DNS rebinding).
- With a token, each request must carry it, in `Authorization: Bearer` or in the cookie that `/api/session` sets.
- Requests that change something must come from the server's own page: a foreign `Origin` or `Sec-Fetch-Site` is refused.
- Requests are limited in number for each client, failed tokens more so.
- Every response carries a content security policy without inline script, `nosniff` and `no-referrer`."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import OrderedDict
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lift3d.server.replies import refuse
from lift3d.server.settings import LOCAL_NAMES, Settings

COOKIE = "lift3d_session"
OPEN_PATHS = ("/healthz", "/api/session", "/", "/favicon.ico")
"""Paths that need no token, with those under /page/ and /viewer/, which hold nothing of the users."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self' blob:; "
    "font-src 'self'; media-src 'self' blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
RATE, BURST = 400.0, 800.0
"""Requests a second for each client, and how many may come at once."""
CHANGE_RATE, CHANGE_BURST = 20.0, 600.0
"""The same for requests that change something."""
GUESS_RATE, GUESS_BURST = 1 / 12, 10.0
"""The same for wrong tokens."""
MAX_CLIENTS = 4096


def session_value(token: str) -> str:
    """The value of the cookie: it proves the token without containing it."""
    return hmac.new(token.encode(), b"lift3d session", hashlib.sha256).hexdigest()


class Buckets:
    """Token buckets for each client, the latest MAX_CLIENTS of them."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, amount: float = 1.0) -> bool:
        """Whether the client may go on; takes `amount` from its bucket if so."""
        now = time.monotonic()
        level, then = self._levels.get(client, (self.burst, now))
        level = min(self.burst, level + (now - then) * self.rate)
        enough = level >= amount
        self._levels[client] = (level - amount if enough else level, now)
        self._levels.move_to_end(client)
        while len(self._levels) > MAX_CLIENTS:
            self._levels.popitem(last=False)
        return enough


class Security:
    """The middleware."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self.requests = Buckets(RATE, BURST)
        self.changes = Buckets(CHANGE_RATE, CHANGE_BURST)
        self.guesses = Buckets(GUESS_RATE, GUESS_BURST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        refused = self._refusal(scope)
        await (refused if refused is not None else self.app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Any:
        """The response that refuses the request, or None."""
        headers = Headers(scope=scope)
        client = scope["client"][0] if scope.get("client") else "unknown"
        if not self.requests.take(client):
            return refuse(429, "too many requests came from this address", "wait a second")
        if not self._host_is_ours(headers.get("host", "")):
            return refuse(
                421, "this server has another name", "use the address that lift3d serve has printed"
            )
        changes = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if changes and not self._is_same_origin(headers):
            return refuse(403, "the request comes from another web page", "use the page of this server")
        if changes and not self.changes.take(client):
            return refuse(429, "too many requests came from this address", "wait some seconds")
        path = scope["path"]
        if self.settings.token is None or path in OPEN_PATHS or path.startswith(("/page/", "/viewer/")):
            return None
        if self.is_authorised(headers):
            return None
        if headers.get("authorization") or COOKIE in headers.get("cookie", ""):
            if not self.guesses.take(client):
                return refuse(429, "too many wrong tokens came from this address", "wait a minute")
            return refuse(401, "the token is wrong", "give the one in the server's token file")
        return refuse(401, "the request has no token", "send it as Authorization: Bearer TOKEN")

    def is_authorised(self, headers: Headers) -> bool:
        """Whether the headers carry the token or its cookie."""
        token = self.settings.token
        if token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and same(given.strip(), token):
            return True
        cookie: SimpleCookie = SimpleCookie()
        try:
            cookie.load(headers.get("cookie", ""))
        except CookieError:
            return False
        return COOKIE in cookie and same(cookie[COOKIE].value, session_value(token))

    def _host_is_ours(self, host: str) -> bool:
        """Whether the Host header is an address of this server. A server that others can reach has names that it cannot know."""
        if not self.settings.is_local:
            return True
        return (urlsplit(f"//{host}").hostname or "") in LOCAL_NAMES if _is_plain(host) else False

    def _is_same_origin(self, headers: Headers) -> bool:
        """Whether a browser says that the request comes from this server's page; other programs say nothing, and are served."""
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = headers.get("origin")
        return origin is None or urlsplit(origin).netloc == headers.get("host", "")


def _is_plain(host: str) -> bool:
    """Whether a Host header has no characters that would confuse its parser."""
    return 0 < len(host) < 256 and not set(host) & set("/\\@?# \t")


def same(a: str, b: str) -> bool:
    """Whether two secrets are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(a.encode(errors="replace"), b.encode(errors="replace"))

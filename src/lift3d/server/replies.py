"""Responses with an error: the same sentences as those of the command line."""

from __future__ import annotations

from starlette.responses import JSONResponse

from lift3d.errors import Lift3dError


def refuse(status: int, cause: str, advice: str = "") -> JSONResponse:
    """A response with an error."""
    text = f"{cause}: {advice}." if advice else f"{cause}."
    headers = {"retry-after": "5"} if status in (429, 503) else {}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return JSONResponse({"error": {"cause": cause, "advice": advice, "text": text}}, status, headers)


def explain(error: Lift3dError, status: int = 400) -> JSONResponse:
    """A response that says what an error says."""
    return refuse(status, error.cause, error.advice)

"""Errors of the REST interface, and what the checks of requests say, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lift3d.errors import InputError


class NotFound(InputError):
    """Something that does not exist, or no longer."""


def plain_validation(errors: Sequence[Any]) -> InputError:
    """The first error of a validation as a sentence."""
    first = errors[0] if errors else {}
    place = ".".join(str(part) for part in first.get("loc", ()) if part not in ("body", "query", "path"))
    name = place or "the request"
    kind, context = first.get("type", ""), first.get("ctx", {})
    if kind == "extra_forbidden":
        return InputError(f"there is no option {name}"[:120], "GET /api/tasks lists the options of each task")
    if kind == "missing":
        return InputError(f"{name} is missing", "the page /page/api.html describes each request")
    if kind == "json_invalid":
        return InputError("the body of the request is not JSON", "send it as application/json")
    if kind == "value_error":
        cause, _, advice = str(context.get("error", first.get("msg", ""))).partition(": ")
        return InputError(f"{name}: {cause}"[:300], advice or "give another value")
    if kind == "string_pattern_mismatch" and name in ("job", "upload"):
        return InputError(f"there is no such {name}", "it may have been deleted, or have expired")
    if kind in ("model_attributes_type", "dict_type", "model_type"):
        return InputError(
            f"{name} is not an object of names and values", "the page /page/api.html describes each request"
        )
    given = repr(first.get("input", ""))[:60]
    wanted = str(first.get("msg", "")).removeprefix("Input ").removeprefix("Value ")
    return InputError(f"{name} is {given}", f"it {wanted}"[:300] if wanted else "give another value")

"""Errors that name the cause, with its evidence, and what to try next."""

from __future__ import annotations


class Lift3dError(Exception):
    """A failure that the user can act on; the command line prints it as one sentence and exits with status 2.

    cause: what was wrong, including the evidence; advice: what to try next.
    """

    def __init__(self, cause: str, advice: str = "") -> None:
        self.cause = cause.strip().rstrip(".")
        self.advice = advice.strip().rstrip(".")
        super().__init__(str(self))

    def __str__(self) -> str:
        if not self.advice:
            return f"{self.cause}."
        return f"{self.cause}: {self.advice}" + ("" if self.advice.endswith("?") else ".")


class Lift3dWarning(UserWarning):
    """Something in a file that could not be used, where a function has no report to say it in."""


class InputError(Lift3dError):
    """A file or option that cannot be used."""


class CaptureError(Lift3dError):
    """The photos are readable, but no model can be reconstructed from them."""


class SolidError(Lift3dError):
    """A mesh that is not solid and cannot be made solid."""


class MissingExtra(Lift3dError):
    """An optional dependency is not installed; the message names the extra that installs it."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs an optional dependency that is not installed", f"pip install 'lift3d[{extra}]'"
        )


def damaged_file(name: str, what: str) -> InputError:
    """The error that readers raise for the file called `name`; `what` is the rest of the sentence ("is cut short")."""
    return InputError(f"{name} {what}", "export it again from the program that wrote it")

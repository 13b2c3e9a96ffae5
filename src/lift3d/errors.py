"""Failure is a diagnosis: what was wrong, the evidence, what to try next."""

from __future__ import annotations


class Lift3dError(Exception):
    """A failure that the user can act on; the command line prints it as one sentence and exits with 2.

    cause: what was wrong, with the evidence in it; advice: what to try next.
    """

    def __init__(self, cause: str, advice: str = "") -> None:
        self.cause = cause.strip().rstrip(".")
        self.advice = advice.strip().rstrip(".")
        super().__init__(str(self))

    def __str__(self) -> str:
        if not self.advice:
            return f"{self.cause}."
        return f"{self.cause}: {self.advice}" + ("" if self.advice.endswith("?") else ".")


class InputError(Lift3dError):
    """A file or option that cannot be used."""


class CaptureError(Lift3dError):
    """The photos are readable, but no reconstruction can be made of them."""


class SolidError(Lift3dError):
    """A mesh that cannot be made (or is not) solid."""


class MissingExtra(Lift3dError):
    """An optional part is not installed; names the extra that brings it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional part", f"pip install 'lift3d[{extra}]'")


def damaged_file(name: str, what: str) -> InputError:
    """The error of every reader: what is wrong with the file called `name`."""
    return InputError(f"{name} {what}", "export it again from the program it came from")

"""Old names of options, which still work but are not shown in the help."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

RENAMED = {
    "generate": {
        "--kinds": "--categories",
        "--among": "--candidates",
        "--mirror": "--symmetric",
        "--no-mirror": "--no-symmetric",
        "--outline": "--layout",
        "--no-outline": "--no-layout",
    },
    "interpolate": {"--way": "--path"},
    "mask": {"--only": "--mask-only"},
    "evaluate": {"--plain": "--baseline"},
}
"""Command -> old option -> new option."""


def current_names(command: str, words: list[str]) -> list[str]:
    """The words of a command line with old option names replaced, as `--old`, `--old=value`; words after `--` stay."""
    renamed = RENAMED.get(command, {})
    options = words[: words.index("--")] if "--" in words else words
    current = []
    for word in options:
        name, equals, value = word.partition("=")
        current.append(renamed.get(name, name) + equals + value)
    return current + words[len(options) :]


class RenamingCommand(TyperCommand):
    """A command that accepts the old names of its options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words of the command line after replacing old names."""
        return super().parse_args(ctx, current_names(self.name or "", args))

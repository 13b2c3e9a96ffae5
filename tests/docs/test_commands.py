"""Every command on the pages parses, and every option of every command is documented on its page."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer
from doc_pages import PAGES, ROOT, commands_of, fenced, text_of

from lift3d.cli import app

PROGRAM: Any = typer.main.get_command(app)
COMMANDS = sorted(
    {
        (page.relative_to(ROOT).as_posix(), tuple(words))
        for page in PAGES
        for _, language, content in fenced(page)
        if not language
        for words in commands_of(content)
    }
)
PLACEHOLDERS = {"SOURCES...", "[options]"}
PAGE_OF = {
    "reconstruct": "photos", "mask": "masks", "check": "meshes", "repair": "meshes", "convert": "meshes",
    "texture": "meshes",
    "complete": "complete", "generate": "shapes", "interpolate": "shapes", "classify": "classify", "index": "search",
    "search": "search", "export": "export", "render": "render", "view": "view", "lithophane": "reliefs", "relief": "reliefs",
    "train": "training", "evaluate": "training", "maps": "how_it_works",
    "corpus build": "corpus", "corpus show": "corpus", "corpus photographs": "corpus",
    "corpus shapes": "corpus", "corpus render": "pictures",
    "volume": "medical", "segment": "medical", "measure": "medical",
    "depth": "depth", "explain": "explain", "tune": "tune", "corpus scenes": "pictures", "serve": "serve",
}  # fmt: skip
"""The page that documents a command completely."""


def resolve(words: list[str]) -> tuple[str, Any, list[str]]:
    """(name, command, its arguments) of the words after `lift3d`."""
    command, rest, name = PROGRAM, list(words), []
    while hasattr(command, "list_commands") and rest and not rest[0].startswith("-"):
        context = command.context_class(command, info_name="lift3d")
        name.append(rest.pop(0))
        assert name[-1] in command.list_commands(context), f"there is no command {' '.join(name)}"
        command = command.get_command(context, name[-1])
    return " ".join(name), command, rest


def parse(words: list[str]) -> None:
    """Raise the parser's error for an unknown option, a missing value or a surplus argument."""
    name, command, rest = resolve(words)
    context = command.context_class(command, info_name=name)
    _, surplus, _ = command.make_parser(context).parse_args(args=rest)
    assert not surplus, f"surplus arguments {surplus}"


@pytest.mark.parametrize(
    ("page", "words"), COMMANDS, ids=lambda value: " ".join(value) if isinstance(value, tuple) else value
)
def test_command_parses(page: str, words: tuple[str, ...]) -> None:
    parse(list(words))


def test_the_pages_have_commands_and_wrong_ones_are_found() -> None:
    assert len(COMMANDS) >= 60
    for wrong in (
        ["reconstruct", "a", "--heigth", "3cm"],
        ["convert", "a", "b", "c"],
        ["render", "a", "--views"],
    ):
        with pytest.raises(
            Exception, match="(?i)no such option|surplus|unexpected extra|requires an argument"
        ):
            parse(wrong)
    with pytest.raises(AssertionError, match="no command"):
        parse(["reconstrukt"])


@pytest.mark.parametrize("name", sorted(PAGE_OF))
def test_options_are_documented(name: str) -> None:
    page = text_of(ROOT / "docs" / f"{PAGE_OF[name]}.md")
    _, command, _ = resolve(name.split())
    for parameter in command.params:
        if (
            parameter.param_type_name != "option"
            or "--help" in parameter.opts
            or getattr(parameter, "hidden", False)
        ):
            continue
        longest = max([*parameter.opts, *parameter.secondary_opts], key=len)
        assert re.search(rf"(?<![\w-]){re.escape(longest)}(?![\w-])", page), (
            f"{longest} is not on {PAGE_OF[name]}.md"
        )


def test_every_command_is_on_a_page() -> None:
    pages = "\n".join(text_of(page) for page in PAGES)
    context = PROGRAM.context_class(PROGRAM, info_name="lift3d")
    for name in PROGRAM.list_commands(context):
        command = PROGRAM.get_command(context, name)
        below = (
            [f"{name} {sub}" for sub in command.list_commands(context)]
            if hasattr(command, "list_commands")
            else [name]
        )
        for full in below:
            assert full in PAGE_OF or f"lift3d {full}" in pages, full


@pytest.mark.slow  # imports torch and every task
def test_options_of_training_runs_exist() -> None:
    pytest.importorskip("torch")
    from typer.testing import CliRunner

    for words in sorted({words for _, words in COMMANDS if words[0] == "train" and "--set" in words}):
        listed = CliRunner().invoke(app, ["train", words[1], "--options"]).output
        known = {line.split()[0] for line in listed.splitlines() if line.strip()}
        given = {words[k + 1].partition("=")[0] for k, word in enumerate(words) if word == "--set"}
        assert given <= known, f"{words[1]} has no option {given - known}"

"""Commands are imported on demand, and the list of commands says the same as their own help."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module

import pytest
from typer.testing import Result

from lift3d.cli.console.lazy import COMMANDS, load_command


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_has_the_first_sentence_of_their_help(name: str) -> None:
    module, sentence = COMMANDS[name]
    found = getattr(import_module(f"lift3d.cli.{module}"), "app" if name == "corpus" else name)
    text = found.info.help if name == "corpus" else inspect.getdoc(found)
    assert re.split(r"(?<=\.) ", " ".join(text.split()))[0] == sentence


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(run: Callable[..., Result], name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0 and COMMANDS[name][1].split()[0] in result.stdout
    options = [line for line in result.stdout.splitlines() if re.match(r"\s+(-|\[|\{)", line)]
    assert options, "every command has an argument or an option beside --help"


@pytest.mark.parametrize("name", ["build", "show", "render", "photographs"])
def test_every_command_of_the_corpus_has_help(run: Callable[..., Result], name: str) -> None:
    result = run("corpus", name, "--help")
    assert result.exit_code == 0 and "Usage:" in result.stdout


def test_every_option_has_a_help_sentence() -> None:
    bare = []
    for name in COMMANDS:
        command = load_command(name)
        for each in getattr(command, "commands", {name: command}).values():
            bare += [(name, p.name) for p in each.params if not getattr(p, "help", "") and p.name != "help"]
    assert bare == []


def test_an_unknown_command_is_no_command() -> None:
    with pytest.raises(KeyError):
        load_command("fly")


def test_help_imports_no_command_and_nothing_heavy() -> None:
    code = (
        "import sys\nfrom lift3d.cli import main\nsys.argv = ['lift3d', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = ('numpy', 'scipy', 'numba', 'trimesh', 'PIL', 'torch', 'rich')\n"
        "loaded = [m for m in sys.modules if m.split('.')[0] in heavy or m.startswith('lift3d.')]\n"
        "print(sorted(loaded), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in COMMANDS)
    assert done.stderr.strip() == (
        "['lift3d.cli', 'lift3d.cli.console', 'lift3d.cli.console.lazy', "
        "'lift3d.runtime', 'lift3d.runtime.waiting', 'lift3d.version']"
    )


def test_a_misspelt_command_gets_a_hint() -> None:
    done = subprocess.run([sys.executable, "-m", "lift3d", "rendr"], capture_output=True, text=True)
    assert done.returncode == 2 and "Did you mean 'render'?" in done.stderr and done.stdout == ""

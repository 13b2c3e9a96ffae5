"""Old names of options are accepted and not shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import Result

from lift3d.cli.console.lazy import load_command
from lift3d.cli.console.renamed import RENAMED, current_names


@pytest.mark.parametrize("command", RENAMED)
def test_new_names_exist_and_old_ones_do_not(run: Callable[..., Result], command: str) -> None:
    known = {name for p in load_command(command).params for name in (*p.opts, *p.secondary_opts)}
    for old, new in RENAMED[command].items():
        assert new in known and old not in known
        assert old not in run(command, "--help").stdout.split()


def test_words_are_replaced_with_and_without_a_value() -> None:
    words = ["--among", "3", "--way=flow", "--no-mirror", "--among=5", "--", "--among"]
    assert current_names("generate", words) == [
        "--candidates", "3", "--way=flow", "--no-symmetric", "--candidates=5", "--", "--among",
    ]  # fmt: skip
    assert current_names("interpolate", ["--way=flow", "--way", "x"]) == ["--path=flow", "--path", "x"]
    assert current_names("render", words) == words and current_names("generate", []) == []


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.sampled_from(["-o", "x", "--size=3", "--amongst", "among", "--", "--kind", "=--among"]), max_size=5
    )
)
def test_other_words_are_left_alone(words: list[str]) -> None:
    assert current_names("generate", words) == words


def test_an_old_option_reaches_the_command(refused: Callable[..., str]) -> None:
    assert "--candidates is 0" in refused("generate", "chair", "-o", "out", "--among", "0")
    assert "no path called x" in refused("interpolate", "a.stl", "b.stl", "-o", "out", "--way", "x")

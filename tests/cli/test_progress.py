"""Progress on stderr: lines where there is no terminal, an estimate that never goes backwards, silence when quiet."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.cli import sentence
from lift3d.cli.console import bars as module
from lift3d.cli.console import errors
from lift3d.cli.console.bars import Bars
from lift3d.cli.console.progress import Show
from lift3d.runtime.time_left import PREDICTED_SHARES, STEP_LABELS, TIME_SHARES, Estimate


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(STEP_LABELS)), st.floats(0, 1)), max_size=12))
def test_the_fraction_done_never_decreases_and_reaches_one(steps: list[tuple[str, float]]) -> None:
    estimate, last = Estimate(), 0.0
    for step, fraction in steps:
        whole = estimate.update(step, fraction)
        assert last <= whole <= 1 + 1e-12
        last = whole
    assert estimate.update("output", 1.0) == pytest.approx(1)


def test_labels_and_shares_name_the_same_steps() -> None:
    assert list(STEP_LABELS) == list(TIME_SHARES) and set(PREDICTED_SHARES) < set(STEP_LABELS)


def test_a_prediction_has_shares_of_its_own() -> None:
    estimate = Estimate()
    estimate.update("photos", 1.0)
    assert estimate.update("shape", 0.0) < 0.05 and estimate.update("surface", 0.0) < 0.3


def test_time_left_is_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    estimate = Estimate()
    assert estimate.seconds_left(0.5) is None, "too early"
    now[0] += 30
    assert estimate.seconds_left(0.01) is None and estimate.seconds_left(0.25) == pytest.approx(90)


def test_lines_off_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(Bars, "announce_compilation", lambda self: None)
    with Bars() as bars:
        bars.step("models", 0.1)
        bars.step("models", 0.2)  # too soon for another line
        now[0] += module.LINE_INTERVAL
        bars.step("models", 0.5)
        bars.step("models", 1.0)
        bars.say("a sentence")
    assert capsys.readouterr().err.splitlines() == [
        "models: 10 %",
        "models: 50 %",
        "models: 100 %",
        "a sentence",
    ]
    with Show() as show:
        show.step("photos", 0.5)
        show.step("photos", 1.0)
        show.step("cameras", 0.0)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" (")[0] for line in lines] == [STEP_LABELS["photos"], STEP_LABELS["cameras"]]


def test_quiet_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    for kind in (Bars, Show):
        with kind(quiet=True) as shown:
            shown.step("photos", 0.5)
            shown.say("a sentence")
    output = capsys.readouterr()
    assert output.err == output.out == ""


@pytest.mark.parametrize(
    ("message", "plain"),
    [
        ("Missing option '-o'.", "missing option '-o'"),
        ("Input should be a valid integer, unable to parse", "give a whole number"),
        ("Input should be greater than or equal to 1", "give 1 or more"),
        ("Two\n  lines.", "two lines"),
    ],
)
def test_messages_of_the_parser_in_plain_words(message: str, plain: str) -> None:
    assert sentence(message) == plain


def test_exit_codes_differ() -> None:
    assert len({errors.FAILED, errors.INTERRUPTED, errors.TERMINATED, 0, 1}) == 5

"""Every error is one sentence with its cause and its advice."""

from __future__ import annotations

import pickle

import pytest

from lift3d.errors import CaptureError, InputError, Lift3dError, MissingExtra, SolidError, damaged_file


@pytest.mark.parametrize(
    ("cause", "advice", "text"),
    [
        ("a.png is empty", "", "a.png is empty."),
        ("a.png is empty.", "copy it again.", "a.png is empty: copy it again."),
        (" a.png is empty ", " copy it again ", "a.png is empty: copy it again."),
        ("there are no photos", "did you mean b?", "there are no photos: did you mean b?"),
    ],
)
def test_cause_and_advice_form_one_sentence(cause: str, advice: str, text: str) -> None:
    error = Lift3dError(cause, advice)
    assert str(error) == text and error.args == (text,)


@pytest.mark.parametrize("kind", [InputError, CaptureError, SolidError])
def test_all_errors_share_one_base(kind: type[Lift3dError]) -> None:
    with pytest.raises(Lift3dError, match="cause: advice"):
        raise kind("cause", "advice")


def test_a_missing_extra_says_how_to_install_it() -> None:
    assert "pip install 'lift3d[video]'" in str(MissingExtra("reading videos", "video"))


def test_a_damaged_file_is_named() -> None:
    error = damaged_file("a.ply", "is cut short")
    assert isinstance(error, InputError) and error.cause == "a.ply is cut short" and error.advice


def test_an_error_returns_from_another_process() -> None:
    assert isinstance(pickle.loads(pickle.dumps(InputError("cause", "advice"))), InputError)

"""Animations: frames, timing, and refusals."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.errors import InputError, MissingExtra
from lift3d.io.image.animation import write_animation


def frames(count: int = 4, height: int = 34, width: int = 47) -> list[np.ndarray]:
    ramp = np.linspace(0, 255, width).astype(np.uint8)
    return [np.dstack([np.tile(np.roll(ramp, 9 * i), (height, 1))] * 3) for i in range(count)]


@pytest.mark.parametrize(("rate", "milliseconds"), [(10, 100), (24, 40), (100, 20), (1, 1000)])
def test_a_gif_holds_all_frames_at_the_rate(tmp_path: Path, rate: int, milliseconds: int) -> None:
    write_animation(tmp_path / "a.gif", frames(), rate)
    with Pil.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 4 and gif.size == (47, 34) and gif.info["loop"] == 0
        durations = []
        for i in range(4):
            gif.seek(i)
            durations.append(gif.info["duration"])
        assert durations == [milliseconds] * 4
        gif.seek(0)
        assert np.abs(np.asarray(gif.convert("RGB"), int) - frames()[0]).mean() < 8


def test_an_mp4_has_even_sides_and_all_frames(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    write_animation(tmp_path / "a.mp4", frames(6), 12)
    with av.open(str(tmp_path / "a.mp4")) as video:
        decoded = list(video.decode(video=0))
        assert len(decoded) == 6 and (decoded[0].width, decoded[0].height) == (46, 34)
        assert float(video.streams.video[0].average_rate) == pytest.approx(12)


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.gif", "b.gif"):
        write_animation(tmp_path / name, iter(frames()))
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


@pytest.mark.parametrize("name", ["a.avi", "a", "a.png"])
def test_other_formats_are_refused_before_the_frames(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="not an animation"):
        write_animation(tmp_path / name, (pytest.fail("rendered") for _ in range(1)))


def test_mp4_without_pyav_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def without(name: str, *rest, **more):  # type: ignore[no-untyped-def]
        if name == "av":
            raise ImportError(name)
        return load(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"lift3d\[video\]"):
        write_animation(tmp_path / "a.mp4", frames())


def test_nothing_is_left_when_a_frame_fails(tmp_path: Path) -> None:
    def failing():  # type: ignore[no-untyped-def]
        yield frames()[0]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_animation(tmp_path / "a.gif", failing())
    assert not list(tmp_path.iterdir())

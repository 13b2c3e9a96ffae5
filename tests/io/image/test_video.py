"""Keyframes are sharp, evenly spread along the path, upright; a camera at rest adds none."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageFilter

from lift3d.context import Context
from lift3d.errors import CaptureError, InputError, MissingExtra
from lift3d.io.image.keyframes import FrameMeasure, select_keyframes, sharpness
from lift3d.io.image.video import read_video

WIDTH, HEIGHT, FPS = 320, 180, 30


def wall() -> np.ndarray:
    """A wide picture with detail at every scale."""
    rng = np.random.default_rng(0)
    total = np.zeros((HEIGHT, 2000, 3))
    for step, weight in ((2, 0.3), (8, 0.3), (30, 0.4)):
        small = rng.integers(0, 255, (HEIGHT // step, 2000 // step, 3)).astype(np.uint8)
        total += weight * np.asarray(Pil.fromarray(small).resize((2000, HEIGHT), Pil.Resampling.BICUBIC))
    return total.astype(np.uint8)


def film(path: Path, at: Callable[[int], float], frames: int, blurred: frozenset[int] = frozenset()) -> Path:
    """A camera that looks at the wall from x = at(frame), with sensor noise."""
    av = pytest.importorskip("av")
    rng, background = np.random.default_rng(1), wall()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", 8_000_000
        for i in range(frames):
            x = round(at(i))
            view = Pil.fromarray(background[:, x : x + WIDTH])
            if i in blurred:
                view = view.filter(ImageFilter.GaussianBlur(4))
            noisy = np.clip(np.asarray(view) + rng.normal(0, 2, (HEIGHT, WIDTH, 1)), 0, 255).astype(np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(noisy, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def uneven(i: int) -> float:
    """Fast, then slow, then at rest."""
    return 12 * i if i < 30 else 360 + 3 * (i - 30) if i < 60 else 450


@pytest.mark.slow
def test_keyframes_are_evenly_spread_and_sharp(tmp_path: Path) -> None:
    blurred = frozenset(range(5, 90, 3))
    path = film(tmp_path / "walk.mp4", uneven, 90, blurred)
    context = Context()
    photos = read_video(path, count=12, context=context)
    report = context.report["read_video"]
    chosen = [round(k["time"] * FPS) for k in report["keyframes"]]
    assert photos.ordered and len(photos) == len(chosen) >= 10
    assert not blurred & set(chosen)
    steps = np.diff([uneven(i) for i in chosen])
    assert steps.min() >= 8 and steps.max() <= 2.5 * np.median(steps)
    assert max(chosen) <= 62  # nothing of the rest but its beginning
    assert report["frames"] == 90 and report["path_in_widths"] == pytest.approx(450 / WIDTH, rel=0.15)
    assert report["inputs"][0]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [i.name for i in photos.images] == [k["name"] for k in report["keyframes"]]
    for image, frame in zip(photos.images, chosen):
        x = round(uneven(frame))
        assert np.abs(image.pixels.astype(int) - wall()[:, x : x + WIDTH]).mean() < 12


@pytest.mark.slow
def test_the_same_video_gives_the_same_photos(tmp_path: Path) -> None:
    path = film(tmp_path / "walk.mp4", lambda i: 6 * i, 40)
    a, b = read_video(path, count=6), read_video(path, count=6)
    assert len(a) == 6 and all(
        (x.pixels == y.pixels).all() and x.name == y.name for x, y in zip(a.images, b.images)
    )


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.slow
def test_rotation_is_honoured(tmp_path: Path, turns: int) -> None:
    path = film(tmp_path / "walk.mp4", lambda i: 6 * i, 20)
    plain = read_video(path, count=4)
    data = bytearray(path.read_bytes())
    one = 1 << 16
    # display matrices of the track header, quarter turns clockwise
    a, b, c, d = {1: (0, one, -one, 0), 2: (-one, 0, 0, -one), 3: (0, -one, one, 0)}[turns]
    at = data.index(struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, 1 << 30), data.index(b"tkhd"))
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    context = Context()
    turned = read_video(path, count=4, context=context)
    assert all((np.rot90(p.pixels, -turns) == t.pixels).all() for p, t in zip(plain.images, turned.images))
    record = context.report["read_video"]["inputs"][0]
    assert (record["width"], record["height"]) == (turned.images[0].width, turned.images[0].height)


def test_size_and_memory_are_bounded(tmp_path: Path) -> None:
    path = film(tmp_path / "walk.mp4", lambda i: 6 * i, 20)
    assert read_video(path, count=4, max_size=160).images[0].pixels.shape == (90, 160, 3)
    budget = 4 * 4 * 3 * 160 * 90
    photos = read_video(path, count=4, context=Context(memory_budget=budget))
    assert sum(i.pixels.nbytes for i in photos.images) <= budget // 4


def test_a_camera_at_rest_is_a_diagnosis(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"hardly moves in still\.mp4"):
        read_video(film(tmp_path / "still.mp4", lambda i: 100, 30))


def test_unreadable_videos(tmp_path: Path) -> None:
    pytest.importorskip("av")
    good = film(tmp_path / "good.mp4", lambda i: 6 * i, 20).read_bytes()
    for name, data in (("text.mp4", b"hello"), ("empty.mp4", b""), ("cut.mp4", good[: len(good) // 2])):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=name) as caught:
            read_video(tmp_path / name)
        assert "\n" not in str(caught.value)
    for place in (tmp_path / "none.mp4", tmp_path):
        with pytest.raises(InputError, match="there is no video"):
            read_video(place)


def test_a_file_without_pictures(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    with pytest.raises(InputError, match="holds no video"):
        read_video(tmp_path / "sound.mp4")


@pytest.mark.slow
def test_damaged_videos_give_photos_or_a_sentence(tmp_path: Path) -> None:
    good = film(tmp_path / "good.mp4", lambda i: 6 * i, 20).read_bytes()
    rng = np.random.default_rng(2)
    for _ in range(25):
        data = bytearray(good)
        for at in rng.integers(0, len(data), 20):
            data[at] = rng.integers(0, 256)
        (tmp_path / "bad.mp4").write_bytes(data)
        try:
            assert len(read_video(tmp_path / "bad.mp4", count=5)) >= 3
        except (InputError, CaptureError) as error:
            assert "\n" not in str(error)


def test_without_its_extra_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    (tmp_path / "a.mp4").write_bytes(b"x")
    with pytest.raises(MissingExtra, match=r"lift3d\[video\]"):
        read_video(tmp_path / "a.mp4")


def test_sharpness_falls_with_blur_and_not_with_brightness() -> None:
    view = Pil.fromarray(wall()[:, :WIDTH]).convert("L")
    values = [
        sharpness(np.asarray(view.filter(ImageFilter.GaussianBlur(s)), np.float32)) for s in (0, 1, 2, 4)
    ]
    assert values == sorted(values, reverse=True) and values[0] > 10 * values[-1]
    assert sharpness(np.asarray(view, np.float32) * 0.5) == pytest.approx(values[0], rel=0.1)
    assert sharpness(np.full((50, 50), 7, np.float32)) == 0


def test_choice_never_repeats_and_never_exceeds_the_count() -> None:
    rng = np.random.default_rng(0)
    for count in (1, 3, 10, 500):
        path = np.cumsum(rng.random(200) * 3)
        measures = [FrameMeasure(i, i / 30, float(rng.random()), float(p)) for i, p in enumerate(path)]
        chosen = select_keyframes(measures, count)
        indices = [m.index for m in chosen]
        assert indices == sorted(set(indices)) and 1 <= len(chosen) <= count

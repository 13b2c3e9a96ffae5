"""Frames of PyAV as pictures: tags are respected, HDR is mapped and said, what cannot be shown is one sentence."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

av = pytest.importorskip("av")

from lift3d.errors import InputError
from lift3d.geometry.image import video_colour as vc
from lift3d.geometry.image.colour_space import srgb_to_linear
from lift3d.io.image.video import read_video
from lift3d.io.image.video_frames import (
    Signal,
    display_orientation,
    frame_to_srgb,
    frame_warnings,
    is_dolby_vision_only,
    require_supported,
    video_signal,
)

WIDTH, HEIGHT = 192, 128
PATCHES = np.array([[200, 40, 40], [40, 180, 40], [40, 40, 180], [120, 120, 120]], np.float64)


def yuv_frame(signal: np.ndarray, matrix: int, full: bool, bits: int = 10) -> object:
    """A 4:2:0 frame of vertical bars with the R'G'B' signals (N, 3) of `bits` bits."""
    kr, kb = vc.LUMA[matrix]
    y = signal @ [kr, 1 - kr - kb, kb]
    cb, cr = (signal[:, 2] - y) / (2 - 2 * kb), (signal[:, 0] - y) / (2 - 2 * kr)
    unit = 1 << (bits - 8)
    scale, offset, chroma = (255, 0, 255) if full else (219, 16, 224)
    levels = [(offset + scale * y) * unit, (128 + chroma * cb) * unit, (128 + chroma * cr) * unit]
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p" if bits == 8 else "yuv420p10le")
    for plane, values in zip(frame.planes, levels):
        row = np.repeat(np.rint(values), plane.width // len(signal)).astype(np.uint8 if bits == 8 else "<u2")
        rows = np.zeros((plane.height, plane.line_size // row.itemsize), row.dtype)
        rows[:, : plane.width] = row
        plane.update(rows)
    return frame


def bars(pixels: np.ndarray, count: int) -> np.ndarray:
    """The colours in the middles of the bars."""
    step = pixels.shape[1] // count
    return pixels[pixels.shape[0] // 2, step // 2 :: step].astype(float)


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [8, 10])
def test_matrix_and_range_are_respected(matrix: int, full: bool, bits: int) -> None:
    frame = yuv_frame(PATCHES / 255, matrix, full, bits)
    found = frame_to_srgb(frame, Signal(matrix, 1, 1, full), (WIDTH, HEIGHT))
    assert np.abs(bars(found, 4) - PATCHES).max() <= 3


@pytest.mark.parametrize("transfer", [vc.PQ, vc.HLG])
@pytest.mark.parametrize("full", [False, True])
def test_hdr_of_10_bits(transfer: int, full: bool) -> None:
    linear = np.maximum(srgb_to_linear(PATCHES / 255) @ np.linalg.inv(vc.primaries_to_srgb(9)).T, 0)
    table = np.linspace(0, 1, 100_001)
    signal = (
        vc.nits_to_pq(linear * 203) if transfer == vc.PQ
        else np.interp(linear * float(vc.hlg_to_scene(np.array(0.75))), vc.hlg_to_scene(table), table)
    )  # fmt: skip
    frame, how = yuv_frame(signal, 9, full), Signal(9, transfer, 9, full)
    assert np.abs(bars(frame_to_srgb(frame, how, (WIDTH, HEIGHT)), 4) - PATCHES).max() <= 6
    (warning,) = frame_warnings(frame, how)
    assert f"it is HDR ({vc.HDR[transfer]})" in warning


def test_frames_of_rgb_need_no_matrix() -> None:
    pixels = np.repeat(np.repeat(PATCHES.astype(np.uint8)[None], HEIGHT, 0), WIDTH // 4, 1)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    assert np.array_equal(frame_to_srgb(frame, Signal(0, 2, 2, True), (WIDTH, HEIGHT)), pixels)


def stub(name: str = "yuv420p", height: int = 480, **tags: int) -> SimpleNamespace:
    return SimpleNamespace(format=SimpleNamespace(name=name, is_rgb=False), width=640, height=height, **tags)


def test_tags_of_the_frame_then_of_the_stream_then_the_size() -> None:
    codec = SimpleNamespace(colorspace=9, color_trc=18, color_primaries=9)
    assert video_signal(stub(colorspace=1, color_trc=2), codec) == Signal(1, 18, 9, False)
    nothing = SimpleNamespace()
    assert (
        video_signal(stub(height=576), nothing).matrix == 6
        and video_signal(stub(height=720), nothing).matrix == 1
    )
    assert (
        video_signal(stub("yuvj420p"), nothing).full_range
        and video_signal(stub(color_range=2), nothing).full_range
    )
    assert not video_signal(stub(color_range=1), nothing).full_range


@pytest.mark.parametrize(
    ("matrix", "what"), [(14, "ICtCp"), (15, "IPT-C2"), (11, "SMPTE 2085"), (99, "number 99")]
)
def test_matrices_that_are_not_ours(matrix: int, what: str) -> None:
    with pytest.raises(InputError, match=f"a.mp4 encodes its colours by the matrix {what}"):
        require_supported(stub(), Signal(matrix, 16, 9, False), "a.mp4")


def test_dolby_vision_without_a_base() -> None:
    def stream(tag: str, transfer: int) -> SimpleNamespace:
        return SimpleNamespace(codec_context=SimpleNamespace(codec_tag=tag, color_trc=transfer))

    assert is_dolby_vision_only(stream("dvh1", 2)) and not is_dolby_vision_only(stream("dvh1", 18))
    assert not is_dolby_vision_only(stream("hvc1", 2))


@pytest.mark.parametrize(
    ("matrix", "orientation"),
    [((1, 0, 0, 1), 1), ((-1, 0, 0, 1), 2), ((-1, 0, 0, -1), 3), ((1, 0, 0, -1), 4), ((0, 1, 1, 0), 5), ((0, 1, -1, 0), 6),
     ((0, -1, -1, 0), 7), ((0, -1, 1, 0), 8)],
)  # fmt: skip
def test_display_matrices(matrix: tuple[int, ...], orientation: int) -> None:
    a, b, c, d = (x << 16 for x in matrix)
    data = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], "<i4").tobytes()

    class Entry(SimpleNamespace):
        def __bytes__(self) -> bytes:
            return data

    frame = SimpleNamespace(side_data=[Entry(type=SimpleNamespace(name="DISPLAYMATRIX"))])
    assert display_orientation(frame) == orientation
    assert display_orientation(SimpleNamespace(rotation=90)) == 8


def test_interlaced_frames_lose_their_combs() -> None:
    pixels = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    pixels[1::2] = 200
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    wrapped = SimpleNamespace(
        format=frame.format, width=WIDTH, height=HEIGHT, interlaced_frame=True, reformat=frame.reformat
    )
    found = frame_to_srgb(wrapped, Signal(0, 2, 2, True), (WIDTH // 2, HEIGHT // 2))
    assert found.shape == (HEIGHT // 2, WIDTH // 2, 3) and np.abs(found.astype(int) - 40).max() <= 1
    assert "interlaced" in frame_warnings(wrapped, Signal(1, 1, 1, False))[0]


def test_an_hdr_film_from_file_to_photos(tmp_path: Path) -> None:
    """HLG tags of a lossless file: the photos have the colours of the patch, and one warning says what was done."""
    rng = np.random.default_rng(0)
    wide = np.kron(rng.uniform(0.2, 0.6, (HEIGHT // 4, 200, 3)), np.ones((4, 4, 1)))
    path = tmp_path / "walk.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv444p10le"
        context = stream.codec_context
        context.colorspace, context.color_trc, context.color_primaries, context.color_range = 9, 18, 9, 1
        for k in range(12):
            view = wide[:, 6 * k : 6 * k + WIDTH].copy()
            view[40:80, 60:120] = 0.5
            rgb = av.VideoFrame.from_ndarray(np.rint(view * 65535).astype(np.uint16), format="rgb48le")
            frame = rgb.reformat(format="yuv444p10le", src_colorspace=9, dst_colorspace=9, dst_color_range=1)
            frame.colorspace, frame.color_range = 9, 1
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    photos = read_video(path, count=4)
    (warning,) = photos.warnings
    assert warning.startswith("walk.mkv: it is HDR (HLG)")
    want = vc.rgb_to_srgb8(np.full((1, 3), 0.5, np.float32), vc.HLG, 9)[0]
    for image in photos.images:
        assert np.abs(image.pixels[60, 90].astype(int) - want).max() <= 6

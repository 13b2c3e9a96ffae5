"""HEIC files from arrays."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest


def make_heic(rgb: np.ndarray, colours: tuple[int, int, int] | None = None) -> bytes:
    """One HEVC intra picture in a minimal HEIF file (ISO/IEC 23008-12).

    rgb: (H, W, 3) uint8; or uint16 for 10 bits, with colours: (primaries, transfer function, matrix) of ITU-T H.273.
    """
    av = pytest.importorskip("av")
    if "libx265" not in av.codecs_available:
        pytest.skip("this FFmpeg cannot encode HEVC")
    for attempt in range(4):  # the encoder's threads now and then deliver a packet that cannot be stored
        movie = io.BytesIO()
        movie.name = "a.mp4"
        try:
            with av.open(movie, "w", format="mp4") as container:
                one_thread = {"x265-params": "log-level=none:pools=1:frame-threads=1", "crf": "4"}
                stream = container.add_stream("libx265", rate=1, options=one_thread)
                deep = rgb.dtype == np.uint16
                stream.width, stream.height = rgb.shape[1], rgb.shape[0]
                stream.pix_fmt = "yuv420p10le" if deep else "yuv420p"
                stream.codec_context.codec_tag = "hvc1"
                frame = av.VideoFrame.from_ndarray(rgb, format="rgb48le" if deep else "rgb24")
                if colours is not None:
                    frame = frame.reformat(
                        format=stream.pix_fmt, dst_colorspace=colours[2], dst_color_range=1
                    )
                for packet in [*stream.encode(frame), *stream.encode()]:
                    container.mux(packet)
            break
        except av.error.FFmpegError:
            if attempt == 3:
                raise
    data = movie.getvalue()
    at = data.index(b"hvcC") - 4
    config = data[at : at + struct.unpack(">I", data[at : at + 4])[0]]
    at = data.index(b"mdat") - 4
    coded = data[at + 8 : at + struct.unpack(">I", data[at : at + 4])[0]]

    def box(kind: bytes, body: bytes, full: bool = False, flags: int = 0, version: int = 0) -> bytes:
        body = (struct.pack(">I", version << 24 | flags) if full else b"") + body
        return struct.pack(">I", 8 + len(body)) + kind + body

    size = box(b"ispe", struct.pack(">II", rgb.shape[1], rgb.shape[0]), True)
    links = box(b"ipma", struct.pack(">IHB2B", 1, 1, 2, 0x81, 2), True)
    if colours is not None:
        size += box(b"colr", b"nclx" + struct.pack(">HHHB", *colours, 0))
        links = box(b"ipma", struct.pack(">IHB3B", 1, 1, 3, 0x81, 2, 3), True)
    entry = box(b"infe", struct.pack(">HH", 1, 0) + b"hvc1\0", True, version=2)

    def whole(offset: int) -> bytes:
        place = box(b"iloc", struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, offset, len(coded)), True)
        meta = box(
            b"meta",
            box(b"hdlr", bytes(4) + b"pict" + bytes(13), True)
            + box(b"pitm", struct.pack(">H", 1), True)
            + place
            + box(b"iinf", struct.pack(">H", 1) + entry, True)
            + box(b"iprp", box(b"ipco", config + size) + links),
            True,
        )
        return box(b"ftyp", b"heic" + bytes(4) + b"mif1heic") + meta

    head = whole(0)
    return whole(len(head) + 8) + box(b"mdat", coded)

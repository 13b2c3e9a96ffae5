"""Headers of NIfTI, NRRD and MetaImage with arbitrary contents: a volume or an InputError, never anything else."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from volume_files import nifti_bytes

from lift3d.errors import InputError
from lift3d.io.volume.label_maps import read_labels
from lift3d.io.volume.metaimage import TYPES as META_TYPES
from lift3d.io.volume.reading import read_volume

VALUES = np.arange(27, dtype=np.int16).reshape(3, 3, 3)
NUMBERS = st.one_of(
    st.integers(-3, 5).map(str),
    st.floats(width=32).map(str),
    st.sampled_from(["1e400", "-0", "nan", "0x1", "", "9" * 30]),
)
WORDS = st.one_of(NUMBERS, st.text(max_size=12))


def attempt(data: bytes) -> None:
    """Read a file; nothing but InputError may come out."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        for reader in (read_volume, read_labels):
            try:
                volume = reader(path, notes=lambda _: None)
            except InputError as error:
                assert "\n" not in str(error) and all(c.isprintable() for c in str(error))
            else:
                assert np.isfinite(volume.affine).all()


@pytest.mark.slow
@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, 543), st.integers(0, 255)), max_size=12),
    st.sampled_from([1, 2]),
    st.integers(0, 600),
)
def test_nifti(changes: list[tuple[int, int]], version: int, cut: int) -> None:
    data = bytearray(nifti_bytes(VALUES, version=version, codes=(1, 1), quaternion=(0.1, 0.2, 0.3, 1, 2, 3)))
    for at, value in changes:
        data[at % len(data)] = value
    attempt(bytes(data[: len(data) - (cut if cut < 60 else 0)]))


FIELDS = st.sampled_from(
    ["type", "dimension", "sizes", "space", "space directions", "space origin", "spacings", "encoding", "endian", "byte skip",
     "line skip", "data file", "units", "space units", "kinds", "space dimension"]
)  # fmt: skip
VALUES_OF_NRRD = st.one_of(
    WORDS, st.lists(WORDS, max_size=5).map(" ".join), st.lists(NUMBERS, max_size=4).map(lambda n: f"({','.join(n)})"),
    st.sampled_from(["short", "double", "raw", "gzip", "bzip2", "ascii", "RAS", "3", "4", "3 3 3", "3 3 3 1", "none", "little",
                     "(1,0,0) (0,1,0) (0,0,1)", "none (1,0,0) (0,1,0) (0,0,1)", '"mm" "mm" "mm"', "domain domain domain"]),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(st.tuples(FIELDS, VALUES_OF_NRRD), max_size=5), st.binary(max_size=80))
def test_nrrd(changes: list[tuple[str, str]], tail: bytes) -> None:
    fields = {
        "type": "short", "dimension": "3", "space": "LPS", "sizes": "3 3 3", "space directions": "(1,0,0) (0,1,0) (0,0,1)",
        "endian": "little", "encoding": "raw", **dict(changes),
    }  # fmt: skip
    lines = "".join(f"{k}: {v}\n" for k, v in fields.items())
    attempt(b"NRRD0004\n" + lines.encode("utf-8", "replace") + b"\n" + (tail or VALUES.tobytes()))


KEYS = st.sampled_from(
    ["NDims", "DimSize", "ElementType", "ElementSpacing", "TransformMatrix", "Offset", "CompressedData", "BinaryData",
     "HeaderSize", "DistanceUnits", "ElementNumberOfChannels", "ElementDataFile", "BinaryDataByteOrderMSB"]
)  # fmt: skip
VALUES_OF_META = st.one_of(
    WORDS, st.lists(NUMBERS, max_size=10).map(" ".join), st.sampled_from(list(META_TYPES)),
    st.sampled_from(["True", "3 3 3", "4", "LOCAL"]),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(st.tuples(KEYS, VALUES_OF_META), max_size=5), st.binary(max_size=80))
def test_metaimage(changes: list[tuple[str, str]], tail: bytes) -> None:
    fields = {
        "ObjectType": "Image", "NDims": "3", "DimSize": "3 3 3", "ElementType": "MET_SHORT", "ElementSpacing": "1 1 1",
        **dict(changes),
    }  # fmt: skip
    fields.setdefault("ElementDataFile", "LOCAL")
    lines = "".join(f"{k} = {v}\n" for k, v in fields.items())
    attempt(lines.encode("utf-8", "replace") + (tail or VALUES.tobytes()))

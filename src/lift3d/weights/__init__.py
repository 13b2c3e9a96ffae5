"""Weights of the learned mappings: NAME.safetensors in half precision and NAME.json, its card, in this folder or in a run's.

A card holds: mapping, config of the network, parameters, sha256 of the weights, data and licence, the command that trained
them, and metrics on the test split beside the baselines'.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lift3d.errors import InputError, MissingExtra

if TYPE_CHECKING:
    import torch

HERE = Path(__file__).parent
BEST = "best"
KIN = {"autoencoder": ("vae",)}
"""Whose weights fit a mapping beside its own: a variational autoencoder is one."""
MOST = 512 << 20
"""Bytes of a weights file that is read at most."""


@dataclass(frozen=True)
class Weights:
    """name; file; card, as JSON says it."""

    name: str
    file: Path
    card: dict[str, Any]


def models() -> list[Weights]:
    """All that come with the package, by name."""
    return [_read(path, path.with_suffix(".safetensors")) for path in sorted(HERE.glob("*.json"))]


def find(name: str | Path) -> Weights:
    """By name, or by path: a weights file with its card beside it, or a run's folder."""
    path = Path(name).expanduser()
    if path.is_dir():
        path = path / f"{BEST}.safetensors"
    if path.suffix == ".safetensors" and path.is_file():
        return _read(path.with_suffix(".json"), path)
    inside = HERE / f"{str(name).replace('-', '_')}.json"
    if inside.is_file() and inside.parent == HERE:
        return _read(inside, inside.with_suffix(".safetensors"))
    if path.is_file():
        raise InputError(
            f"{name} is no weights file",
            "weights are a .safetensors file with its card beside it, as lift3d train writes them",
        )
    if Path(name).expanduser().is_dir():
        raise InputError(
            f"{name} holds no {BEST}.safetensors", "it is no run's folder, or the run has not validated yet"
        )
    known = ", ".join(w.name for w in models()) or "none in this package"
    raise InputError(
        f"there are no weights called {name}", f"give a run's folder, a .safetensors file, or: {known}"
    )


def tensors_of(name: str | Path, mapping: str | None = None) -> dict[str, torch.Tensor]:
    """Single-precision tensors by parameter. InputError for weights of another mapping or damaged ones."""
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load
    except ImportError as error:
        raise MissingExtra("learned mappings", "learn") from error
    weights = find(name)
    if mapping is not None and weights.card.get("mapping") not in (None, mapping, *KIN.get(mapping, ())):
        raise InputError(
            f"{weights.file.name} holds weights of {weights.card['mapping']}, not of {mapping}",
            "`lift3d models` lists what there is",
        )
    if weights.file.stat().st_size > MOST:
        raise InputError(f"{weights.file} is larger than {MOST >> 20} MB", "it is no weights file of lift3d")
    data = weights.file.read_bytes()
    told = weights.card.get("sha256")
    if told is not None and hashlib.sha256(data).hexdigest() != told:
        raise InputError(
            f"{weights.file} is not the file that its card {weights.file.stem}.json describes",
            "get both again",
        )
    try:
        held = load(data)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(f"{weights.file} is damaged or no safetensors file", "get it again") from error
    return {name: t.float() if t.is_floating_point() else t for name, t in held.items()}


def config_of(card: dict[str, Any]) -> dict[str, Any]:
    """The options that the network was made with."""
    plan = card.get("plan", {})
    config = card.get("config", plan.get("config") if isinstance(plan, dict) else None)
    if not isinstance(config, dict):
        raise InputError(
            "the card of these weights says nothing of their network", "get weights and card again"
        )
    return config


def data_of(card: dict[str, Any]) -> dict[str, Any]:
    """What the run was told of its data: sums, and the names that its numbers stand for."""
    plan = card.get("plan", {})
    data = card.get("data_digest", plan.get("data") if isinstance(plan, dict) else None)
    return data if isinstance(data, dict) else {}


def labels_of(card: dict[str, Any]) -> tuple[str, ...]:
    """The categories that a classifier tells apart, in the order of its answers."""
    plan = card.get("plan", {})
    data = plan.get("data") if isinstance(plan, dict) else None
    names = card.get("labels", data.get("labels") if isinstance(data, dict) else None)
    if (
        not isinstance(names, list)
        or not all(isinstance(n, str) for n in names)
        or not len(set(names)) == len(names) > 1
    ):
        raise InputError("the card of these weights names no categories", "get weights and card again")
    return tuple(names)


def pack(tensors: dict[str, torch.Tensor]) -> bytes:
    """A safetensors file in half precision; counters stay whole numbers."""
    from safetensors.torch import save

    return save(
        {name: (t.half() if t.is_floating_point() else t).contiguous() for name, t in sorted(tensors.items())}
    )


def _read(card: Path, file: Path) -> Weights:
    try:
        said = json.loads(card.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{file} has no card beside it, or a damaged one: {card.name}, which says what network it is",
            "lift3d train writes both; get both again",
        ) from error
    if not isinstance(said, dict) or not file.is_file():
        raise InputError(f"{card} belongs to no weights", f"put {file.name} beside it")
    if "mapping" not in said and isinstance(said.get("plan"), dict):
        said["mapping"] = said["plan"].get("task")
    return Weights(card.stem, file, said)

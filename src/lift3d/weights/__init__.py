"""Weights of the learned mappings: NAME.safetensors in half precision or eight bits beside its card NAME.json, in this folder or
in the folder of a training run. `find` and `list_models` return the cards as `PretrainedCfg`; `load_tensors` reads the weights as
tensors of torch, `load_arrays` as arrays. NAME.onnx, as `lift3d export` writes it, contains weights and card."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError, MissingExtra
from lift3d.weights.eight_bits import scales_of
from lift3d.weights.onnx_file import CARD, MAPPING, SUFFIX, OnnxFile, read_onnx
from lift3d.weights.pretrained import PretrainedCfg, parse_card

if TYPE_CHECKING:
    import torch

FOLDER = Path(__file__).parent
BEST = "best"
"""Stem of the two files in a training run's folder that contain its best weights and their card."""
COMPATIBLE = {"autoencoder": ("vae",)}
"""Mappings whose weights another mapping accepts too: a variational autoencoder is an autoencoder."""
MAX_FILE_SIZE = 512 << 20
"""Maximum size of a weights file in bytes."""


def list_models() -> list[PretrainedCfg]:
    """The networks that come with the package, sorted by name."""
    return [_read(path, path.with_suffix(".safetensors")) for path in sorted(FOLDER.glob("*.json"))]


def is_packaged(name: str) -> bool:
    """Whether the package has weights of this name."""
    return (FOLDER / f"{name}.json").is_file()


def find(name: str | Path) -> PretrainedCfg:
    """The card of weights, by the name of a packaged network, the path of a weights file with its card beside it or of an
    exported .onnx file, or the folder of a training run. InputError where there are no weights, or the card is damaged."""
    path = Path(name).expanduser()
    if path.suffix == SUFFIX and path.is_file():
        return card_of_onnx(read_onnx(path), path)
    if path.is_dir():
        path = path / f"{BEST}.safetensors"
    if path.suffix == ".safetensors" and path.is_file():
        return _read(path.with_suffix(".json"), path)
    packaged = FOLDER / f"{str(name).replace('-', '_')}.json"
    if packaged.is_file() and packaged.parent == FOLDER:
        return _read(packaged, packaged.with_suffix(".safetensors"))
    if path.is_file():
        raise InputError(
            f"{name} is not a weights file",
            "weights are a .safetensors file with its card beside it, as lift3d train writes them",
        )
    if Path(name).expanduser().is_dir():
        raise InputError(
            f"{name} contains no {BEST}.safetensors",
            "give the folder of a training run that has validated at least once",
        )
    known = ", ".join(cfg.name for cfg in list_models()) or "none in this package"
    raise InputError(
        f"there are no weights called {name}", f"give a run's folder, a .safetensors file, or: {known}"
    )


def load_tensors(name: str | Path, mapping: str | None = None) -> dict[str, torch.Tensor]:
    """Parameters and buffers by name; floating-point tensors are in single precision. name: as in `find`; mapping: the mapping
    for which the weights must have been trained. InputError for weights of another mapping, damaged weights, a wrong sha256, or
    an .onnx file; MissingExtra without safetensors."""
    file, data = _read_weights(find(name), mapping)
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load
    except ImportError as error:
        raise MissingExtra("learned mappings", "learn") from error
    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise InputError(f"{file} is damaged or not a safetensors file", "download it again") from error
    scales = scales_of(tensors)
    return {
        key: t.float() * scales[key].float() if key in scales else t.float() if t.is_floating_point() else t
        for key, t in tensors.items()
    }


def load_arrays(name: str | Path, mapping: str | None = None) -> dict[str, NDArray[Any]]:
    """As `load_tensors`, as arrays: torch is not needed."""
    file, data = _read_weights(find(name), mapping)
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load
    except ImportError as error:
        raise MissingExtra("learned mappings", "onnx") from error
    try:
        arrays = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is damaged or not a safetensors file", "download it again") from error
    scales = scales_of(arrays)
    return {
        key: a.astype(np.float32) * scales[key].astype(np.float32)
        if key in scales
        else a.astype(np.float32)
        if a.dtype.kind == "f"
        else a
        for key, a in arrays.items()
    }


def require_mapping(cfg: PretrainedCfg, mapping: str) -> None:
    """Raise InputError for weights of another mapping."""
    if cfg.mapping not in (None, mapping, *COMPATIBLE.get(mapping, ())):
        raise InputError(
            f"{cfg.file.name} contains weights of {cfg.mapping}, not of {mapping}",
            "`lift3d models` lists the available weights",
        )


def card_of_onnx(file: OnnxFile, path: Path) -> PretrainedCfg:
    """The card in an exported file. InputError for a file without one."""
    if CARD not in file.metadata:
        raise InputError(f"{path} has no card of lift3d", "export the network with lift3d export")
    try:
        card = json.loads(file.metadata[CARD])
    except (ValueError, RecursionError) as error:
        raise InputError(f"the card in {path} is damaged", "export it again with lift3d export") from error
    found = parse_card(card, path.stem, path)
    return found if found.mapping else replace(found, mapping=file.metadata.get(MAPPING))


def _read_weights(cfg: PretrainedCfg, mapping: str | None) -> tuple[Path, bytes]:
    """The file and its bytes, checked. InputError as in `load_tensors`."""
    if mapping is not None:
        require_mapping(cfg, mapping)
    if cfg.file.suffix == SUFFIX:
        raise InputError(
            f"{cfg.file} is an exported network, from which no weights can be taken",
            "give the weights from which it was exported",
        )
    if cfg.bytes > MAX_FILE_SIZE:
        raise InputError(
            f"{cfg.file} is larger than {MAX_FILE_SIZE >> 20} MB", "it is not a weights file of lift3d"
        )
    data = cfg.file.read_bytes()
    if cfg.sha256 is not None and hashlib.sha256(data).hexdigest() != cfg.sha256:
        raise InputError(
            f"{cfg.file} is not the file that its card {cfg.file.stem}.json describes",
            "download both files again",
        )
    return cfg.file, data


def pack(tensors: dict[str, torch.Tensor]) -> bytes:
    """The bytes of a safetensors file with floating-point tensors in half precision; integer tensors keep their type."""
    from safetensors.torch import save

    return save(
        {name: (t.half() if t.is_floating_point() else t).contiguous() for name, t in sorted(tensors.items())}
    )


def _read(card: Path, file: Path) -> PretrainedCfg:
    try:
        parsed = json.loads(card.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{file} has no card beside it, or a damaged one: {card.name}, which describes its network",
            "lift3d train writes both; download both again",
        ) from error
    if not file.is_file():
        raise InputError(f"{card} belongs to no weights", f"put {file.name} beside it")
    return parse_card(parsed, card.stem, file)

"""Networks loaded with their weights: tensors, damaged weights, the cache, and the identifier of a latent space."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from lift3d.errors import InputError  # noqa: E402
from lift3d.inference.networks import (  # noqa: E402
    THREADS,
    inference_mode,
    latent_space_id,
    load_network,
)
from lift3d.nets.latent_gan import NOISE_SIZE, LatentGenerator  # noqa: E402
from lift3d.weights import find, pack  # noqa: E402

CARD = {
    "mapping": "gan",
    "config": {"width": 8},
    "data_digest": {"codes": 2, "kinds": ["chair", "table"], "places": 4},
}


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    load_network.cache_clear()
    yield
    load_network.cache_clear()


def write(folder: Path, tensors: dict[str, torch.Tensor], card: dict[str, object] = CARD) -> Path:
    file = folder / "small.safetensors"
    file.write_bytes(pack(tensors))
    file.with_suffix(".json").write_text(json.dumps(card))
    return file


def small() -> LatentGenerator:
    torch.manual_seed(3)
    return LatentGenerator(2, 2, 8, 4)


def test_the_network_has_the_stored_tensors_and_is_in_evaluation_mode(tmp_path: Path) -> None:
    stored = small().state_dict()
    net, card = load_network("gan", write(tmp_path, stored))
    assert isinstance(net, LatentGenerator) and not net.training
    assert card.name == "small" and card.config == {"width": 8}
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, stored[name].half().float())
    with inference_mode():
        noise = torch.ones(1, NOISE_SIZE)
        expected = small().half().float().eval()(noise, torch.tensor([1]))
        assert torch.equal(net(noise, torch.tensor([1])), expected)


def test_the_prefix_of_a_run_is_removed_and_its_critic_ignored(tmp_path: Path) -> None:
    stored = {f"net.{name}": t for name, t in small().state_dict().items()}
    net, _ = load_network("gan", write(tmp_path, {**stored, "critic.weight": torch.ones(3)}))
    assert torch.equal(net.state_dict()["start.bias"], stored["net.start.bias"].half().float())


@pytest.mark.parametrize("damage", ["missing", "surplus", "shape"])
def test_tensors_that_do_not_fit_are_refused(tmp_path: Path, damage: str) -> None:
    stored = small().state_dict()
    if damage == "missing":
        del stored["start.bias"]
    elif damage == "surplus":
        stored["other"] = torch.ones(1)
    else:
        stored["start.bias"] = stored["start.bias"][:-1]
    with pytest.raises(InputError, match=r"small\.safetensors does not fit the network"):
        load_network("gan", write(tmp_path, stored))


def test_a_card_without_the_sizes_or_of_another_mapping_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, small().state_dict(), {**CARD, "data_digest": {"codes": 2, "places": 4}})
    with pytest.raises(InputError, match="lacks 'kinds'"):
        load_network("gan", file)
    with pytest.raises(InputError, match="contains weights of gan, not of flow"):
        load_network("flow", file)


def test_a_network_is_loaded_once(tmp_path: Path) -> None:
    file = write(tmp_path, small().state_dict())
    first = load_network("gan", file)
    assert load_network("gan", file) is first
    load_network.cache_clear()
    assert load_network("gan", file)[0] is not first[0]


def test_inference_has_no_gradients_and_restores_the_threads_after_an_error() -> None:
    before = torch.get_num_threads()
    other = 1 if before == THREADS else before
    torch.set_num_threads(other)
    try:
        with pytest.raises(ZeroDivisionError), inference_mode():
            assert torch.get_num_threads() == THREADS and not torch.is_grad_enabled()
            1 / 0  # noqa: B018
        assert torch.get_num_threads() == other and torch.is_grad_enabled()
    finally:
        torch.set_num_threads(before)


def test_the_latent_space_is_that_of_the_encoder_in_half_precision(tmp_path: Path) -> None:
    def space(name: str, **tensors: torch.Tensor) -> str:
        (tmp_path / name).mkdir()
        file = write(
            tmp_path / name,
            {key.replace("_", "."): t for key, t in tensors.items()},
            {"mapping": "autoencoder"},
        )
        return latent_space_id(find(file))

    weight = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32))
    first = space("a", encoder_a=weight, decoder_a=weight)
    assert len(first) == 16
    assert space("b", encoder_a=weight, decoder_a=weight + 1) == first
    assert (
        space("c", encoder_a=weight * (1 + 2**-20), encoder_count=torch.ones(1, dtype=torch.int64)) == first
    )
    assert len({first, space("d", encoder_a=weight + 1), space("e", encoder_b=weight)}) == 3

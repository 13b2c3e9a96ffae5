"""Generators: codes that depend on the seeds alone, batches, sampling options, and refused weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.errors import InputError  # noqa: E402
from lift3d.inference import generators  # noqa: E402
from lift3d.inference.generators import (  # noqa: E402
    BATCH_SIZE,
    CACHE_SIZE,
    GUIDANCE,
    GUIDANCE_INTERVAL,
    find_autoencoder,
    guidance_interval_of,
    load_sampler,
)
from lift3d.nets.flow_matching import LatentFlow  # noqa: E402
from lift3d.nets.latent_gan import NOISE_SIZE, LatentGenerator  # noqa: E402
from lift3d.nets.shape_autoencoder import ShapeAutoencoder  # noqa: E402
from lift3d.weights import PretrainedCfg  # noqa: E402

SHAPE = (2, 4, 4, 4)
CATEGORIES = ("chair", "table")


class Codec(ShapeAutoencoder):
    """An autoencoder without parameters."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.shape = SHAPE


class ConstantFlow(LatentFlow):
    """A flow whose velocity is the category plus one, so that it moves noise by this from time 0 to time 1."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.shape, self.categories, self.pca = SHAPE, len(CATEGORIES), None
        self.mean, self.std = torch.tensor(10.0), torch.tensor(2.0)
        self.batches: list[int] = []

    def forward(self, x: torch.Tensor, t: torch.Tensor, category: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(x))
        return torch.ones_like(x) * (category.view(-1, 1, 1, 1, 1) + 1)


class FirstNoise(LatentGenerator):
    """A GAN that returns the first numbers of its noise, plus 100 times the category."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.mean, self.std = torch.tensor(0.5), torch.tensor(1.0)

    def forward(self, noise: torch.Tensor, category: torch.Tensor) -> torch.Tensor:
        return noise[:, :128].view(-1, *SHAPE) + 100 * category.view(-1, 1, 1, 1, 1)


def card(**extra: Any) -> PretrainedCfg:
    return PretrainedCfg(
        "stub", Path("stub.safetensors"), data_digest={"kinds": list(CATEGORIES), "space": "s"}, extra=extra
    )


@pytest.fixture
def nets(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.nn.Module]:
    known = {"autoencoder": Codec(), "flow": ConstantFlow(), "gan": FirstNoise()}
    monkeypatch.setattr(generators, "load_network", lambda name, weights: (known[name], card()))
    monkeypatch.setattr(generators, "latent_space_id", lambda found: "s")
    return known


def noise(seeds: tuple[int, ...], size: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(list(seeds)).standard_normal(size, np.float32)


def test_the_prior_is_standard_normal_noise_of_the_seeds(nets: dict[str, torch.nn.Module]) -> None:
    sampler = load_sampler("prior")
    assert sampler.categories == () and sampler.space == "s"
    assert np.array_equal(sampler.sample(0, (4, 2)), noise((4, 2)))


def test_the_gan_maps_noise_and_category(nets: dict[str, torch.nn.Module]) -> None:
    sampler = load_sampler("gan")
    expected = noise((1, 7), (NOISE_SIZE,))[:128].reshape(SHAPE) + 100.5
    assert sampler.categories == CATEGORIES
    assert sampler.sample(1, (1, 7)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_the_flow_moves_the_noise_of_the_seeds_by_the_velocity(
    nets: dict[str, torch.nn.Module], guidance: float
) -> None:
    # The velocity of the category k is k + 1, and that of "any category" 3; guidance g extrapolates to 3 + g (k - 2).
    sampler = load_sampler("flow", guidance=guidance, guided=(0.0, 1.0), begin=0.0)
    for category in (0, 1):
        moved = noise((5, 3)) + 3 + guidance * (category - 2)
        assert sampler.sample(category, (5, 3)) == pytest.approx(2 * moved + 10, abs=1e-3)


def test_a_sample_does_not_depend_on_the_order_of_samples(nets: dict[str, torch.nn.Module]) -> None:
    sampler = load_sampler("flow", steps=1)
    forwards = [sampler.sample(0, (9, k)) for k in range(5)]
    backwards = [load_sampler("flow", steps=1).sample(0, (9, k)) for k in reversed(range(5))][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(forwards, backwards))
    assert len({code.tobytes() for code in forwards}) == 5


def test_batches_have_one_size_and_are_cached(nets: dict[str, torch.nn.Module]) -> None:
    net = nets["flow"]
    assert isinstance(net, ConstantFlow)
    sampler = load_sampler("flow", steps=1, guidance=1.0)
    first = sampler.sample(0, (9, 0))
    evaluations = len(net.batches)
    assert set(net.batches) == {BATCH_SIZE}
    sampler.sample(0, (9, BATCH_SIZE - 1))
    assert len(net.batches) == evaluations
    for k in range(1, CACHE_SIZE + 1):
        sampler.sample(0, (9, k * BATCH_SIZE))
    assert len(net.batches) == (CACHE_SIZE + 1) * evaluations
    assert np.array_equal(sampler.sample(0, (9, 0)), first)  # left the cache and was computed again
    assert len(net.batches) == (CACHE_SIZE + 2) * evaluations


def test_unknown_generators_and_codes_of_another_autoencoder_are_refused(
    nets: dict[str, torch.nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="no generator called vae"):
        load_sampler("vae")
    monkeypatch.setattr(generators, "latent_space_id", lambda found: "other")
    for model in ("flow", "gan"):
        with pytest.raises(InputError, match="another autoencoder"):
            load_sampler(model)


def test_the_card_states_the_sampling_options(
    nets: dict[str, torch.nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[generators.FlowOptions] = []
    monkeypatch.setattr(generators, "_flow", lambda net, options: seen.append(options))
    load_sampler("flow")
    stated = card(guidance=1.5, guidance_interval=[0.2, 0.6], start_time=0.1)
    monkeypatch.setattr(generators, "load_network", lambda name, weights: (nets[name], stated))
    load_sampler("flow")
    load_sampler("flow", guidance=4.0, steps=3, guided=(0.0, 0.5), begin=0.0)
    assert [(o.guidance, o.guided, o.begin) for o in seen] == [
        (GUIDANCE, GUIDANCE_INTERVAL, generators.START_TIME), (1.5, (0.2, 0.6), 0.1), (4.0, (0.0, 0.5), 0.0),
    ]  # fmt: skip
    assert [o.steps for o in seen] == [generators.STEPS, generators.STEPS, 3]


@pytest.mark.parametrize("wrong", ["0.2 to 0.6", [0.2], [0.1, 0.2, 0.3], ["0.1", 0.2], 0.5])
def test_a_card_with_a_damaged_interval_is_refused(wrong: object) -> None:
    with pytest.raises(InputError, match="guidance interval"):
        guidance_interval_of(card(guidance_interval=wrong))


def test_the_autoencoder_of_a_run_is_the_path_in_its_card_or_the_run_beside_it(tmp_path: Path) -> None:
    import json

    def run(name: str, **config: str) -> str:
        (tmp_path / name).mkdir()
        (tmp_path / name / "best.safetensors").write_bytes(b"")
        (tmp_path / name / "best.json").write_text(json.dumps({"config": config}))
        return str(tmp_path / name)

    codec = run("codec")
    assert find_autoencoder(None) is None
    assert find_autoencoder(run("a", autoencoder=codec)) == codec
    assert find_autoencoder(run("b", autoencoder="/elsewhere/codec")) == codec
    assert find_autoencoder(run("c", autoencoder="/elsewhere/absent")) is None
    assert find_autoencoder(run("d", autoencoder="autoencoder")) is None
    assert find_autoencoder(run("e")) is None

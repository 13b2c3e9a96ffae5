"""Networks by name: every shipped card builds the network whose weights it describes."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from lift3d.nets.factory import NETWORKS, create_network  # noqa: E402
from lift3d.nets.point_net import PointNet  # noqa: E402
from lift3d.nets.views_to_volume import EncoderDecoder  # noqa: E402
from lift3d.weights import list_models, load_arrays  # noqa: E402


@pytest.mark.parametrize("cfg", list_models(), ids=lambda cfg: cfg.name)
def test_every_card_builds_the_network_of_its_weights(cfg) -> None:
    net = create_network(cfg.mapping or cfg.name, cfg.config, {**cfg.data_digest, "labels": cfg.labels})
    own = {k: list(v.shape) for k, v in net.state_dict().items()}
    stored = {k.removeprefix("net."): list(a.shape) for k, a in load_arrays(cfg.file).items()}
    assert stored == own
    assert sum(v.numel() for v in net.state_dict().values()) == cfg.parameters


def test_baselines_are_chosen_by_kind() -> None:
    assert isinstance(create_network("image_to_voxels", {"kind": "plain", "width": 8}, {}), EncoderDecoder)
    config = {"kind": "points", "width": 8, "dropout": 0.1}
    assert isinstance(create_network("voxels_to_label", config, {"labels": ["a", "b"]}), PointNet)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("config", [{}, {"width": "wide"}])
def test_a_card_without_options_is_refused(name: str, config: dict) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        create_network(name, config, {})


@pytest.mark.parametrize(
    "sizes", [(0, 1, 1, 1), (5, -1, 2, 1), (5, 0, 0, 1), (5, 1, 1, 6), (10**6, 1, 1, 1), (1, 2)]
)
def test_impossible_sizes_of_the_latent_pca_are_refused(sizes: tuple[int, ...]) -> None:
    data = {"codes": 2, "kinds": ["a"], "places": 4, "outline": list(sizes)}
    with pytest.raises(ValueError):
        create_network("flow", {"width": 64, "layers": 1}, data)

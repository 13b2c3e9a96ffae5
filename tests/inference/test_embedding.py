"""The joint embedding with a stub network: batches, halves of the vectors, views of a box, and the identifier of the space."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

torch = pytest.importorskip("torch")

from lift3d.errors import InputError  # noqa: E402
from lift3d.geometry.voxels.canonical_frame import canonical_grid  # noqa: E402
from lift3d.inference import networks, sentence_encoder  # noqa: E402
from lift3d.inference.embedding import (  # noqa: E402
    APPEARANCE_DIM,
    BATCH_SIZE,
    CATEGORY_DIM,
    IMAGE_SIZE,
    EmbeddingNetwork,
    SimilarityWeights,
    render_views,
    voxelize_parts,
)
from lift3d.types import Part, Words  # noqa: E402
from lift3d.weights import PretrainedCfg  # noqa: E402


class Means(torch.nn.Module):
    """Vectors that begin with the mean of the input and are zero otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.zero = torch.nn.Parameter(torch.zeros(1))
        self.batches: list[int] = []

    def _pad(self, values: torch.Tensor, size: int) -> torch.Tensor:
        self.batches.append(len(values))
        return torch.nn.functional.pad(values, (0, size - values.shape[1]))

    def embed_images(self, images: torch.Tensor) -> torch.Tensor:
        return self._pad(images.mean((1, 2, 3))[:, None], APPEARANCE_DIM + CATEGORY_DIM)

    def embed_shapes(self, voxels: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
        means = torch.stack([voxels.mean((1, 2, 3)), colours[:, :3].mean((1, 2, 3, 4))], 1)
        return self._pad(means, APPEARANCE_DIM + CATEGORY_DIM)

    def embed_text(self, tokens: torch.Tensor) -> torch.Tensor:
        return self._pad(tokens, CATEGORY_DIM)


def network(monkeypatch: pytest.MonkeyPatch, **card: Any) -> EmbeddingNetwork:
    found = PretrainedCfg("stub", card.pop("file", Path("stub.safetensors")), **card)
    monkeypatch.setattr(networks, "load_network", lambda name, weights: (Means(), found))
    return EmbeddingNetwork()


def box(size: tuple[float, float, float] = (0.4, 0.4, 0.8)) -> list[Part]:
    """A box that stands on the origin."""
    mesh = trimesh.creation.box(size)
    mesh.apply_translation((0, 0, size[2] / 2))
    return [Part(np.asarray(mesh.vertices), np.asarray(mesh.faces, np.int32))]


def test_vectors_keep_their_order_over_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(monkeypatch)
    count = 2 * BATCH_SIZE + 3
    images = np.ones((count, 4, 2, 2), np.float32) * np.arange(count, dtype=np.float32)[:, None, None, None]
    found = net.embed_images(images[:, :, ::-1])  # a view with negative strides
    assert found[:, 0].tolist() == list(range(count)) and found.dtype == np.float32
    assert net.net.batches == [BATCH_SIZE, BATCH_SIZE, 3]  # type: ignore[comparison-overlap]


def test_the_appearance_half_of_a_text_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(monkeypatch, sha256="f" * 64)
    monkeypatch.setattr(
        sentence_encoder, "encode_sentences", lambda texts: np.array([[len(t)] for t in texts], np.float32)
    )
    found = net.embed_texts(["four", "seven letters"])
    assert found.shape == (2, APPEARANCE_DIM + CATEGORY_DIM) and not found[:, :APPEARANCE_DIM].any()
    assert found[:, APPEARANCE_DIM].tolist() == [4, 13]
    one = net.embed_text(Words("four"))
    assert np.array_equal(one.vectors, found[:1]) and (one.modality, one.space) == ("text", "f" * 16)


def test_the_space_is_stated_by_the_card_or_is_the_checksum_of_the_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "w.safetensors"
    file.write_bytes(b"weights")
    checksum = hashlib.sha256(b"weights").hexdigest()[:16]
    assert network(monkeypatch, file=file).name == checksum
    assert network(monkeypatch, file=file, sha256="a" * 64).name == "a" * 16
    assert network(monkeypatch, file=file, sha256="a" * 64, extra={"space": "b" * 64}).name == "b" * 16


def test_weights_of_a_similarity_follow_the_card_and_the_modality(monkeypatch: pytest.MonkeyPatch) -> None:
    assert network(monkeypatch).similarity_weights() == SimilarityWeights()
    extra = {"similarity": {"views": 0.1}, "similarity_of_models": {"solid": 0.9}}
    net = network(monkeypatch, extra=extra)
    assert net.similarity_weights("text") == SimilarityWeights(views=0.1)
    assert net.similarity_weights("shape") == SimilarityWeights(solid=0.9)
    del extra["similarity_of_models"]
    assert network(monkeypatch, extra=extra).similarity_weights("shape") == SimilarityWeights(views=0.1)
    with pytest.raises(InputError, match="damaged"):
        network(monkeypatch, extra={"similarity": {"weight": 1.0}}).similarity_weights()


def test_the_voxels_of_a_box_have_its_proportions_and_its_colour_where_wanted() -> None:
    voxels, colours = voxelize_parts(box())
    assert set(np.unique(voxels)) == {0, 1} and voxels.shape == (64, 64, 64)
    extent = [np.ptp(np.flatnonzero(voxels.any(axis))) + 1 for axis in ((1, 2), (0, 2), (0, 1))]
    assert extent[0] == extent[1] and abs(extent[2] - 2 * extent[0]) <= 2
    assert voxels.sum() * canonical_grid()[1] ** 3 == pytest.approx(0.4 * 0.4 * 0.8, rel=0.1)
    assert voxels.sum() > 0.95 * np.prod(extent)  # solid, not a shell
    assert colours.shape == (4, 16, 16, 16) and colours[:3].any()
    grey = voxelize_parts(box(), coloured=False)[1]
    assert not grey[:3].any() and np.array_equal(grey[3], colours[3])


def test_views_show_the_box_in_the_middle_of_the_image() -> None:
    views = render_views(box(), count=2)
    assert views.shape == (2, 4, IMAGE_SIZE, IMAGE_SIZE)
    for view in views:
        rows, columns = np.nonzero(view[3] > 0.5)
        centre = np.array([rows.min() + rows.max(), columns.min() + columns.max()]) / 2
        assert centre == pytest.approx([63.5, 63.5], abs=2)
        assert np.ptp(rows) > np.ptp(columns)  # the box is twice as tall as it is wide
    assert not np.allclose(views[0], views[1])


def test_a_needle_is_invisible() -> None:
    with pytest.raises(InputError, match="invisible"):
        render_views(box((1e-4, 1e-4, 1.0)), count=2)


def test_a_model_has_the_vector_of_its_solid_and_one_of_each_view(monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(monkeypatch, sha256="a" * 64, config={"colours": False})
    found = net.embed_parts(box())
    assert found.modality == "shape" and found.vectors.shape == (13, APPEARANCE_DIM + CATEGORY_DIM)
    voxels = found.vectors[0]
    assert 0 < voxels[0] < 0.5 and not voxels[1:].any()  # without colours
    assert len(np.unique(found.vectors[1:, 0])) > 6

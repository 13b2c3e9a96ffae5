"""Training of the embedding on the frozen backbone: cached features, batches of pairs, and weights that index and classify."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import lift3d

torch = pytest.importorskip("torch")

from lift3d.corpus.dataset import Corpus  # noqa: E402
from lift3d.errors import InputError  # noqa: E402
from lift3d.inference.embedding import EmbeddingNetwork  # noqa: E402
from lift3d.nets.dense.backbone_embedding import FEATURES  # noqa: E402
from lift3d.nets.multimodal_embedding import INSTANCE_SIZE  # noqa: E402
from lift3d.train.data.embedding_vectors import load_vectors  # noqa: E402
from lift3d.train.data.picture_features import (  # noqa: E402
    Counts,
    load_picture_features,
    without_colour,
    wrong_poses,
)
from lift3d.train.tasks.backbone_embedding import BackboneEmbeddingTask, Config, views_of  # noqa: E402
from lift3d.weights import find  # noqa: E402

TINY = (
    "steps=2 batch=4 hidden=4 pictures=2 renderings=2 tilted=0.5 words=false validate=2 warmup=1 average=0.5"
)


def config() -> Config:
    return Config(
        steps=2, batch=4, hidden=4, pictures=2, renderings=2, tilted=0.5, words=False, validate=2, warmup=1, average=0.5
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(small: tuple[Path, Path]) -> Path:
    folder = small[0].parent / "on-backbone"
    sets = [word for option in TINY.split() for word in ("--set", option)]
    where = ("--data", small[0], "--pictures", small[1])
    code, said = lift3d("train", "embedding-backbone", *where, "-o", folder, *sets)
    assert code == 0 and "best.safetensors" in said, said
    return folder


def test_options_out_of_range_are_refused() -> None:
    for options in ({"batch": 1}, {"hidden": 0}, {"tilted": 1.0}, {"kind": "towers"}):
        with pytest.raises(InputError):
            Config(**options)


def test_wrong_poses_are_rotations_that_do_not_keep_up() -> None:
    for seed in range(20):
        poses = wrong_poses(np.random.default_rng(seed))
        assert len(poses) == 3
        for pose in poses:
            assert np.allclose(pose @ pose.T, np.eye(3), atol=1e-6) and np.linalg.det(pose) > 0
        assert all(pose[2] @ [0, 0, 1] < 1e-6 for pose in poses[:2])  # upside down or on a side


def test_without_colour_the_channels_are_equal_and_grey_stays() -> None:
    pictures = np.random.default_rng(0).random((2, 4, 5, 5), np.float32)
    grey = without_colour(pictures)
    assert np.allclose(grey[:, 0], grey[:, 1]) and np.allclose(grey[:, 0], grey[:, 2])
    assert np.array_equal(grey[:, 3], pictures[:, 3]) and np.allclose(without_colour(grey), grey, atol=1e-6)


def test_features_are_computed_once_and_belong_to_their_shapes(
    small: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = Corpus(small[0])
    counts = Counts(2, 3, 0.9)
    first = load_picture_features(small[1], corpus, "train", counts)
    monkeypatch.setattr("lift3d.train.data.picture_features._compute", None)
    again = load_picture_features(small[1], corpus, "train", counts)
    for kind in ("pictures", "renderings", "tilted"):
        features, owners = (
            getattr(first, kind),
            getattr(first, f"{kind.removesuffix('s')}_owners", first.tilted_owners),
        )
        assert features.shape == (len(owners), FEATURES) and (np.diff(owners) >= 0).all()
        assert np.isfinite(features).all() and np.array_equal(features, getattr(again, kind))
    assert np.bincount(first.rendering_owners).tolist() == [4] * len(
        first.shapes
    )  # three, and one without colour
    assert np.bincount(first.picture_owners).max() <= 2
    rows = views_of(first)
    assert sorted(np.concatenate(rows).tolist()) == list(range(len(first.pictures) + len(first.renderings)))


def test_a_batch_has_two_views_of_each_object_and_its_loss_a_gradient(small: tuple[Path, Path]) -> None:
    task = BackboneEmbeddingTask(small[1], small[0], config())
    torch.manual_seed(0)
    module = task.module()
    batch, again = task.batch(1, 0, 1), task.batch(1, 0, 1)
    assert all(torch.equal(batch[name], again[name]) for name in batch)
    halves = [task.batch(1, rank, 2) for rank in (0, 1)]
    assert torch.equal(batch["first"][1::2], halves[1]["first"])
    losses = task.loss(module.train(), batch, 1)
    losses["loss"].backward()
    assert all(p.grad is not None for p in module.parameters())
    scores = task.validate(module.eval())
    assert 0 <= scores["score"] <= 1 and 0 <= scores["upright"] <= 1


def test_the_run_states_its_backbone_and_has_vectors_of_views_and_their_mean(
    run: Path, small: tuple[Path, Path]
) -> None:
    card = find(run)
    assert "ImageNet" in card.pretrained and card.origin.startswith("EfficientNet-Lite0")
    space, corpus = EmbeddingNetwork(run), Corpus(small[0])
    found = space.embed_parts(corpus.parts(0))
    assert found.vectors.shape == (13, 256) and space.image_size == 160
    mean = found.vectors[1:].mean(0)
    for half in (slice(INSTANCE_SIZE), slice(INSTANCE_SIZE, None)):
        assert np.allclose(found.vectors[0, half], mean[half] / np.linalg.norm(mean[half]), atol=1e-5)
    vectors = load_vectors(small[1], corpus, "train", str(run), renderings=True)
    both = load_vectors(small[1], corpus, "train", str(run))
    assert vectors.rendered is not None and len(both.views) == len(vectors.views) + len(vectors.rendered)
    assert vectors.pretrained == card.pretrained and (np.diff(both.owners) >= 0).all()


@pytest.mark.slow
def test_its_weights_index_search_and_classify(run: Path, small: tuple[Path, Path], tmp_path: Path) -> None:
    models = small[0].parent / "m"
    assert lift3d("index", models, "-o", tmp_path / "i", "--weights", run)[0] == 0
    code, said = lift3d("search", models / "kind1/1.stl", "--index", tmp_path / "i", "--weights", run, "-q")
    assert code == 0 and said.splitlines()[0].endswith("kind1/1.stl"), said
    code, said = lift3d("search", models / "kind1/1.stl", "--index", tmp_path / "i", "-q")
    assert code == 2 and "created with other weights" in said, said
    labels = tmp_path / "labels"
    where = ("--data", small[0], "--pictures", small[1], "--set", f"embedding={run}")
    assert lift3d("train", "embedding-to-label", *where, "-o", labels)[0] == 0
    assert "ImageNet" in find(labels).pretrained
    code, said = lift3d("classify", models / "kind0/0.stl", "--weights", labels)
    assert code == 0 and "kind0" in said, said

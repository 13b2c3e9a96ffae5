"""Categories of embedding vectors: training in seconds, prediction for models and photos, and refused input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import lift3d
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from lift3d.context import Context  # noqa: E402
from lift3d.errors import InputError  # noqa: E402
from lift3d.inference.embedding import SimilarityWeights  # noqa: E402
from lift3d.inference.embedding_classifier import EmbeddingClassifier  # noqa: E402
from lift3d.io.mesh.meshes import save_mesh  # noqa: E402
from lift3d.maps.embedding_to_label import EmbeddingToLabel  # noqa: E402
from lift3d.nets.embedding_classifier import EmbeddingClassifierNet  # noqa: E402
from lift3d.pipelines.classify import combine_labels  # noqa: E402
from lift3d.search_index.ranking import similarity_scores  # noqa: E402
from lift3d.train.tasks.embedding_to_label import Config, EmbeddingToLabelTask  # noqa: E402
from lift3d.types import Embedding, Label  # noqa: E402

pytestmark = pytest.mark.slow

SPACE = "steps=2 batch=3 width=8 layers=1 solid=4 begin=none words=false held=3 validate=2 warmup=1 precision=float32"
LABELS = "steps=60 batch=12 hidden=16 validate=30 warmup=2 dropout=0 average=0.5 rate=5e-3"


def sets(options: str) -> list[str]:
    return [word for option in options.split() for word in ("--set", option)]


@pytest.fixture(scope="module")
def runs(small: tuple[Path, Path]) -> tuple[Path, Path]:
    """An embedding of boxes and rings, and a classifier of its categories."""
    where = ("--data", small[0], "--pictures", small[1])
    space, labels = small[0].parent / "space", small[0].parent / "labels"
    code, said = lift3d("train", "embedding", *where, "-o", space, *sets(SPACE))
    assert code == 0, said
    code, said = lift3d(
        "train", "embedding-to-label", *where, "-o", labels, *sets(f"{LABELS} embedding={space}")
    )
    assert code == 0 and "best.safetensors" in said, said
    return space, labels


def test_models_and_photos_are_classified(
    runs: tuple[Path, Path], small: tuple[Path, Path], tmp_path: Path
) -> None:
    import trimesh
    from PIL import Image

    from lift3d.corpus.dataset import Corpus
    from lift3d.train.data.view_set import ViewSet

    save_mesh(trimesh.creation.torus(1, 0.3), tmp_path / "ring.stl")
    solids = ViewSet(small[1], Corpus(small[0]), "train")
    Image.fromarray(solids.pictures.rgb(0)).resize((256, 256)).save(tmp_path / "photo.png")
    for name in ("ring.stl", "photo.png"):
        code, said = lift3d("classify", tmp_path / name, "--weights", runs[1])
        assert code == 0 and "kind0" in said and "kind1" in said, said
    assert (small[0].parent / "c-vectors").is_dir(), "the vectors are kept"


def test_vectors_of_another_space_are_refused(runs: tuple[Path, Path]) -> None:
    place = Embedding(np.ones((1, 256), np.float32), "image", "elsewhere")
    with pytest.raises(InputError, match="another embedding"):
        EmbeddingToLabel(str(runs[1]))(place, Context())
    judge = EmbeddingClassifier(runs[1])
    with pytest.raises(InputError, match="needs no classification"):
        EmbeddingToLabel(str(runs[1]))(Embedding(place.vectors, "text", judge.space), Context())


def test_a_batch_agrees_with_single_predictions(runs: tuple[Path, Path]) -> None:
    judge, rng = EmbeddingClassifier(runs[1]), np.random.default_rng(0)
    sizes = [4, 1, 2]
    things = [rng.normal(size=(n, 256)).astype(np.float32) for n in sizes]
    many = judge.classify_all(np.concatenate(things), np.repeat(np.arange(3), sizes))
    assert many.shape == (3, 2) and np.allclose(many.sum(1), 1, atol=1e-5)
    for thing, said in zip(things, many):
        views = torch.from_numpy(thing[1:].mean(0, keepdims=True) if len(thing) > 1 else 0 * thing)
        there = torch.tensor([[len(thing) > 1, True]])
        with torch.no_grad():
            slow = judge.net(views, torch.from_numpy(thing[:1]), there).softmax(1)[0].numpy()
        assert np.allclose(said, slow, atol=1e-5)
        assert np.allclose(judge.classify(Embedding(thing, "shape", judge.space)), said, atol=1e-5)


def test_a_missing_modality_has_no_influence() -> None:
    net = EmbeddingClassifierNet(3, 8).eval()
    x, y = torch.randn(2, 1, 256)
    photo = torch.tensor([[True, False]])
    with torch.no_grad():
        assert torch.equal(net(x, y, photo), net(x, 2 * y, photo))
        assert not torch.equal(net(x, y, photo), net(x, y, torch.tensor([[True, True]])))


def test_samples_depend_on_the_step_and_invalid_options_are_diagnosed(
    runs: tuple[Path, Path], small: tuple[Path, Path]
) -> None:
    task = EmbeddingToLabelTask(small[1], small[0], Config(batch=6, embedding=str(runs[0])))
    whole, halves = task.batch(3, 0, 1), [task.batch(3, rank, 2) for rank in (0, 1)]
    for name, t in whole.items():
        assert torch.equal(t[0::2], halves[0][name]) and torch.equal(t[1::2], halves[1][name])
    for wrong in ({"photo": 2.0}, {"hidden": 0}, {"dropout": -1.0}):
        with pytest.raises(InputError):
            Config(**wrong)  # type: ignore[arg-type]


def test_a_probable_common_category_gives_a_high_score() -> None:
    vectors = np.ones((2, 256), np.float32)
    told = np.array([1, 0], np.float32), np.array([[0.2, 0.8], [0.9, 0.1]], np.float32)
    query = Embedding(vectors[:1], "image", "s")
    assert np.allclose(
        similarity_scores(query, vectors, np.arange(2), SimilarityWeights(0, 0, 1), 2, told), [0.2, 0.9]
    )


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1))
def test_two_predictions_are_combined(seed: int, weight: float) -> None:
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(6))
    solid, place = Label(tuple("abcd"), p), Label(tuple("dxcbya"), q)
    said = combine_labels(solid, place, weight)
    assert said.names == place.names and abs(said.probabilities.sum() - 1) < 1e-9
    assert np.allclose(said.probabilities[[1, 4]], q[[1, 4]]), "what one alone knows, it says"
    assert np.allclose(combine_labels(solid, place, 0).probabilities, q, atol=1e-4)
    whole = combine_labels(solid, place, 1).probabilities[[5, 3, 2, 0]]
    assert np.allclose(whole / whole.sum(), p, atol=1e-4)
    apart = Label(("u", "v"), np.array([0.5, 0.5]))
    alone = combine_labels(solid, apart, 0.5)
    assert alone.names == apart.names and np.array_equal(alone.probabilities, apart.probabilities)


def test_both_predictions_for_a_corpus(runs: tuple[Path, Path], small: tuple[Path, Path]) -> None:
    from lift3d.corpus.dataset import Corpus
    from lift3d.evaluate.ensemble import Ensemble, EnsembleOutputs, best_weight
    from lift3d.inference.embedding import EmbeddingNetwork
    from lift3d.nets.shape_classifier import TestTimeAugmentation, VoxelClassifier
    from lift3d.train.data.labelled_shapes import LabelledShapes

    shapes = LabelledShapes(Corpus(small[0]), "train", ("kind0", "kind1"))
    net, judge, space = VoxelClassifier(2, 4).eval(), EmbeddingClassifier(runs[1]), EmbeddingNetwork(runs[0])
    said = Ensemble(net, TestTimeAugmentation(), judge, space).predict(shapes, "any", [0, 2])
    assert said.voxels.shape == said.embeddings.shape == (2, 2) and said.categories == judge.names
    for answers in (said.voxels, said.embeddings):
        assert np.allclose(answers.sum(1), 1)
    targets = np.array([0, 1, 1, 0])
    cells = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])
    places = np.array([[0.5, 0.4, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.6, 0.3, 0.1]])
    held = EnsembleOutputs(cells, places, ("a", "b"), ("a", "b", "c"))
    assert held.correct(targets, 0.0).tolist() == [True, True, False, True], (
        "what only one knows is wrong here"
    )
    assert held.correct(targets, 0.8).tolist() == [True, True, False, False]
    assert best_weight([held], targets) == 0.0

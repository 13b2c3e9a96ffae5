"""Training of the embedding: losses, samples whose parts belong together, and bit-identical resumption."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.corpus.dataset import Corpus  # noqa: E402
from lift3d.errors import InputError  # noqa: E402
from lift3d.geometry.voxels.colour_grid import colour_grid  # noqa: E402
from lift3d.inference import embedding as space  # noqa: E402
from lift3d.nets.multimodal_embedding import (  # noqa: E402
    EMBEDDING_SIZE,
    INSTANCE_SIZE,
    MultimodalEmbedding,
    info_nce,
    normalize_halves,
    supervised_contrastive_loss,
)
from lift3d.taxonomy.captions import category_text, split_name  # noqa: E402
from lift3d.train.data.captions import captions  # noqa: E402
from lift3d.train.data.view_set import oriented_shape  # noqa: E402
from lift3d.train.distributed import Worker  # noqa: E402
from lift3d.train.engine import Trainer  # noqa: E402
from lift3d.train.metrics import (
    mean_average_precision,  # noqa: E402
    recall_at,  # noqa: E402
)
from lift3d.train.tasks.embedding import Config, EmbeddingTask  # noqa: E402

TINY = Config(
    steps=4, batch=4, width=8, layers=1, solid=4, begin="none", words=False, held=4, validate=4, save=2, warmup=1,
    precision="float32", average=0.5,
)  # fmt: skip


def test_arrays_and_networks_agree_on_the_halves() -> None:
    assert (space.APPEARANCE_DIM, space.CATEGORY_DIM) == (INSTANCE_SIZE, EMBEDDING_SIZE - INSTANCE_SIZE)


def test_halves_have_unit_length() -> None:
    net = MultimodalEmbedding(8, 1, 4).eval()
    said = net.embed_images(torch.rand(3, 4, 128, 128))
    solid = net.embed_shapes(torch.rand(2, 64, 64, 64), torch.rand(2, 4, 16, 16, 16))
    for x in (said, solid, normalize_halves(torch.randn(5, EMBEDDING_SIZE))):
        assert torch.allclose(x[:, :INSTANCE_SIZE].norm(dim=1), torch.ones(len(x)), atol=1e-5)
        assert torch.allclose(x[:, INSTANCE_SIZE:].norm(dim=1), torch.ones(len(x)), atol=1e-5)
    assert net.embed_text(torch.randn(2, 384)).norm(dim=1).allclose(torch.ones(2))


def test_losses_are_smallest_where_the_positive_is_nearest() -> None:
    x = torch.nn.functional.normalize(torch.randn(6, 8), dim=1)
    hot = torch.tensor(100.0)
    own = torch.eye(6, dtype=torch.bool)
    assert info_nce(x, x, hot) < 0.05 < info_nce(x, x.roll(1, 0), hot)
    assert torch.allclose(supervised_contrastive_loss(x, x, own, hot), info_nce(x, x, hot), atol=1e-6)
    pair = x.repeat_interleave(2, 0)
    both = torch.eye(6).repeat_interleave(2, 0).repeat_interleave(2, 1).bool()
    assert supervised_contrastive_loss(pair, pair, both, hot) == pytest.approx(np.log(2), abs=0.05)
    assert info_nce(x[:1], x[:1], hot) == pytest.approx(0, abs=1e-6)


def test_metrics_by_hand() -> None:
    scores = np.array([[3, 1, 2], [1, 0, 2], [0, 1, 5]], np.float32)
    assert recall_at(scores, 1) == pytest.approx(2 / 3) and recall_at(scores, 3) == 1
    kinds = np.array([0, 0, 1, -1])
    table = np.array([[0, 1, 2, 0], [5, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]], np.float32)
    assert mean_average_precision(table, kinds) == pytest.approx((1 / 2 + 1) / 2)
    assert mean_average_precision(table, np.array([-1, -1, -1, -1])) == 0


def test_colours_lie_at_the_surface() -> None:
    points = np.array([[0.1, 0.1, 0.1], [0.12, 0.1, 0.1], [0.9, 0.9, 0.9], [2, 0, 0]])
    rgb = np.array([[255, 0, 0], [255, 255, 0], [0, 0, 255], [9, 9, 9]], np.uint8)
    out = colour_grid(points, rgb, np.zeros(3), 1.0, 4)
    assert out.shape == (4, 4, 4, 4) and out[3].sum() == 2
    assert np.allclose(out[:, 0, 0, 0], [1, 0, -1, 1]) and np.allclose(out[:, 3, 3, 3], [-1, -1, 1, 1])
    assert not out[:, 1].any()


def test_sentences_of_shapes(small: tuple[Path, Path]) -> None:
    corpus = Corpus(small[0])
    assert all(text.strip() for i in range(len(corpus)) for text in captions(corpus, i))
    assert split_name("TO-220-3_HorizontalTabUp") == "to horizontal tab up"
    assert category_text("chair").startswith("chair: a seat")
    assert category_text("street_sign").startswith("street sign: ") and category_text("unknown") == "unknown"


@pytest.mark.slow
def test_voxels_and_colours_have_the_same_axes(small: tuple[Path, Path]) -> None:
    task = EmbeddingTask(small[1], small[0], TINY)
    shape = task.shapes[0]
    for move in range(8):
        full, colours = oriented_shape(task.train, shape, move, True)
        coarse = full.reshape(16, 4, 16, 4, 16, 4).any((1, 3, 5))
        near = coarse.copy()
        for axis in range(3):
            near |= np.roll(near, 1, axis) | np.roll(near, -1, axis)
        assert near[colours[3] > 0].mean() > 0.98, "surface lies where it is full"


def test_samples_follow_from_step_and_seed_alone(small: tuple[Path, Path]) -> None:
    task, again = (EmbeddingTask(small[1], small[0], TINY) for _ in range(2))
    whole = task.batch(3, 0, 1)
    for name, t in again.batch(3, 0, 1).items():
        assert torch.equal(t, whole[name]), name
    for rank in range(2):
        part = task.batch(3, rank, 2)
        assert all(torch.equal(t, whole[name][rank::2]) for name, t in part.items())
    assert whole["first"].shape == (4, 4, 128, 128) and whole["cells"].dtype == torch.bool
    assert not torch.equal(whole["first"], whole["second"])


def test_invalid_options_are_refused(small: tuple[Path, Path]) -> None:
    for wrong in ({"width": 12}, {"batch": 1}, {"kin": 1.0}, {"solid": 0}):
        with pytest.raises(InputError):
            Config(**wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="another size"):
        EmbeddingTask(small[1], small[0], Config(width=8, words=False)).module()


@pytest.mark.slow
def test_a_resumed_run_is_identical(small: tuple[Path, Path], tmp_path: Path) -> None:
    def run(folder: str) -> Trainer:
        place = Worker(0, 1, torch.device("cpu"))
        return Trainer(
            EmbeddingTask(small[1], small[0], TINY),
            tmp_path / folder,
            place,
            lambda s: None,
            lambda n, f: None,
        )

    whole = run("a").fit()
    run("b").fit(until=2)
    parts = run("b").fit()
    assert parts == whole and 0 <= whole["score"] <= 1 and whole["recall_5"] == 1

"""The classifier in closed form of few meshes: trained, used and evaluated by the command line, and refused options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import lift3d

torch = pytest.importorskip("torch")

from lift3d.corpus.dataset import Corpus  # noqa: E402
from lift3d.errors import InputError  # noqa: E402
from lift3d.inference.networks import load_network  # noqa: E402
from lift3d.io.mesh.meshes import save_mesh  # noqa: E402
from lift3d.train.tasks.embedding_kernel import EmbeddingKernelTask, create_task  # noqa: E402
from lift3d.train.tasks.embedding_to_label import Config, EmbeddingToLabelTask, with_kind  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(small: tuple[Path, Path]) -> Path:
    """A classifier of boxes and rings in the packaged embedding."""
    out = small[0].parent / "kernel"
    code, said = lift3d("train", "classifier", "--data", small[0], "--pictures", small[1], "-o", out)
    assert code == 0 and "accuracy_photo" in said and "step 0" not in said, said
    return out


def test_models_and_photos_are_classified(trained: Path, small: tuple[Path, Path], tmp_path: Path) -> None:
    import trimesh
    from PIL import Image

    from lift3d.train.data.view_set import ViewSet

    card = json.loads((trained / "best.json").read_text())
    assert card["step"] == 0 and card["accuracy"] > 0.9, "boxes and rings differ"
    assert card["plan"]["config"]["kind"] == "kernel" and card["plan"]["data"]["fitted"] == [
        "train",
        "val",
        "test",
    ]
    save_mesh(trimesh.creation.torus(1, 0.3), tmp_path / "ring.stl")
    save_mesh(trimesh.creation.box((1, 0.5, 0.8)), tmp_path / "box.stl")
    Image.fromarray(ViewSet(small[1], Corpus(small[0]), "train").pictures.rgb(0)).resize((256, 256)).save(
        tmp_path / "photo.png"
    )
    for name, kind in (("ring.stl", "kind0"), ("box.stl", "kind1"), ("photo.png", "kind")):
        code, said = lift3d("classify", tmp_path / name, "--weights", trained, "-q")
        assert code == 0 and kind in said.splitlines()[0], said


def test_the_network_is_the_fit_and_training_again_changes_nothing(
    trained: Path, small: tuple[Path, Path]
) -> None:
    net, _ = load_network("embedding_to_label", trained)
    task = create_task(small[1], small[0], Config())
    assert isinstance(task, EmbeddingKernelTask) and task.solved
    for name, value in task.module().state_dict().items():
        assert torch.equal(value, net.state_dict()[name])
    before = (trained / "best.safetensors").read_bytes()
    code, said = lift3d("train", "classifier", "--data", small[0], "--pictures", small[1], "-o", trained)
    assert code == 0 and (trained / "best.safetensors").read_bytes() == before, said
    with pytest.raises(NotImplementedError):
        task.batch(0, 0, 1)


def test_the_split_that_is_evaluated_is_not_fitted(
    trained: Path, small: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lift3d.evaluate import embedding_to_label as table

    counts: list[int] = []

    def fit_network(parts: Any, corpus: Corpus, labels: int) -> Any:
        counts.append(sum(len(part.rows) for part in parts))
        return fit(parts, corpus, labels)

    fit = table.fit_network
    monkeypatch.setattr(table, "fit_network", fit_network)
    where = ("--data", small[0], "--pictures", small[1])
    corpus = Corpus(small[0])
    for split in ("test", "val"):
        code, said = lift3d("evaluate", "classifier", *where, "--weights", trained, "--split", split)
        assert code == 0 and "nearest shape" in said and f"without the {split} split" in said, said
        assert counts.pop() == len(corpus) - len(corpus.where(split=split)) and not counts
    assert load_network("embedding_to_label", trained)[0].centres.shape[0] == len(corpus)  # type: ignore[union-attr, index, operator]


def test_the_options_decide_on_the_kind_and_initial_weights_are_refused(
    trained: Path, small: tuple[Path, Path], tmp_path: Path
) -> None:
    corpus = Corpus(small[0])
    assert with_kind(Config(least=3), corpus).kind == "kernel"
    assert with_kind(Config(steps=9), corpus).kind == "layers", "an option of the layers is set"
    with pytest.raises(InputError, match="steps is an option of the two layers"):
        Config(steps=9, kind="kernel")
    with pytest.raises(InputError, match="no kind forest"):
        Config(kind="forest")
    assert isinstance(create_task(small[1], small[0], Config(kind="layers")), EmbeddingToLabelTask)
    corpus.card = {**corpus.card, "plan": {"folder": None}}
    assert with_kind(Config(), corpus).kind == "layers", "a corpus of packages"
    where = ("--data", small[0], "--pictures", small[1])
    code, said = lift3d("train", "embedding-to-label", *where, "-o", tmp_path / "r", "--init-from", trained)
    assert code == 2 and "has no initial weights" in said, said


def test_a_shape_without_renderings_is_known_by_its_pictures(small: tuple[Path, Path], trained: Path) -> None:
    from lift3d.train.tasks.embedding_kernel import model_and_photos

    task = create_task(small[1], small[0], Config())
    assert isinstance(task, EmbeddingKernelTask)
    part = task.parts["train"]
    _, photos = model_and_photos(part, 0)
    assert len(photos) == len(part.renderings[0]) + len(part.pictures[0])
    part.renderings[0] = part.renderings[0][:0]
    model, photos = model_and_photos(part, 0)
    assert len(photos) == len(part.pictures[0]) and np.isclose(np.linalg.norm(model), 1)

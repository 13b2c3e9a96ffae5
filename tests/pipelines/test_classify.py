"""`classify`: which networks label what, how two labels are combined, and how a model becomes a shape."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pil

pytest.importorskip("torch")

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.io.mesh.meshes import save_mesh
from lift3d.maps.embedding_to_label import EmbeddingToLabel
from lift3d.maps.image_to_embedding import ImageToEmbedding
from lift3d.pipelines import classify as pipeline
from lift3d.pipelines.classify import Classification, classify, combine_labels, is_photo, load_shape
from lift3d.types import Embedding, Image, Label, Part, Voxels
from lift3d.weights import PretrainedCfg

VOXELS = Label(("chair", "table"), np.array([0.9, 0.1]), np.eye(3))
VIEWS = Label(("car", "chair", "table"), np.array([0.2, 0.4, 0.4]))
EMBEDDING = Embedding(np.ones((1, 4), np.float32), "image", "space")


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Networks that give VOXELS and VIEWS; the list names what was called."""
    called: list[str] = []

    def voxels(source: Voxels, weights: str | None, context: Context, judge: object) -> Label:
        called.append("voxels")
        return VOXELS

    def views(self: EmbeddingToLabel, source: Embedding, context: Context) -> Label:
        called.append("views")
        return VIEWS

    def photo(self: ImageToEmbedding, source: Image, context: Context) -> Embedding:
        called.append("photo")
        return EMBEDDING

    def parts(parts: list[Part], weights: str | None) -> Embedding:
        called.append("parts")
        return EMBEDDING

    monkeypatch.setattr(pipeline, "label_voxels", voxels)
    monkeypatch.setattr(EmbeddingToLabel, "apply", views)
    monkeypatch.setattr(ImageToEmbedding, "apply", photo)
    monkeypatch.setattr(pipeline, "_embed_parts", parts)
    return called


def test_a_model_is_labelled_by_voxels_and_views(
    networks: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PretrainedCfg, "number", lambda *_: 0.3)  # the weight of the voxels
    box = trimesh.creation.box((1, 2, 3))
    save_mesh(box, tmp_path / "box.stl")
    result, from_file = classify(box), classify(tmp_path / "box.stl")
    assert networks == ["voxels", "parts", "views"] * 2
    assert result.name == "chair" and result.notes == []
    assert result.top(3) == from_file.top(3) and result.top(1)[0][1] > 0.5
    assert result.label.names == VIEWS.names
    assert result.facts["file"] is None and from_file.facts["file"] == "box.stl"
    assert len(from_file.facts["sha256"]) == 64


def test_a_photo_is_labelled_by_its_embedding(networks: list[str], tmp_path: Path) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    Pil.fromarray(pixels).save(tmp_path / "p.png")
    for source in (pixels, Pil.fromarray(pixels), tmp_path / "p.png", str(tmp_path / "p.png")):
        result = classify(source)
        assert result.top(1) == [("chair", 0.4)]
        assert result.notes == ["the label is uncertain: no category has half of the probability"]
    assert networks == ["photo", "views"] * 4


def test_the_result_as_json() -> None:
    result = Classification(VIEWS, ["a note"], {"file": "x.stl"})
    document = json.loads(json.dumps(result.to_dict(2)))
    assert document == {
        "labels": [{"name": "chair", "probability": 0.4}, {"name": "table", "probability": 0.4}],
        "notes": ["a note"],
        "file": "x.stl",
    }


def test_files_that_cannot_be_classified(networks: list[str], tmp_path: Path) -> None:
    (tmp_path / "film.mov").write_bytes(b"x")
    (tmp_path / "text.txt").write_text("x")
    flat = trimesh.Trimesh([[0, 0, 0], [2, 0, 0], [0, 1, 0], [2, 1, 0]], [[0, 1, 2], [1, 3, 2]] * 4)
    save_mesh(flat, tmp_path / "flat.ply")
    for source, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "film.mov", "is a video"),
        (tmp_path / "none.stl", "does not exist"),
        (tmp_path / "text.txt", "not a format"),
        (tmp_path / "flat.ply", "flat.ply .*there is no shape to classify"),
        (flat, "the mesh .*there is no shape to classify"),
    ):
        with pytest.raises(InputError, match=words):
            classify(source)
    with pytest.raises(InputError, match="--up takes y or z"):
        classify(tmp_path / "flat.ply", up="x")
    assert networks == []


def test_photos_are_recognised_by_ending_or_type() -> None:
    assert is_photo("a.JPG") and is_photo(Path("b.heic")) and is_photo(np.zeros((9, 9, 3), np.uint8))
    assert not is_photo("a.stl") and not is_photo(trimesh.creation.box())


probabilities = st.lists(st.floats(0.01, 1), min_size=3, max_size=3)


@settings(max_examples=40, deadline=None)
@given(probabilities, probabilities, st.floats(0, 1))
def test_combined_labels(p: list[float], q: list[float], weight: float) -> None:
    voxels = Label(("b", "c", "x"), np.array(p) / sum(p))
    views = Label(("a", "b", "c"), np.array(q) / sum(q))
    both = combine_labels(voxels, views, weight)
    assert both.names == views.names and both.probabilities.sum() == pytest.approx(1)
    assert both.probabilities[0] == pytest.approx(views.probabilities[0]), "only the views know a"
    mean = voxels.probabilities[:2] ** weight * views.probabilities[1:] ** (1 - weight)
    assert both.probabilities[1] / both.probabilities[2] == pytest.approx(mean[0] / mean[1], rel=1e-6)


def test_the_weight_chooses_between_two_labels_and_disjoint_ones_are_not_mixed() -> None:
    views = Label(("chair", "table"), np.array([0.3, 0.7]))
    np.testing.assert_allclose(combine_labels(VOXELS, views, 1.0).probabilities, VOXELS.probabilities)
    np.testing.assert_allclose(combine_labels(VOXELS, views, 0.0).probabilities, views.probabilities)
    other = Label(("x", "y"), np.array([0.5, 0.5]))
    assert combine_labels(VOXELS, other, 0.5).top(2) == other.top(2)


def test_a_closed_model_fills_its_voxels_and_an_open_one_is_noted() -> None:
    box = trimesh.creation.box((1, 1, 1))
    shape = load_shape(box)
    assert shape.notes == [] and shape.voxels.quantity == "occupancy"
    filled = shape.voxels.values > 0.5
    low, high = np.argwhere(filled).min(0), np.argwhere(filled).max(0)
    assert filled[low[0] : high[0] + 1, low[1] : high[1] + 1, low[2] : high[2] + 1].all(), "a solid block"
    ball = trimesh.creation.icosphere(2)
    ball.update_faces(np.arange(len(ball.faces)) > 5)
    assert any("not closed" in note for note in load_shape(ball).notes)

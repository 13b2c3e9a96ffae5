"""`index`: only what is new, changed or gone is processed, and nothing is left behind by a failure."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import trimesh

pytest.importorskip("torch")

from lift3d.errors import InputError
from lift3d.io.mesh.meshes import save_mesh
from lift3d.pipelines import index as pipeline
from lift3d.pipelines.index import FOLDER, MAX_DEPTH, IndexReport, index, list_models
from lift3d.search_index.store import ModelIndex
from lift3d.types import Embedding, Part

EMBEDDED: list[int] = []


class Network:
    """An embedding network whose vectors are the same for every model; counts the models it embeds."""

    name = "a-space"

    def __init__(self, weights: str | None = None) -> None:
        self.name = f"space-{weights}"

    def embed_parts(self, parts: list[Part]) -> Embedding:
        EMBEDDED.append(sum(len(part.faces) for part in parts))
        return Embedding(np.ones((2, 256), np.float32) / 16, "shape", self.name)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pipeline, "EmbeddingNetwork", Network)
    EMBEDDED.clear()
    folder = tmp_path / "models"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.stl", "b.ply", "sub/c.obj"):
        save_mesh(trimesh.creation.box(), folder / name)
    return folder


def counts(report: IndexReport) -> tuple[int, ...]:
    return report.count, report.new, report.changed, report.unchanged, report.removed


def test_a_second_call_processes_only_what_changed(models: Path) -> None:
    assert counts(index(models)) == (3, 3, 0, 0, 0) and len(EMBEDDED) == 3
    assert counts(index(models)) == (3, 0, 0, 3, 0) and len(EMBEDDED) == 3
    os.utime(models / "a.stl", (1, 1))
    assert counts(index(models)) == (3, 0, 0, 3, 0) and len(EMBEDDED) == 3, "the same bytes"
    save_mesh(trimesh.creation.icosphere(1), models / "a.stl")
    (models / "b.ply").unlink()
    report = index(models)
    assert counts(report) == (2, 0, 1, 1, 1) and len(EMBEDDED) == 4
    assert report.path == models / FOLDER and report.to_text() == "0 new, 1 changed, 1 as before, 1 removed"


def test_models_that_cannot_be_read_are_named_and_tried_once(models: Path) -> None:
    (models / "bad.stl").write_bytes(b"solid nothing")
    report = index(models)
    assert counts(report) == (3, 3, 0, 0, 0) and list(report.unreadable) == ["bad.stl"]
    (reason,) = report.reasons()
    assert reason.startswith("bad.stl: ") and "1 could not be read" in report.to_text()
    again = index(models)
    assert again.unreadable == report.unreadable and len(EMBEDDED) == 3


def test_an_interruption_keeps_what_was_stored(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "BATCH", 1)

    def stop(step: str, fraction: float) -> None:
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index(models, progress=stop)
    with ModelIndex(models / FOLDER) as stored:
        assert len(stored) == 2
    assert counts(index(models)) == (3, 1, 0, 2, 0)


def test_what_cannot_be_indexed_leaves_nothing_behind(models: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder, words in (
        (empty, "no models"),
        (tmp_path / "none", "does not exist"),
        (models / "a.stl", "is a file"),
    ):
        with pytest.raises(InputError, match=words):
            index(folder)
    (empty / "bad.stl").write_bytes(b"solid nothing")
    with pytest.raises(InputError, match=r"none of 1 models .*\(bad.stl: "):
        index(empty)
    assert [path.name for path in empty.iterdir()] == ["bad.stl"]
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is not an index"):
        index(models, tmp_path / "taken")


def test_an_index_belongs_to_its_folder_and_its_weights(models: Path, tmp_path: Path) -> None:
    index(models, tmp_path / "index")
    with pytest.raises(InputError, match="other weights"):
        index(models, tmp_path / "index", weights="other")
    other = tmp_path / "other"
    other.mkdir()
    save_mesh(trimesh.creation.box(), other / "a.stl")
    with pytest.raises(InputError, match="is the index of"):
        index(other, tmp_path / "index")


def test_an_index_moves_with_its_folder(models: Path, tmp_path: Path) -> None:
    index(models)
    models.rename(tmp_path / "moved")
    assert counts(index(tmp_path / "moved")) == (3, 0, 0, 3, 0)


def test_which_files_are_models(models: Path) -> None:
    own = models / "own"
    hidden = models / ".hidden"
    deep = models.joinpath(*["d"] * (MAX_DEPTH + 1))
    for folder in (own, hidden, deep):
        folder.mkdir(parents=True)
        save_mesh(trimesh.creation.box(), folder / "x.stl")
    (models / "notes.txt").write_text("x")
    (models / ".a.stl").write_text("x")
    (models / "broken.stl").symlink_to(models / "nowhere.stl")
    files = [file.path for file in list_models(models, own)]
    assert files == ["a.stl", "b.ply", "sub/c.obj"]


def test_a_model_without_its_picture_is_indexed_with_a_warning(models: Path) -> None:
    (models / "sub/c.mtl").write_text("newmtl wood\nmap_Kd ../images/wood.png\n")
    faces = (models / "sub/c.obj").read_text().splitlines()
    (models / "sub/c.obj").write_text(
        "mtllib c.mtl\nmtllib gone.mtl\nusemtl wood\n" + "\n".join(faces) + "\n"
    )
    report = index(models)
    assert counts(report) == (3, 3, 0, 0, 0) and not report.unreadable
    said = " ".join(report.warnings)
    assert all(text.startswith("sub/c.obj: ") for text in report.warnings)
    assert "gone.mtl" in said and "wood.png" in said
    assert index(models).warnings == [], "it is not read again"

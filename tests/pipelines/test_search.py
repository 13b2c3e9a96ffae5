"""`lift3d index` and `lift3d search` on a folder of simple models, with weights of a network that has learned nothing."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import trimesh
from command_line import lift3d
from PIL import Image as Pil

torch = pytest.importorskip("torch")

from safetensors.torch import save  # noqa: E402

from lift3d.inference import sentence_encoder as sentences  # noqa: E402
from lift3d.io.mesh.meshes import save_mesh  # noqa: E402
from lift3d.nets.multimodal_embedding import MultimodalEmbedding  # noqa: E402
from lift3d.pipelines.search import find_index, query_modality  # noqa: E402
from lift3d.search_index.database import DATABASE
from lift3d.search_index.store import ModelIndex  # noqa: E402


def refused(*words: object) -> str:
    """The one sentence of a command that cannot be done."""
    code, said = lift3d(*words)
    assert code == 2 and "Traceback" not in said, said
    last = said.strip().splitlines()[-1]
    assert last.startswith("lift3d: ") and last.endswith((".", "?")), said
    return last


def weights_in(folder: Path, seed: int) -> Path:
    folder.mkdir()
    torch.manual_seed(seed)
    net = MultimodalEmbedding(8, 1, 4)
    (folder / "best.safetensors").write_bytes(save({f"net.{k}": v for k, v in net.state_dict().items()}))
    card = {"mapping": "embedding", "config": {"width": 8, "layers": 1, "solid": 4}}
    (folder / "best.json").write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(models, weights), indexed."""
    root = tmp_path_factory.mktemp("search")
    (root / "models/round").mkdir(parents=True)
    save_mesh(trimesh.creation.box((1, 2, 3)), root / "models/box.stl")
    save_mesh(trimesh.creation.torus(1, 0.3), root / "models/round/ring.ply")
    save_mesh(trimesh.creation.cone(1, 2), root / "models/round/cone.obj")
    (root / "models/broken.stl").write_bytes(b"solid nothing")
    weights = weights_in(root / "run", 0)
    code, said = lift3d("index", root / "models", "--weights", weights)
    assert code == 0 and "3 models; 3 new, 0 changed, 0 as before, 0 removed, 1 could not be read" in said, (
        said
    )
    assert "broken.stl:" in said
    return root / "models", weights


@pytest.mark.slow
def test_a_model_finds_itself(made: tuple[Path, Path], tmp_path: Path) -> None:
    models, weights = made
    words = ("search", models / "round/ring.ply", "--index", models, "--weights", weights)
    code, said = lift3d(*words, "-k", 50, "--json", tmp_path / "f.json", "-o", tmp_path / "s.png")
    assert code == 0 and said.splitlines()[-3].endswith("round/ring.ply"), said
    told = json.loads((tmp_path / "f.json").read_text())
    assert told["by"] == "model" and [r["rank"] for r in told["found"]] == [1, 2, 3], "as many as there are"
    assert told["found"][0]["score"] == pytest.approx(1, abs=0.02)
    assert Pil.open(tmp_path / "s.png").width > 300


@pytest.mark.slow
def test_by_photo(made: tuple[Path, Path], tmp_path: Path) -> None:
    models, weights = made
    rgba = np.zeros((90, 90, 4), np.uint8)
    rgba[20:70, 30:60] = (200, 40, 40, 255)
    Pil.fromarray(rgba).save(tmp_path / "cut.png")
    code, said = lift3d("search", tmp_path / "cut.png", "--index", models, "--weights", weights, "-k", 2)
    assert code == 0 and len(said.strip().splitlines()) >= 2, said


@pytest.mark.slow
def test_only_what_changed_is_touched(made: tuple[Path, Path], tmp_path: Path) -> None:
    models, weights = tmp_path / "m", made[1]
    models.mkdir()
    for k in range(3):
        save_mesh(trimesh.creation.box((1, 1 + k, 3)), models / f"{k}.stl")
    place = tmp_path / "elsewhere"
    words = ("index", models, "-o", place, "--weights", weights)
    assert "3 new" in lift3d(*words)[1]
    with ModelIndex(place) as held:
        before = held.connection.execute("SELECT path, id FROM things").fetchall()
    os.utime(models / "0.stl", (1, 1))
    assert "0 new, 0 changed, 3 as before, 0 removed" in lift3d(*words)[1]
    with ModelIndex(place) as held:
        assert held.connection.execute("SELECT path, id FROM things").fetchall() == before
    save_mesh(trimesh.creation.torus(1, 0.3), models / "1.stl")
    (models / "2.stl").unlink()
    assert "0 new, 1 changed, 1 as before, 1 removed" in lift3d(*words)[1]
    assert "is the index of" in refused("index", made[0], "-o", place, "--weights", weights)


def test_what_cannot_be_indexed(made: tuple[Path, Path], tmp_path: Path) -> None:
    weights = made[1]
    assert "no models" in refused("index", tmp_path, "--weights", weights)
    assert not list(tmp_path.iterdir()), "nothing is left behind"
    assert "does not exist" in refused("index", tmp_path / "none", "--weights", weights)
    assert "is a file" in refused("index", made[0] / "box.stl", "--weights", weights)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/own.txt").write_text("mine")
    assert "not an index" in refused("index", made[0], "-o", tmp_path / "full", "--weights", weights)


def test_what_cannot_be_searched(made: tuple[Path, Path], tmp_path: Path) -> None:
    models, weights = made
    ask = ("--index", models, "--weights", weights)
    ring = models / "round/ring.ply"
    for k in (0, -3, 100_000):
        assert refused("search", ring, *ask, "-k", k)
    assert "does not exist" in refused("search", tmp_path / "none.jpg", *ask)
    assert "is a folder" in refused("search", tmp_path, *ask)
    assert "nothing to look for" in refused("search", " ", *ask)
    assert "not a PNG" in refused("search", ring, *ask, "-o", tmp_path / "sheet.gif")
    assert "is a folder" in refused("search", ring, *ask, "--json", tmp_path)
    assert "contains no index" in refused("search", ring, "--index", tmp_path, "--weights", weights)
    other = weights_in(tmp_path / "other", 1)
    assert "other weights" in refused("search", ring, "--index", models, "--weights", other)
    assert "broken.stl" in refused("search", models / "broken.stl", *ask)


def test_where_nothing_can_be_read_nothing_is_left(made: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "broken.stl").write_bytes(b"solid nothing")
    said = refused("index", tmp_path, "--weights", made[1])
    assert "none of 1 models" in said and "broken.stl" in said
    assert [path.name for path in tmp_path.iterdir()] == ["broken.stl"]


def test_a_damaged_index_and_one_of_another_version(made: tuple[Path, Path], tmp_path: Path) -> None:
    models, weights = made
    for name in ("cut", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / DATABASE).write_bytes((models / ".lift3d-index" / DATABASE).read_bytes())
    damaged = tmp_path / "cut" / DATABASE
    damaged.write_bytes(b"\x07" * 4096 + damaged.read_bytes()[4096:])
    base = sqlite3.connect(tmp_path / "old" / DATABASE)
    base.execute("UPDATE meta SET value = '0' WHERE name = 'version'")
    base.commit()
    base.close()
    ring = models / "round/ring.ply"
    assert "damaged" in refused("search", ring, "--index", tmp_path / "cut", "--weights", weights)
    assert "version 0" in refused("search", ring, "--index", tmp_path / "old", "--weights", weights)


def test_words_without_the_extra(made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentences, "PACKAGE", "no_such_package_of_words")
    sentences._net.cache_clear()
    sentences._pieces.cache_clear()
    said = refused("search", "round table", "--index", made[0], "--weights", made[1])
    assert "lift3d[text]" in said


def test_which_index_and_what_is_asked(made: tuple[Path, Path], tmp_path: Path) -> None:
    from lift3d.errors import InputError

    models = made[0]
    own = models / ".lift3d-index"
    assert find_index(None, models) == find_index(models, tmp_path) == find_index(own, tmp_path) == own
    assert find_index(None, models.parent) == own
    with pytest.raises(InputError, match="no index here"):
        find_index(None, tmp_path)
    for name in "ab":
        (tmp_path / name / ".lift3d-index").mkdir(parents=True)
        (tmp_path / name / ".lift3d-index" / DATABASE).write_bytes(b"")
    with pytest.raises(InputError, match="2 indices here"):
        find_index(None, tmp_path)
    assert (
        query_modality("a round table, 3.5 m wide") == "text"
        and query_modality(str(models / "box.stl")) == "shape"
    )


def test_queries_in_memory_and_their_modality(made: tuple[Path, Path]) -> None:
    from lift3d.pipelines.search import search

    models, weights = made
    ring = trimesh.creation.torus(1, 0.3)
    assert query_modality(ring) == "shape" and query_modality(np.zeros((64, 64, 3), np.uint8)) == "image"
    result = search(ring, index=models, count=2, weights=str(weights))
    assert len(result) == 2 and result[0].name == "round/ring.ply" and result.path(result[0]).is_file()
    assert [n.name for n in result] == [n.name for n in result[:2]] and result.modality == "shape"
    assert result[0].score >= result[1].score


def test_long_queries_are_wrapped() -> None:
    from lift3d.pipelines.search_sheet import LINE_LENGTH, wrap_text

    words = "a round table of dark wood with three legs and a very very thin top"
    lines = wrap_text(words)
    assert " ".join(lines) == words and max(map(len, lines)) <= LINE_LENGTH and len(lines) == 3
    assert wrap_text("x" * 40 + " y") == ["x" * 40, "y"] and wrap_text("") == [""]

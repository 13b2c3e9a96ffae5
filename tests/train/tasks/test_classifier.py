"""The classifier from a folder of meshes to a prediction, in one command each; its training data, and refused input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import trimesh
from command_line import lift3d

torch = pytest.importorskip("torch")

from lift3d.corpus.dataset import Corpus  # noqa: E402
from lift3d.errors import InputError  # noqa: E402
from lift3d.io.mesh.meshes import save_mesh  # noqa: E402
from lift3d.nets.shape_classifier import VoxelClassifier  # noqa: E402
from lift3d.nets.spatial_transformer import transform_voxels  # noqa: E402
from lift3d.train.data.backbone_features import augmented_variants, load_features  # noqa: E402
from lift3d.train.data.labelled_shapes import (  # noqa: E402
    LabelledShapes,
    category_names,
    centre_in_grid,
    evaluation_rotation,
    random_rotation,
)
from lift3d.train.distributed import Worker  # noqa: E402
from lift3d.train.engine import Trainer  # noqa: E402
from lift3d.train.tasks.classifier import BACKBONE, ClassifierTask, Config  # noqa: E402
from lift3d.train.tasks.masked_pictures import Config as PictureConfig  # noqa: E402
from lift3d.train.tasks.masked_pictures import MaskedPicturesTask  # noqa: E402
from lift3d.train.tasks.masked_voxels import Config as VoxelConfig  # noqa: E402
from lift3d.train.tasks.masked_voxels import MaskedVoxelsTask, random_blocks  # noqa: E402
from lift3d.train.tasks.upright import SIDES, UPSIDE_DOWN  # noqa: E402

pytestmark = pytest.mark.slow

ALONE = Worker(0, 1, torch.device("cpu"))
TINY = [
    "steps=12",
    "batch=6",
    "width=4",
    "begin=none",
    "validate=6",
    "warmup=2",
    "precision=float32",
    "dropout=0",
]


def sets(*options: str) -> list[str]:
    return [word for option in options for word in ("--set", option)]


@pytest.fixture(scope="module")
def run(small: tuple[Path, Path]) -> Path:
    """A classifier of boxes and rings."""
    out = small[0].parent / "classifier"
    code, said = lift3d("train", "classifier", "--voxels", "--data", small[0], "-o", out, *sets(*TINY))
    assert code == 0 and "best.safetensors" in said, said
    return out


def test_the_card_names_the_categories_and_the_loss_falls(run: Path) -> None:
    card = json.loads((run / "best.json").read_text())
    assert card["plan"]["data"]["labels"] == ["kind0", "kind1"] and card["plan"]["task"] == "voxels_to_label"
    assert {"score", "accuracy", "balanced", "upright"} <= set(card)
    losses = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    values = [line["loss"] for line in losses if "loss" in line]
    assert np.mean(values[-4:]) < np.mean(values[:4])


@pytest.mark.slow
def test_a_mesh_is_classified_and_a_file_is_written(run: Path, tmp_path: Path) -> None:
    ring = trimesh.creation.torus(1, 0.3)
    save_mesh(ring, tmp_path / "ring.stl")
    code, said = lift3d(
        "classify", tmp_path / "ring.stl", "--weights", run, "--json", tmp_path / "answer.json"
    )
    assert code == 0 and "%  kind" in said and "not closed" not in said, said
    answer = json.loads((tmp_path / "answer.json").read_text())
    assert [x["name"] for x in answer["labels"]] == [
        line.split("%  ")[1] for line in said.splitlines() if "%" in line
    ]
    assert sum(x["probability"] for x in answer["labels"]) == pytest.approx(1, abs=1e-5)
    shown = ring.copy()
    shown.update_faces(np.arange(len(shown.faces)) % 50 != 0)
    shown.apply_scale(1000)
    save_mesh(shown, tmp_path / "open.glb")
    code, said = lift3d("classify", tmp_path / "open.glb", "--weights", run, "--top", 1)
    assert code == 0 and "decided by rays" in said and said.count("%") == 1, said


def test_input_without_a_shape_is_one_diagnosis(run: Path, tmp_path: Path) -> None:
    flat = trimesh.Trimesh(np.random.default_rng(0).random((30, 3)) * [1, 1, 0], np.arange(30).reshape(10, 3))
    save_mesh(trimesh.util.concatenate([flat, flat]), tmp_path / "flat.ply")
    (tmp_path / "none.stl").write_bytes(b"")
    (tmp_path / "film.mp4").write_bytes(b"x")
    (tmp_path / "text.txt").write_bytes(b"x")
    save_mesh(trimesh.creation.box(), tmp_path / "box.stl")
    for words, told in (
        (("flat.ply",), "is a flat sheet"),
        (("none.stl",), "is empty"),
        (("film.mp4",), "is a video"),
        (("text.txt",), "not a format"),
        (("missing.stl",), "missing.stl"),
        ((".",), "is a folder"),
        (("box.stl", "--up", "x"), "is not an upright axis"),
        (("box.stl", "--top", "0"), "top"),
        (("box.stl", "--json", tmp_path / "box.stl"), "overwrite the file"),
        (("box.stl", "--weights", tmp_path / "nobody"), "no weights called"),
    ):
        options = [] if "--weights" in words else ["--weights", run]
        code, said = lift3d("classify", tmp_path / str(words[0]), *words[1:], *options)
        assert code == 2 and told in said and "Traceback" not in said, said


@pytest.mark.slow
def test_the_table_on_unseen_families(small: tuple[Path, Path], run: Path, tmp_path: Path) -> None:
    code, said = lift3d(
        "evaluate", "classifier", "--data", small[0], "--weights", run, "--plain", run, "--split", "val", "-o", tmp_path
    )  # fmt: skip
    assert code == 0 and "nearest shapes, raw voxels" in said, said
    table = json.loads((tmp_path / "classifier.json").read_text())
    assert set(table["rows"]) == {"network", "plain, trained upright", "nearest shapes, raw voxels"}
    for row in table["rows"].values():
        for m in row.values():
            low, high = m["accuracy_interval"]
            assert 0 <= low <= m["accuracy"] <= high <= 1
    assert sum(map(sum, table["confusions"])) == table["shapes"] and (tmp_path / "classifier.png").is_file()
    assert table["rows"]["network"]["any"] == table["rows"]["plain, trained upright"]["any"]


@pytest.mark.slow
def test_one_command_from_a_folder_of_meshes(small: tuple[Path, Path], run: Path, tmp_path: Path) -> None:
    shutil.copytree(small[0].parent / "m", tmp_path / "m")
    words = ("train", "classifier", "--data", tmp_path / "m", "--init-from", run, "-o", tmp_path / "own")
    code, said = lift3d(*words, *sets(*TINY, "late=0"))
    assert code == 0 and "contains 14 meshes" in said, said
    assert (tmp_path / "m-corpus/corpus.json").is_file()
    from safetensors.torch import load_file

    before, after = (load_file(folder / "best.safetensors") for folder in (run, tmp_path / "own"))
    for name in ("backbone.start.weight", "backbone.fine.first_norm.running_mean"):
        assert torch.allclose(before[name], after[name], atol=1e-6), "the trunk is frozen"
    assert not torch.equal(before["head.fc2.weight"], after["head.fc2.weight"])
    (tmp_path / "empty").mkdir()
    code, said = lift3d("train", "classifier", "--data", tmp_path / "empty")
    assert code == 2 and "no corpus and no meshes" in said


@pytest.mark.parametrize("kind", ["voxels", "points"])
def test_every_network_trains_and_validates(small: tuple[Path, Path], kind: str) -> None:
    config = Config(
        kind=kind, width=4, begin="none", transformer=False, rotate="none", stretch=0, batch=3, held=3
    )
    task = ClassifierTask(small[0], config)
    net = task.module()
    losses = task.loss(net, task.batch(0, 0, 1), 0)
    losses["loss"].backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)
    with torch.no_grad():
        assert set(task.validate(net.eval())) == {"score", "accuracy", "balanced"}


def test_processes_share_a_batch_and_samples_follow_from_the_step(small: tuple[Path, Path]) -> None:
    task = ClassifierTask(small[0], Config(batch=6, width=4, begin="none"))
    whole, parts = task.batch(5, 0, 1), [task.batch(5, rank, 2) for rank in (0, 1)]
    for name in whole:
        assert torch.equal(whole[name][::2], parts[0][name]) and torch.equal(
            whole[name][1::2], parts[1][name]
        )


def test_few_labels_are_spread_over_categories_and_nested(small: tuple[Path, Path]) -> None:
    corpus = Corpus(small[0])
    names = category_names(corpus)
    assert names == ("kind0", "kind1")
    few, more, all_ = (LabelledShapes(corpus, "train", names, share) for share in (0.01, 0.5, 1.0))
    assert few.counts.tolist() == [1, 1]
    assert set(few.members) <= set(more.members) < set(all_.members)
    with pytest.raises(InputError, match="a classifier needs two"):
        category_names(corpus, 50)


def test_random_rotations_are_proper_and_uniform() -> None:
    rng = np.random.default_rng(0)
    ups = []
    for _ in range(400):
        turn = random_rotation(rng, "any")
        assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-5) and np.linalg.det(turn) > 0
        ups.append(turn[:, 2])
    assert np.abs(np.mean(ups, 0)).max() < 0.1 and np.allclose(
        np.cov(np.transpose(ups)), np.eye(3) / 3, atol=0.08
    )
    assert np.allclose(random_rotation(rng, "up")[:, 2], [0, 0, 1])
    assert np.array_equal(evaluation_rotation(7, "any"), evaluation_rotation(7, "any"))
    assert not np.array_equal(evaluation_rotation(7, "any"), evaluation_rotation(8, "any"))


def test_centring_shifts_but_does_not_change_a_shape() -> None:
    full = np.zeros((64, 64, 64), bool)
    full[0:10, 50:64, 3:60] = np.random.default_rng(0).random((10, 14, 57)) > 0.5
    moved = centre_in_grid(full)
    assert moved.sum() == full.sum() and np.array_equal(centre_in_grid(moved), moved)
    places = np.argwhere(moved)
    assert np.abs(places.min(0) + places.max(0) - 63).max() <= 1
    assert not centre_in_grid(np.zeros((8, 8, 8), bool)).any()
    share = torch.from_numpy(moved[None]).float()
    assert abs(float(transform_voxels(share, torch.eye(3)[None]).sum() / share.sum()) - 1) < 0.3


def test_the_autoencoder_initialises_the_backbone(small: tuple[Path, Path]) -> None:
    from lift3d.weights import load_tensors

    net = ClassifierTask(small[0], Config()).module()
    given = load_tensors("autoencoder")
    for name in ("start.weight", "fine.first.weight", "coarse.1.second_norm.running_var"):
        assert torch.equal(net.state_dict()["backbone." + name], given["encoder." + name])
    with pytest.raises(InputError, match="of another size"):
        ClassifierTask(small[0], Config(width=16)).module()


@pytest.mark.slow
def test_the_backbone_is_frozen_until_the_late_steps(small: tuple[Path, Path], tmp_path: Path) -> None:
    config = Config(
        steps=4, late=1, variants=2, batch=4, validate=4, save=2, warmup=1, precision="float32", held=2
    )
    said: list[str] = []

    def run(folder: str) -> Trainer:
        return Trainer(
            ClassifierTask(small[0], config), tmp_path / folder, ALONE, said.append, lambda n, f: None
        )

    first = run("a")
    before = {k: v.clone() for k, v in first.module.state_dict().items()}
    first.fit(3)
    after = first.module.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert not any(name.startswith(BACKBONE) for name in changed)
    assert {"head.fc1.weight", "upright_estimator.score.weight"} <= changed
    first.fit()
    assert not torch.equal(
        before["backbone.fine.first.weight"], first.module.state_dict()["backbone.fine.first.weight"]
    )
    run("b").fit(2)
    again = run("b")
    assert "resuming from step 2" in said[-1]
    again.fit()
    for name, t in first.module.state_dict().items():
        assert torch.allclose(t.float(), again.module.state_dict()[name].float(), atol=1e-6), name


def test_cached_features_equal_the_backbones(small: tuple[Path, Path]) -> None:
    task = ClassifierTask(small[0], Config(variants=2, precision="float32"))
    net = task.module().eval()
    assert isinstance(net, VoxelClassifier)
    kept = load_features(net, task.train, task.augmentation, "float32", lambda f: None)
    assert kept.shape == (len(task.train), 2, net.backbone.features + 5)
    cells, maps = augmented_variants(task.train, 3, task.augmentation)
    assert np.array_equal(maps[0], np.eye(3)) and np.array_equal(cells[0], task.train.full(3))
    with torch.no_grad():
        said = net.features(transform_voxels(torch.from_numpy(cells).float(), torch.from_numpy(maps)))
    assert torch.allclose(said, kept[3].float(), rtol=2e-3, atol=2e-3)
    assert len(list((small[0].parent / f"{small[0].name}-features").iterdir())) >= 1


def test_each_of_the_six_directions_is_up_once() -> None:
    ways = np.stack([np.eye(3), UPSIDE_DOWN, *SIDES])
    assert np.allclose(ways @ ways.transpose(0, 2, 1), np.eye(3)) and np.allclose(np.linalg.det(ways), 1)
    assert len(np.unique(ways[:, 2], axis=0)) == 6


@pytest.mark.slow
def test_masked_tasks_learn_and_initialise_other_networks(small: tuple[Path, Path], tmp_path: Path) -> None:
    words = ("--data", small[0], "-o", tmp_path / "masked")
    options = (
        "steps=8",
        "batch=4",
        "width=4",
        "warmup=1",
        "validate=8",
        "held=2",
        "precision=float32",
        "rate=5e-3",
    )
    code, said = lift3d("train", "masked-voxels", *words, *sets(*options))
    assert code == 0, said
    lines = [json.loads(line) for line in (tmp_path / "masked/log.jsonl").read_text().splitlines()]
    values = [line["loss"] for line in lines if "loss" in line]
    assert values[-1] < values[0]
    words = ("--data", small[0], "--init-from", tmp_path / "masked", "-o", tmp_path / "from")
    code, said = lift3d(
        "train",
        "classifier",
        *words,
        *sets("steps=1", "batch=2", "width=4", "begin=none", "rate=1e-9", "warmup=1"),
    )
    assert code == 0 and "are loaded" in said, said
    from safetensors.torch import load_file

    first, then = (load_file(tmp_path / name / "best.safetensors") for name in ("masked", "from"))
    assert torch.allclose(first["backbone.fine.first.weight"], then["backbone.fine.first.weight"], atol=1e-6)


def test_masked_pictures_take_a_step(small: tuple[Path, Path]) -> None:
    task = MaskedPicturesTask(small[1], PictureConfig(width=8, batch=2, held=2, precision="float32"))
    net = task.module()
    assert any(name.startswith("net.encoder.") for name in net.state_dict())
    task.loss(net, task.batch(0, 0, 1), 0)["loss"].backward()
    with torch.no_grad():
        assert set(task.validate(net.eval())) == {"explained", "error"}


def test_the_masked_voxel_loss_depends_on_hidden_voxels_alone(small: tuple[Path, Path]) -> None:
    task = MaskedVoxelsTask(small[0], VoxelConfig(width=4, batch=2, held=2, precision="float32"))
    batch = task.batch(0, 0, 1)
    share = batch["hidden"].float().mean((1, 2, 3))
    assert torch.allclose(share, torch.full((2,), 0.6), atol=1e-2)

    class Knows(torch.nn.Module):
        def forward(self, cells: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
            wide = hidden.repeat_interleave(8, 1).repeat_interleave(8, 2).repeat_interleave(8, 3)
            return torch.where(wide, 80 * cells - 40, torch.full_like(cells, 40.0))

    assert float(task.loss(Knows(), batch, 0)["loss"]) == pytest.approx(0, abs=1e-3)
    assert random_blocks(np.random.default_rng(0), 0.001, 2).sum() == 1


def test_invalid_options_are_diagnosed(tmp_path: Path) -> None:
    for option, told in (
        ("rotate=sideways", "rotate = sideways is not known"),
        ("labels_share=0", "labels_share must be over 0"),
        ("dropout=2", "dropout = 2.0 is not between 0 and 1"),
        ("width=1", "width must be at least 4"),
    ):
        code, said = lift3d("train", "classifier", "--voxels", "--data", tmp_path, "--set", option)
        assert code == 2 and told in said, said
    for task in ("masked-voxels", "masked-pictures"):
        code, said = lift3d("train", task, "--data", tmp_path, "--set", "hidden=1.5")
        assert code == 2 and "hidden between 0 and 1" in said, said
    code, said = lift3d("evaluate", "masked-voxels", "--data", tmp_path)
    assert code == 2 and "has no table" in said, said

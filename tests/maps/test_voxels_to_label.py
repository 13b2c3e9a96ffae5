"""Cells to categories: every grid is laid into the network's own, and answers are probabilities."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.context import Context  # noqa: E402
from lift3d.errors import InputError  # noqa: E402
from lift3d.maps.voxels_to_label import (  # noqa: E402
    VoxelsToLabel,
    inference_options,
    label_voxels,
    resample_to_network_grid,
)
from lift3d.nets.factory import create_classifier  # noqa: E402
from lift3d.nets.sizes import POSES  # noqa: E402
from lift3d.types import Label, Voxels  # noqa: E402
from lift3d.weights import PretrainedCfg, find, pack  # noqa: E402

CONFIG = {"kind": "voxels", "width": 4, "transformer": True, "dropout": 0.0, "hidden": 16}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run")
    (folder / "best.safetensors").write_bytes(pack(create_classifier(CONFIG, 3).state_dict()))
    card = {
        "plan": {"task": "voxels_to_label", "config": CONFIG, "data": {"labels": ["cup", "boat", "tree"]}}
    }
    (folder / "best.json").write_text(json.dumps(card))
    return folder


def thing(cells: tuple[int, int, int], n: int = 64, at: tuple[int, int, int] = (0, 0, 0)) -> np.ndarray:
    """A box with a notch."""
    out = np.zeros((n, n, n), np.float32)
    a, b, c = cells
    out[at[0] : at[0] + a, at[1] : at[1] + b, at[2] : at[2] + c] = 1
    out[at[0] : at[0] + a // 2, at[1] : at[1] + b // 2, at[2] : at[2] + c // 2] = 0
    return out


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_the_corpus_own_grid_is_taken_as_it_is() -> None:
    values = thing((58, 20, 31), at=(3, 30, 3))
    found = resample_to_network_grid(Voxels(values, np.diag([0.1, 0.1, 0.1, 1]), "occupancy"))
    assert found.sum() == values.sum() and found[3:61, 22:42, 16:47].sum() == values.sum()


@pytest.mark.parametrize("n,k", [(128, 2), (30, 0.5), (256, 4)])
@pytest.mark.slow
def test_other_grids_give_the_same_cells(n: int, k: float) -> None:
    near = resample_to_network_grid(Voxels(thing((60, 20, 40)), np.eye(4), "occupancy"))
    cells = tuple(int(s * k) for s in (60, 20, 40))
    for kind, values in (("occupancy", thing(cells, n)), ("signed_distance", 0.5 - thing(cells, n))):  # type: ignore[arg-type]
        far = resample_to_network_grid(Voxels(values.astype(np.float32), np.diag([3.0, 3, 3, 1]), kind))
        assert iou(near, far) > 0.9


def test_axes_of_the_affine_count() -> None:
    values = thing((30, 20, 40))
    wide = np.diag([2.0, 1, 1, 1])
    found = resample_to_network_grid(Voxels(values, wide, "occupancy"))
    sides = [int(found.any(axes).sum()) for axes in ((1, 2), (0, 2), (0, 1))]
    assert sides[0] == pytest.approx(60, abs=2) and sides[1] == pytest.approx(20, abs=2)
    values = thing((45, 30, 60))
    turned = np.eye(4)[[1, 0, 2, 3]] * np.array([[1.0], [-1], [1], [1]])
    assert iou(resample_to_network_grid(Voxels(values, turned, "occupancy")), resample_to_network_grid(
        Voxels(np.ascontiguousarray(values.transpose(1, 0, 2)[:, ::-1]), np.eye(4), "occupancy"))) > 0.9  # fmt: skip


def test_thin_sheets_are_not_lost() -> None:
    for thick in (1, 2, 5):
        values = np.zeros((200, 200, 200), np.float32)
        values[:, :, :thick] = 1
        found = resample_to_network_grid(Voxels(values, np.eye(4), "occupancy"))
        assert found.any(2).sum() >= 59**2 and found.sum() <= 3 * 62**2


@pytest.mark.slow
def test_answers_are_probabilities_whatever_the_size_and_the_place(weights: Path) -> None:
    ask = VoxelsToLabel(weights=str(weights))
    first = ask(Voxels(thing((50, 20, 41)), np.eye(4), "occupancy"))
    assert set(first.names) == {"cup", "boat", "tree"} and first.probabilities.sum() == pytest.approx(1)
    there = np.diag([7.0, 7, 7, 1])
    there[:3, 3] = [100, -3, 5]
    other = ask(Voxels(thing((50, 20, 41), at=(9, 40, 3)), there, "occupancy"))
    assert np.array_equal(first.probabilities, other.probabilities)
    assert [p for _, p in first.top(3)] == sorted(first.probabilities, reverse=True)


def test_what_cannot_be_named_is_refused(weights: Path, tmp_path: Path) -> None:
    ask = VoxelsToLabel(weights=str(weights))
    for values, affine, said in (
        (np.zeros((8, 8, 8)), np.eye(4), "no voxel is occupied"),
        (np.ones((520, 2, 2)), np.eye(4), "520 voxels a side"),
        (np.ones((8, 8, 8)), np.diag([1.0, 1, 0, 1]), "span no space"),
    ):
        with pytest.raises(InputError, match=said):
            ask(Voxels(values.astype(np.float32), affine, "occupancy"))
    card = json.loads((weights / "best.json").read_text())
    (tmp_path / "best.safetensors").write_bytes((weights / "best.safetensors").read_bytes())
    for labels in ([], ["a"], ["a", "a"], ["a", 3], "ab"):
        card["plan"]["data"]["labels"] = labels
        (tmp_path / "best.json").write_text(json.dumps(card))
        with pytest.raises(InputError, match="labels"):
            find(tmp_path)
    card["plan"]["data"]["labels"] = None
    (tmp_path / "best.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="names no categories"):
        find(tmp_path).require_labels()
    card["plan"]["data"]["labels"] = ["one", "two"]
    (tmp_path / "best.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="does not fit"):
        VoxelsToLabel(weights=str(tmp_path))(Voxels(np.ones((8, 8, 8), np.float32), np.eye(4), "occupancy"))


def test_hostile_cards_ask_for_little() -> None:
    def options(inference: object) -> dict[str, object]:
        return inference_options(PretrainedCfg("w", Path("w.safetensors"), extra={"inference": inference}))

    assert options({}) == {"poses": 3, "symmetries": True, "identity_bias": 0.0}
    assert options({"poses": 10**9, "around": False}) == {
        "poses": 18,
        "symmetries": False,
        "identity_bias": 0.0,
    }
    assert options({"poses": -4}) == {"poses": 1, "symmetries": True, "identity_bias": 0.0}
    for damaged in ({"poses": []}, 3, "around"):
        with pytest.raises(InputError, match="damaged"):
            options(damaged)


def test_a_label_is_checked_when_it_is_made() -> None:
    for names, p in ((("a", "b"), [0.5, 0.4]), (("a", "a"), [0.5, 0.5]), (("a",), [0.5, 0.5]), ((), [])):
        with pytest.raises(ValueError, match="Label"):
            Label(tuple(names), np.array(p))
    with pytest.raises(ValueError, match="positive"):
        Label(("a", "b"), np.array([1.5, -0.5]))
    assert Label(("a", "b", "c"), np.array([0.2, 0.4, 0.4])).top(2) == [("b", 0.4), ("c", 0.4)]


def test_a_judge_replaces_the_scores_of_the_poses(weights: Path) -> None:
    source = Voxels(thing((58, 20, 31), at=(3, 30, 3)), np.diag([0.1, 0.1, 0.1, 1]), "occupancy")
    seen = []

    def judge(chosen: int, rotations: np.ndarray, scores: np.ndarray) -> np.ndarray:
        seen.append(rotations[chosen])
        return np.eye(len(scores), dtype=np.float32)[chosen]

    for chosen in (0, 5, POSES - 1):
        label = label_voxels(source, str(weights), Context(), partial(judge, chosen))
        assert label.rotation is not None and np.allclose(label.rotation, seen[-1], atol=1e-6)
        assert label.probabilities.sum() == pytest.approx(1)
    own = label_voxels(source, str(weights), Context())
    assert np.array_equal(own.probabilities, VoxelsToLabel(str(weights))(source).probabilities)

"""Which pose is upright: views that share an up axis are rendered once, and the sum of both judgements decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

torch = pytest.importorskip("torch")

from lift3d.errors import InputError  # noqa: E402
from lift3d.inference import upright  # noqa: E402
from lift3d.inference.upright import (  # noqa: E402
    DIRECTIONS,
    PoseWeights,
    has_poses,
    judge_poses,
    pose_weights,
    upright_by_views,
)
from lift3d.nets.point_net import PointNet  # noqa: E402
from lift3d.nets.rotation6d import rotation_from_6d  # noqa: E402
from lift3d.nets.shape_classifier import VoxelClassifier  # noqa: E402
from lift3d.nets.sizes import IDENTITY, POSES  # noqa: E402
from lift3d.types import Part  # noqa: E402
from lift3d.weights import PretrainedCfg  # noqa: E402


@dataclass
class Tall:
    """A network for which a picture is the more upright the taller the object in it is."""

    image_size: int = 48
    runtime: str | None = None
    pictures: list[int] = field(default_factory=list)

    def upright_scores(self, features: np.ndarray) -> np.ndarray:
        self.pictures.append(len(features))
        return np.array(
            [np.ptp(np.nonzero(f[3] > 0.5)[0]) - np.ptp(np.nonzero(f[3] > 0.5)[1]) for f in features]
        )


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Tall:
    monkeypatch.setattr(upright, "features_of", lambda pictures, runtime: pictures)
    return Tall()


def post() -> list[Part]:
    """A post along z."""
    mesh = trimesh.creation.box((0.2, 0.25, 0.9))
    return [Part(np.asarray(mesh.vertices), np.asarray(mesh.faces, np.int32))]


def test_a_post_is_upright_where_it_stands(network: Tall) -> None:
    lying = Rotation.from_euler("x", 90, degrees=True).as_matrix()
    about = Rotation.from_euler("z", 70, degrees=True).as_matrix()
    found = upright_by_views(post(), np.stack([np.eye(3), lying, about, about @ lying]), network)  # type: ignore[arg-type]
    assert found[0] > 0 > found[1]
    assert (
        found[2] == found[0] and network.pictures == [len(DIRECTIONS)] * 2
    )  # about the vertical nothing changes
    assert found[3] == found[1]


def test_an_invisible_model_is_upright_nowhere(network: Tall, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise InputError("the model is invisible from every side")

    monkeypatch.setattr(upright, "render_directions", refuse)
    assert np.isneginf(upright_by_views(post(), np.eye(3)[None], network)).all()  # type: ignore[arg-type]


@pytest.mark.parametrize("turn", [np.eye(3), Rotation.from_euler("y", 90, degrees=True).as_matrix()])
def test_the_pose_in_which_the_voxels_stand_wins(network: Tall, turn: np.ndarray) -> None:
    torch.manual_seed(0)
    net = VoxelClassifier(3, 8).eval()
    mesh = trimesh.creation.box((0.2, 0.25, 0.9))
    mesh.apply_transform(np.block([[turn, np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]]))
    line = (np.arange(64) + 0.5) / 64 - 0.5
    low, high = np.asarray(mesh.bounds)
    inside = [(line > a) & (line < b) for a, b in zip(low, high)]
    voxels = np.einsum("i,j,k->ijk", *(axis.astype(np.float32) for axis in inside))
    with torch.no_grad():
        scored = net.score_poses(torch.from_numpy(voxels)[None])
        poses, total = judge_poses(post(), scored, network, PoseWeights(1.0, 0.0, 0.0), turn)  # type: ignore[arg-type]
    assert total.shape == (1, POSES) and torch.equal(poses, scored[0])
    best = rotation_from_6d(poses[0, int(total.argmax())][None].float())[0].double().numpy()
    assert abs((best @ turn)[2] @ [0, 0, 1]) > 0.999  # the post's axis is vertical again


def test_voxels_and_the_given_pose_weigh_as_the_card_says(network: Tall) -> None:
    torch.manual_seed(0)
    net = VoxelClassifier(3, 8).eval()
    voxels = torch.zeros(1, 64, 64, 64)
    voxels[:, 20:44, 20:40, 4:60] = 1
    with torch.no_grad():
        scored = net.score_poses(voxels)
        plain = judge_poses(post(), scored, network, PoseWeights(1.0, 0.0, 0.0))[1]  # type: ignore[arg-type]
        both = judge_poses(post(), scored, network, PoseWeights(2.0, 3.0, 5.0))[1]  # type: ignore[arg-type]
    expected = 2 * plain + 3 * scored[1]
    expected[:, IDENTITY] += 5
    assert torch.allclose(both, expected, atol=1e-4)


def test_a_card_without_weights_judges_by_voxels_and_a_damaged_one_is_refused() -> None:
    card = PretrainedCfg("x", Path("x"))
    assert pose_weights(card) is None
    assert pose_weights(PretrainedCfg("x", Path("x"), extra={"pose": {"views": 2.0}})) == PoseWeights(2.0)
    with pytest.raises(InputError, match="damaged"):
        pose_weights(PretrainedCfg("x", Path("x"), extra={"pose": {"looks": 2.0}}))
    assert has_poses(VoxelClassifier(3, 8)) and not has_poses(VoxelClassifier(3, 8, False))
    assert not has_poses(PointNet(3, 8))

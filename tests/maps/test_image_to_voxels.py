"""From cells of a view to a solid that stands: it lies behind its photo, its mirror photo fits it, and bad photos are told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lift3d.context import Context
from lift3d.errors import CaptureError, InputError
from lift3d.geometry.camera.assumed import assumed_intrinsics
from lift3d.geometry.image.crop import Crop, square_crop
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.geometry.render.rasterizer import depth_map
from lift3d.geometry.symmetry.plane import symmetry_plane
from lift3d.geometry.voxels.view_frame import ViewFrame
from lift3d.maps.image_to_voxels import (
    erode_mask,
    mean_confidence,
    place_on_ground,
    rotation_about_z,
    upright_axes,
)
from lift3d.maps.voxels_to_mesh import VoxelsToMesh
from lift3d.pipelines.reconstruction.single_view import reflect_view, with_reflected_view
from lift3d.types import Image, Photos, SolidPrediction, SymmetryPlane

N = 64
UP = np.array([0.1, -0.9, -0.42]) / np.linalg.norm([0.1, -0.9, -0.42])


def seen(turn: float = 0.4) -> tuple[SolidPrediction, np.ndarray, Image]:
    """A box with a knob, as its true cells say it, its mask in the photo, and the photo."""
    image = Image(np.full((200, 240, 3), 90, np.uint8), "box", np.ones((200, 240), bool), 260.0)
    frame = ViewFrame(assumed_intrinsics(image), Crop(130, 95, 70), 1.0, 0.26)
    axes = rotation_about_z(turn) @ upright_axes(UP)
    line = (np.arange(N) + 0.5) / N * 2 - 1
    w, v, u = np.meshgrid(line, line, line, indexing="ij")
    p = (frame.unproject(np.stack([u, v, w], -1).reshape(-1, 3)) - [0, 0, 1.0]) @ axes.T
    box = (np.abs(p) < [0.16, 0.1, 0.08]).all(1) | (np.linalg.norm(p - [0.1, 0, 0.1], axis=1) < 0.05)
    share = box.reshape(N, N, N).astype(np.float32)
    where = np.argwhere(share.any(0))
    mask = np.zeros((200, 240), bool)
    for row, column in where:
        y, x = (
            (95 - 70 + (np.array([row, row + 1]) / N) * 140).astype(int),
            (130 - 70 + (np.array([column, column + 1]) / N) * 140).astype(int),
        )
        mask[y[0] : y[1], x[0] : x[1]] = True
    image = replace(image, mask=mask)
    return place_on_ground(share, frame, axes, (image,), 0.5), mask, image


@pytest.mark.slow
def test_it_stands_upright_and_lies_behind_its_photo():
    solid, mask, _ = seen()
    mesh = VoxelsToMesh()(solid.voxels)
    assert inspect_solid(mesh).is_solid
    low, high = mesh.bounds
    assert abs(low[2]) < 0.01 and (high - low).max() == pytest.approx(1, abs=0.02)
    assert np.allclose((low + high)[:2] / 2, 0, atol=0.01)
    # 0.32 x 0.2 x 0.18 (with the knob up to 0.15 over the middle), to scale
    assert np.allclose((high - low), np.array([0.32, 0.2, 0.23]) / 0.32, atol=0.05)
    drawn = depth_map(solid.views.cameras[0], np.asarray(mesh.vertices), np.asarray(mesh.faces, np.int32)) > 0
    assert (drawn & mask).sum() / (drawn | mask).sum() > 0.9


@pytest.mark.slow
def test_the_mirrored_photo_shows_the_mirrored_solid():
    solid, _, image = seen()
    mesh = VoxelsToMesh()(solid.voxels)
    plane = symmetry_plane(solid.voxels.inside, solid.voxels.affine)
    assert (
        plane.score > 0.85 and abs(plane.normal[1]) > 0.99
    )  # the knob is at one end: the other way it is not alike
    other, camera = reflect_view(image, solid.views.cameras[0], plane)
    drawn = depth_map(camera, np.asarray(mesh.vertices), np.asarray(mesh.faces, np.int32)) > 0
    assert other.mask is not None
    assert (drawn & other.mask).sum() / (drawn | other.mask).sum() > 0.85
    views, weights = with_reflected_view(solid.views, plane)
    assert len(views) == 2 and weights[0] > 10 * weights[1]
    alone, weights = with_reflected_view(solid.views, SymmetryPlane(plane.normal, plane.offset, 0.1))
    assert len(alone) == 1 and weights == (1.0,)


def test_from_straight_above_the_top_of_the_photo_is_ahead():
    for up in (np.array([0.0, 0, -1]), np.array([0.0, 0, 1]), UP):
        axes = upright_axes(up)
        assert np.allclose(axes @ axes.T, np.eye(3)) and np.isclose(np.linalg.det(axes), 1)
        assert np.allclose(axes[2], up)
    assert upright_axes(np.array([0.0, -1, 0]))[1] @ [0, 0, 1] == pytest.approx(1)


def test_masks_are_drawn_in_and_confidence_lies_between_0_and_1():
    mask = np.zeros((100, 100), bool)
    mask[20:80, 20:80] = True
    inner = erode_mask(Image(np.zeros((100, 100, 3), np.uint8), mask=mask)).mask
    assert inner is not None and inner.sum() < mask.sum() and (inner <= mask).all() and inner.any()
    dot = np.zeros((100, 100), bool)
    dot[50, 50] = True
    assert erode_mask(Image(np.zeros((100, 100, 3), np.uint8), mask=dot)).mask.any()
    assert (
        mean_confidence(np.ones((2, 2, 2), np.float32)) > 0.99
        and mean_confidence(np.full((2, 2, 2), 0.5, np.float32)) < 0.01
    )


def test_the_crop_holds_the_thing():
    mask = np.zeros((50, 90), bool)
    mask[10:30, 40:80] = True
    crop = square_crop(mask)
    assert (crop.x, crop.y) == (60, 20) and 20 < crop.half < 25


torch = pytest.importorskip("torch")

from lift3d.maps.image_to_voxels import ImageToVoxels  # noqa: E402
from lift3d.nets.views_to_volume import ViewsToVolume  # noqa: E402
from lift3d.weights import find, load_tensors, pack  # noqa: E402


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Of a network that has learned nothing."""
    torch.manual_seed(0)
    net = ViewsToVolume(8, 1)
    (tmp_path / "best.safetensors").write_bytes(pack({f"net.{k}": v for k, v in net.state_dict().items()}))
    card = {
        "mapping": "image_to_voxels",
        "config": {"kind": "views", "width": 8, "layers": 1},
        "threshold": 0.45,
    }
    (tmp_path / "best.json").write_text(json.dumps(card))
    return tmp_path


def photo(size: int = 80) -> Image:
    pixels = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    mask = np.zeros((120, 160), bool)
    mask[20 : 20 + size, 30 : 30 + size] = True
    return Image(pixels, "thing.png", mask)


@pytest.mark.slow
def test_photos_become_a_solid_whatever_the_network_says(weights: Path):
    context = Context()
    guess = ImageToVoxels(str(weights))(Photos((photo(), photo())), context)
    assert guess.voxels.iso_level == 0.45 and len(guess.views) == 1 and guess.voxels.inside.any()
    assert context.report["image_to_voxels"]["photos"] == 2
    assert [p["source"] for p in context.report["image_to_mask"]["photos"]] == ["given"] * 2
    assert [image.segmentation.source for image in guess.images if image.segmentation] == ["given"] * 2
    again = ImageToVoxels(str(weights))(Photos((photo(), photo())))
    assert (again.voxels.values == guess.voxels.values).all()
    assert inspect_solid(VoxelsToMesh()(guess.voxels)).is_solid


def test_what_cannot_be_guessed_from_is_told(weights: Path):
    with pytest.raises(InputError, match="9 photos were given"):
        ImageToVoxels(str(weights))(Photos((photo(),) * 9))
    with pytest.raises(CaptureError, match="only 22 pixels wide"):
        ImageToVoxels(str(weights))(Photos((photo(20),)))
    empty = replace(photo(), mask=np.zeros((120, 160), bool))
    with pytest.raises(CaptureError, match="mask of thing.png is empty"):
        ImageToVoxels(str(weights))(Photos((empty,)))


def test_wrong_weights_are_told(weights: Path, tmp_path: Path):
    for name, said in (
        ("nowhere", "there are no weights called nowhere"),
        (tmp_path / "x.safetensors", "no weights called"),
    ):
        with pytest.raises(InputError, match=said):
            ImageToVoxels(str(name))(Photos((photo(),)))
    card = json.loads((weights / "best.json").read_text())

    def told(match: str, **changes: object) -> None:
        (weights / "best.json").write_text(json.dumps(card | changes))
        with pytest.raises(InputError, match=match):
            ImageToVoxels(str(weights))(Photos((photo(),)))

    told("weights of image_to_mask, not of", mapping="image_to_mask")
    told("does not fit the network", config=card["config"] | {"layers": 2})
    told("the card of these weights lacks", config={"kind": "views"})
    told("config is not an object", config=3)
    told("does not describe their network", config=None)
    told("is not the file that its card", sha256="0" * 64)
    (weights / "best.json").write_text(json.dumps(card))
    whole = (weights / "best.safetensors").read_bytes()
    for data in (b"", whole[: len(whole) // 2], b"\xff" * 64):
        (weights / "best.safetensors").write_bytes(data)
        with pytest.raises(InputError, match="damaged or not a safetensors"):
            load_tensors(weights)
    (weights / "best.json").write_text("{")
    with pytest.raises(InputError, match="no card"):
        find(weights)

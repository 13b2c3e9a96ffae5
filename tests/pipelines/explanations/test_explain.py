"""`explain`: files, numbers and colours, with small functions in place of networks; the packaged networks in slow tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil

torch = pytest.importorskip("torch")

import lift3d  # noqa: E402
from lift3d.context import Context  # noqa: E402
from lift3d.errors import InputError  # noqa: E402
from lift3d.evaluate.scores.attribution import (  # noqa: E402
    content_of,
    delete_tenth,
    randomised,
    rank_correlation,
)
from lift3d.geometry.image.prompt_maps import Prompts  # noqa: E402
from lift3d.inference.attribution.target import Target, attribute  # noqa: E402
from lift3d.pipelines.arguments import load_photo  # noqa: E402
from lift3d.pipelines.explanations import explain as module  # noqa: E402
from lift3d.pipelines.explanations.explain import explain, mask_over, smoothed  # noqa: E402
from lift3d.pipelines.explanations.explanation import Explanation, full_scale  # noqa: E402
from lift3d.pipelines.explanations.model_input import coloured_mesh  # noqa: E402
from lift3d.pipelines.explanations.photo_input import PhotoInput, prepare_photo  # noqa: E402
from lift3d.pipelines.explanations.request import Request  # noqa: E402

OWL = Path(__file__).parents[3] / "examples/photos/owl_05.jpg"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """120 x 80 pixels: a bright rectangle, opaque alone."""
    picture = np.zeros((80, 120, 4), np.uint8)
    picture[20:60, 40:80] = 250, 240, 230, 255
    Pil.fromarray(picture).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def simple(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Every output is the mean of the left half of a window of 32 x 32 values; returns the requests."""
    seen: list[Request] = []

    def prepare(image, request, prompts, context):  # type: ignore[no-untyped-def]
        seen.append(request)
        x = torch.ones(4, 32, 32)
        target = Target(
            lambda t: t[:, :3, :, :16].mean((1, 2, 3)), x, torch.zeros_like(x), "brightness", "parts", (),
            (("colour", 3), ("silhouette", 1)),
        )  # fmt: skip
        return PhotoInput(target, (40.0, 20.0, 80.0, 60.0), image, request.at, None)

    monkeypatch.setattr(module, "prepare_photo", prepare)
    return seen


def test_the_numbers_of_a_photo(photo: Path, simple: list[Request], tmp_path: Path) -> None:
    found = explain(photo, tmp_path / "why.png", what="depth", at="50,30")
    assert isinstance(found, Explanation) and simple[0].at == (50.0, 30.0) and simple[0].what == "depth"
    assert (found.value, found.baseline) == (1.0, 0.0) and found.completeness_error == pytest.approx(
        0, abs=1e-6
    )
    assert found.attribution.shape == (32, 32) and found.attribution[:, :12].min() > 0
    assert abs(found.attribution[:, 24:]).max() < 1e-6
    assert float(found.attribution.sum()) == pytest.approx(1, abs=0.02)
    assert found.channels == {"colour": 1.0, "silhouette": 0.0}
    assert found.on_object == 1 and found.object_area == 1 and found.regions[0].effect == "raises"
    x0, y0, x1, y1 = found.regions[0].box
    assert 40 <= x0 < x1 <= 62 and 20 <= y0 < y1 <= 60
    numbers = json.loads((tmp_path / "why.json").read_text())
    assert (
        numbers["what"] == "depth"
        and numbers["on_object"] == 1
        and numbers["regions"][0]["box"] == [x0, y0, x1, y1]
    )
    sheet = Pil.open(tmp_path / "why.png")
    assert sheet.width > 2 * sheet.height * 0.8 and sorted(p.name for p in tmp_path.iterdir()) == [
        "photo.png", "why.json", "why.png",
    ]  # fmt: skip


def test_left_raises_red_and_the_rest_stays_grey(photo: Path, simple: list[Request]) -> None:
    pixels = np.asarray(explain(photo).picture()).astype(int)
    panel = pixels[20:-20, (pixels.shape[1] - 100) // 2 + 20 : -140]
    left, right = panel[:, 40:140].mean((0, 1)), panel[:, -140:-40].mean((0, 1))
    assert left[0] - left[2] > 20 and abs(right[0] - right[2]) < 4


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [("why.jpg", {}, "does not end in .png"), ("photo.png", {}, "would overwrite the photo photo.png"),
     ("why.png", {"at": "199,3", "what": "depth"}, "lies outside photo.png"), ("why.png", {"at": "x"}, "not 2 numbers"),
     ("why.png", {"what": "embedding"}, "is not explained"), ("why.png", {"up": "x"}, "not an upright axis"),
     ("why.png", {"what": "mask"}, "is transparent, which is taken as the mask")],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_writes_nothing(
    photo: Path, output: str, options: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        explain(photo, photo.parent / output, **options)
    assert [p.name for p in photo.parent.iterdir()] == ["photo.png"]


def test_an_output_of_another_kind_and_a_file_that_is_none(tmp_path: Path) -> None:
    trimesh.creation.box().export(tmp_path / "box.stl")
    with pytest.raises(InputError, match="does not end in .glb or .ply"):
        explain(tmp_path / "box.stl", tmp_path / "why.stl")
    with pytest.raises(InputError, match="none.png"):
        explain(tmp_path / "none.png", tmp_path / "why.png")


def test_the_mask_over_a_window_is_false_outside_the_photo() -> None:
    mask = np.ones((10, 20), bool)
    over = mask_over(mask, (-10.0, 0.0, 10.0, 10.0), (20, 10))
    assert not over[:, :9].any() and over[:, 11:].all()


def test_the_full_colour_begins_at_the_strongest_pixels() -> None:
    values = np.zeros(1000, np.float32)
    assert full_scale(values) == 1
    values[0] = -3
    assert full_scale(values) > 0


def test_vertices_have_the_colours_of_their_voxels(tmp_path: Path) -> None:
    values = np.zeros((64, 64, 64), np.float32)
    values[:, :, 40:], values[:, :, :24] = 1, -1
    box = trimesh.creation.box((60, 60, 60))
    to_grid = np.eye(4)
    to_grid[:3, 3] = 31.5
    mesh, scale = coloured_mesh(box, "z", values, to_grid)
    paint = np.asarray(mesh.visual.vertex_colors)[:, :3].astype(int)
    top, bottom, middle = (mesh.vertices[:, 2] > 20, mesh.vertices[:, 2] < -20, abs(mesh.vertices[:, 2]) < 2)
    assert (paint[top, 0] > paint[top, 2] + 80).all() and (paint[bottom, 2] > paint[bottom, 0] + 80).all()
    assert np.ptp(paint[middle], axis=1).max() < 12 and scale == pytest.approx(1, abs=0.2)
    np.testing.assert_allclose(mesh.bounds, box.bounds)
    found = Explanation("label", "label x", "", "gradients", values, 1, 0, 0.0, 1, scale, mesh=mesh)
    files = found.save(tmp_path / "why.glb")
    assert [f.name for f in files] == ["why.glb", "why.png", "why.json"] and all(
        f.stat().st_size > 100 for f in files
    )
    assert len(list(tmp_path.iterdir())) == 3
    again = lift3d.load(tmp_path / "why.glb")
    assert again.visual.kind == "vertex" and again.units is None


@pytest.mark.slow
@pytest.mark.parametrize("what", ["shape", "mask", "depth", "label"])
def test_maps_depend_on_the_weights_and_mark_what_matters(what: str) -> None:
    """Cascading randomisation (Adebayo et al. 2018) and deletion, with the packaged networks on a photo of an owl."""
    image = load_photo(OWL, max_size=512)
    target = prepare_photo(image, Request(what), Prompts(), Context()).target
    method = "occlusion" if what == "label" else "gradients"
    values = smoothed(attribute(target, method, 48).values.sum(0).numpy())
    with randomised(target.modules, 1.0):
        other = smoothed(attribute(target, method, 16).values.sum(0).numpy())
    assert abs(rank_correlation(values, other, content_of(target))) < 0.4
    top, random = delete_tenth(target, values).drops
    if what != "shape":  # holes all over a photo take more volume than one large hole (docs/explain.md)
        assert top > random
    again = smoothed(attribute(target, method, 48).values.sum(0).numpy())
    np.testing.assert_array_equal(
        again, values, "the weights are as before, and the same input gives the same map"
    )


@pytest.mark.slow
def test_a_model_is_explained_by_its_voxels(tmp_path: Path) -> None:
    seat = trimesh.creation.box((0.5, 0.5, 0.06), trimesh.transformations.translation_matrix((0, 0, 0.45)))
    back = trimesh.creation.box((0.5, 0.06, 0.5), trimesh.transformations.translation_matrix((0, 0.22, 0.7)))
    legs = [
        trimesh.creation.box((0.06, 0.06, 0.45), trimesh.transformations.translation_matrix((x, y, 0.22)))
        for x in (-0.2, 0.2) for y in (-0.2, 0.2)
    ]  # fmt: skip
    chair = trimesh.util.concatenate([seat, back, *legs])
    found = explain(chair, tmp_path / "why.ply", category="chair", steps=16)
    assert found.category == "chair" and found.attribution.shape == (64, 64, 64) and found.mesh is not None
    assert found.completeness_error is not None and found.completeness_error < 0.3
    assert len(np.unique(found.mesh.visual.vertex_colors, axis=0)) > 50
    with pytest.raises(InputError, match="no category chiar"):
        explain(chair, category="chiar")

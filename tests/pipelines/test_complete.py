"""`complete`: a partial scan becomes a solid in its own coordinates and unit; what cannot be completed is one sentence.

The network is replaced by one that knows the truth, so that everything but the network is tested."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil
from typer.testing import CliRunner

pytest.importorskip("torch")

from lift3d.cli import app  # noqa: E402
from lift3d.context import Context  # noqa: E402
from lift3d.errors import InputError  # noqa: E402
from lift3d.geometry.completion.partial_frame import fit_partial_frame  # noqa: E402
from lift3d.geometry.mesh.distances import closest_points, sample_surface  # noqa: E402
from lift3d.geometry.mesh.solidity import inspect_solid  # noqa: E402
from lift3d.geometry.parts.convert import y_up_to_z_up, z_up_to_y_up  # noqa: E402
from lift3d.io.mesh.meshes import load_mesh, save_mesh  # noqa: E402
from lift3d.maps import points_to_voxels  # noqa: E402
from lift3d.pipelines.complete import complete  # noqa: E402
from lift3d.types import Points, Voxels  # noqa: E402

SCALE, PLACE = 37.0, np.array([100.0, -20.0, 5.0])
CUT = 0.6
"""x of the plane, of a box from -1 to 1 in x."""


def part() -> trimesh.Trimesh:
    """A box of 2 x 1 x 0.8 without its end, in numbers of its own."""
    box = trimesh.creation.box((2, 1, 0.8)).subdivide().subdivide()
    v, f, _ = trimesh.intersections.slice_faces_plane(box.vertices, box.faces, [-1, 0, 0], [CUT, 0, 0])
    half = trimesh.Trimesh(v, f, process=False)
    half.apply_transform(np.diag([SCALE, SCALE, SCALE, 1]))
    half.apply_translation(PLACE)
    return half


@pytest.fixture
def knowing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that knows the box."""

    def apply(self: points_to_voxels.PointsToVoxels, source: Points, context: Context) -> Voxels:
        assert source.normals is not None
        low, high = source.xyz.min(0), source.xyz.max(0)
        unit = (high - low)[2] / 0.8
        frame = fit_partial_frame(source.xyz, source.normals)
        at = np.stack(np.meshgrid(*[np.arange(64)] * 3, indexing="ij"), -1) * frame.step + frame.affine[:3, 3]
        top = np.array([low[0] + 2 * unit, high[1], high[2]])
        depth = np.minimum(at - low, top - at).min(-1) / frame.step
        return Voxels(np.clip(0.5 + depth, 0, 1).astype(np.float32), frame.affine, "occupancy")

    monkeypatch.setattr(points_to_voxels.PointsToVoxels, "apply", apply)


def right(mesh: trimesh.Trimesh) -> None:
    assert inspect_solid(mesh).is_solid
    low, high = (np.asarray(mesh.bounds) - PLACE) / SCALE
    assert np.allclose(low, [-1, -0.5, -0.4], atol=0.02)
    assert np.allclose(high[1:], [0.5, 0.4], atol=0.02) and high[0] == pytest.approx(1, abs=0.06)


@pytest.mark.slow
def test_a_mesh_is_completed_in_its_place(tmp_path: Path, knowing: None) -> None:
    half = part()
    half.visual = trimesh.visual.ColorVisuals(
        half, vertex_colors=np.tile([200, 30, 40, 255], (len(half.vertices), 1))
    )
    half.units = "m"
    save_mesh(half, tmp_path / "half.ply")
    result = complete(tmp_path / "half.ply", tmp_path / "whole.ply", resolution=64)
    mesh = load_mesh(tmp_path / "whole.ply")
    right(mesh)
    right(result.mesh)
    assert mesh.units == "m" and not result.closed_already and result.known_fraction is not None
    np.testing.assert_allclose(result.size / SCALE, [2, 1, 0.8], atol=0.07)
    assert result.known_size is not None and result.known_size[0] / SCALE == pytest.approx(1.6, abs=0.05)
    assert np.allclose(np.asarray(mesh.visual.vertex_colors)[:, :3], [200, 30, 40], atol=1)
    p, _, _ = sample_surface(half.vertices, half.faces, 2000, np.random.default_rng(0))
    inner = p[(p[:, 0] - PLACE[0]) / SCALE < CUT - 0.1]
    distances = closest_points(np.asarray(mesh.vertices), np.asarray(mesh.faces), inner)[1]
    assert np.percentile(distances, 99) < 0.006 * SCALE
    report = json.loads((tmp_path / "whole.report.json").read_text())
    assert report["is_solid"] and 0.6 < report["known_fraction"] < 0.95 and report["unit"] == "m"
    assert (tmp_path / "whole.png").is_file()


@pytest.mark.slow
def test_points_are_completed_as_well(tmp_path: Path, knowing: None) -> None:
    p, n, _ = sample_surface(part().vertices, part().faces, 6000, np.random.default_rng(0))
    from_array = complete(np.column_stack([p, n]), resolution=64)
    from_points = complete(Points(p, n.astype(np.float32)), resolution=64)
    np.testing.assert_allclose(from_array.mesh.vertices, from_points.mesh.vertices, atol=1e-3 * SCALE)
    for mesh in (from_array.mesh, from_points.mesh):
        low, high = mesh.bounds
        assert inspect_solid(mesh).is_solid
        assert (high - low)[1] / (high - low)[2] == pytest.approx(1.25, abs=0.05)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_result_is_saved_later(tmp_path: Path) -> None:
    result = complete(trimesh.creation.icosphere(2))
    assert result.closed_already and result.known_fraction is None
    assert result.save(tmp_path / "ball.glb") == tmp_path / "ball.glb"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ball.glb", "ball.png", "ball.report.json"]
    assert json.loads((tmp_path / "ball.report.json").read_text())["is_solid"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mesh", "points"])
def test_a_scan_that_stands_along_y_keeps_its_coordinates(tmp_path: Path, knowing: None, kind: str) -> None:
    standing, lying = part(), part()
    lying.vertices = z_up_to_y_up(standing.vertices)
    p, n, _ = sample_surface(standing.vertices, standing.faces, 6000, np.random.default_rng(0))
    if kind == "points":
        result = complete(np.column_stack([z_up_to_y_up(p), z_up_to_y_up(n)]), resolution=64, up="y")
    else:
        save_mesh(lying, tmp_path / "half.ply")
        result = complete(tmp_path / "half.ply", tmp_path / "whole.glb", resolution=64, up="y")
        right(load_mesh(tmp_path / "whole.glb"))  # this format states the axis
    back = result.mesh.copy()
    back.vertices = y_up_to_z_up(np.asarray(back.vertices))
    low, high = (np.asarray(back.bounds) - PLACE) / SCALE
    assert np.allclose(low, [-1, -0.5, -0.4], atol=0.06) and np.allclose(high, [1, 0.5, 0.4], atol=0.06)
    np.testing.assert_allclose(result.size, np.ptp(result.mesh.vertices, axis=0), atol=1e-4 * SCALE)
    assert result.up == "y" and result.report["up"] == "y" and result.report["size"] == result.size.tolist()
    result.save(tmp_path / "later.stl")  # this one does not: the numbers of the scan
    np.testing.assert_allclose(load_mesh(tmp_path / "later.stl").bounds, result.mesh.bounds, atol=1e-3)
    assert Pil.open(tmp_path / "later.png").size[0] > 0


def test_a_format_that_states_up_is_not_turned_twice(tmp_path: Path) -> None:
    box = trimesh.creation.box((1, 2, 3))
    save_mesh(box, tmp_path / "box.glb")
    result = complete(tmp_path / "box.glb", up="y")
    assert result.up == "z" and np.allclose(result.size, [1, 2, 3])
    assert np.allclose(complete(box, up="y").size, [1, 2, 3])
    with pytest.raises(InputError, match="'x' is not an upright axis"):
        complete(box, up="x")


@pytest.mark.slow
def test_a_closed_mesh_is_left_alone(tmp_path: Path) -> None:
    save_mesh(trimesh.creation.icosphere(2), tmp_path / "ball.ply")
    assert complete(tmp_path / "ball.ply", tmp_path / "same.ply").closed_already
    assert np.array_equal(
        load_mesh(tmp_path / "same.ply").vertices, load_mesh(tmp_path / "ball.ply").vertices
    )


@pytest.mark.slow
def test_input_in_memory_is_not_changed(knowing: None) -> None:
    half = part()
    before = half.vertices.copy()
    complete(half, resolution=32)
    np.testing.assert_array_equal(half.vertices, before)


def test_a_mesh_far_from_the_origin_is_moved_and_says_so() -> None:
    ball = trimesh.creation.icosphere(2)
    ball.apply_translation([1e6, 0, 0])
    result = complete(ball)
    assert result.origin[0] == pytest.approx(1e6, rel=1e-3)
    np.testing.assert_allclose(result.mesh.bounds + result.origin, ball.bounds, atol=1e-6)


def refused(tmp_path: Path, *words: str) -> str:
    done = CliRunner().invoke(app, ["complete", *words, "-o", str(tmp_path / "out.glb")])
    assert done.exit_code == 2 and "Traceback" not in done.output, done.output
    assert not (tmp_path / "out.glb").exists()
    return done.output


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda f: f.write_text("ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nproperty float y\n"
                                "property float z\nend_header\n"), "points"),
        (lambda f: f.write_bytes(b""), "empty"),
        (lambda f: f.write_bytes(b"no ply"), "not a PLY"),
        (lambda f: f.write_text("ply\nformat ascii 1.0\nelement vertex 200\nproperty float x\nproperty float y\n"
                                "property float z\nend_header\n" + "0 1 2\n" * 200), "no normals"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_completed_is_one_sentence(
    tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    make(tmp_path / "in.ply")
    assert said in refused(tmp_path, str(tmp_path / "in.ply"))


def test_wrong_options_are_one_sentence(tmp_path: Path) -> None:
    save_mesh(part(), tmp_path / "half.ply")
    assert "32 to 320" in refused(tmp_path, str(tmp_path / "half.ply"), "--resolution", "5000")
    assert "weights" in refused(tmp_path, str(tmp_path / "half.ply"), "--weights", "nothing-of-the-kind")
    assert refused(tmp_path, str(tmp_path / "not-there.ply"))
    plate = trimesh.Trimesh([[0, 0, 0], [3, 0, 0.4], [0, 2, 0]], [[0, 1, 2]], process=False)
    save_mesh(plate, tmp_path / "flat.ply")
    assert "is flat" in refused(tmp_path, str(tmp_path / "flat.ply"))
    with pytest.raises(InputError, match="would overwrite"):
        complete(tmp_path / "half.ply", tmp_path / "half.ply")
    for shape in ((10, 3), (10,)):
        with pytest.raises(InputError, match=r"give \(N, 6\)"):
            complete(np.zeros(shape))

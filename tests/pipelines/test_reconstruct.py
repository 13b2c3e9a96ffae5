"""The pipeline around the mappings: order, scale, report, resuming, and that nothing half-written is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from stub_maps import stub_mappings

from lift3d.errors import CaptureError, InputError, SolidError
from lift3d.pipelines.reconstruct import reconstruct
from lift3d.pipelines.reconstruction.multi_view import MultiViewMappings
from lift3d.pipelines.reconstruction.options import MEASURED_STEPS, Options
from lift3d.pipelines.reconstruction.scale import Marks, Scale
from lift3d.types import Photos

HELPERS = Path(__file__).parents[1] / "helpers"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(4):
        Pil.fromarray(rng.integers(0, 255, (120, 160, 3), np.uint8)).save(folder / f"p{i}.png")
    return folder


@pytest.fixture
def real_preview() -> None:
    """Asked for by the tests that need the four views; the others save their time."""


@pytest.fixture(autouse=True)
def small_preview(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "real_preview" not in request.fixturenames:
        monkeypatch.setattr(
            "lift3d.pipelines.preview.write_preview", lambda mesh, path: Pil.new("L", (9, 9)).save(path)
        )


def test_cameras_are_written_in_the_models_frame_and_unit(photos: Path, tmp_path: Path) -> None:
    from lift3d.geometry.camera.projection import project
    from lift3d.io.camera.cameras import read_cameras
    from lift3d.io.mesh.meshes import load_mesh

    options = Options(scale=Scale(height=0.2), save_cameras=tmp_path / "for-others")
    out = tmp_path / "out" / "ball.glb"
    reconstruct([photos], out, options, make_mappings=stub_mappings())
    mesh = load_mesh(out)
    for camera in read_cameras(tmp_path / "for-others" / "transforms.json").values():
        uv, z = project(camera, np.asarray(mesh.vertices))
        assert (z > 0).all()
        assert np.abs(uv.mean(0) - [camera.width / 2, camera.height / 2]).max() < 0.25 * camera.width
    with pytest.raises(InputError, match="not empty"):
        reconstruct([photos], out, options, make_mappings=stub_mappings())


@pytest.mark.parametrize(
    "where", ["lift3d.pipelines.reconstruct.model_report", "lift3d.io.files.staging.os.replace"]
)
def test_no_cameras_without_their_model(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A failure after the set is written: while the report is made, or when the model is moved into place."""
    out, cameras = tmp_path / "out" / "ball.glb", tmp_path / "for-others"
    reached: list[bool] = []

    def full(*_: object) -> None:
        reached.append(any(tmp_path.glob(".for-others.*/transforms.json")))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        real = os.replace
        model_moved = lambda a, b: full() if Path(b).parent == out.parent else real(a, b)  # noqa: E731
        broken.setattr(where, model_moved if where.endswith("replace") else full)
        with pytest.raises((InputError, OSError)):
            reconstruct([photos], out, Options(save_cameras=cameras), make_mappings=stub_mappings())
    assert reached == [True] and listing(tmp_path) == ["out", "photos"] and listing(out.parent) == []
    reconstruct([photos], out, Options(save_cameras=cameras), make_mappings=stub_mappings())
    assert out.exists() and listing(cameras) == ["images", "sparse", "transforms.json"]


def listing(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def test_model_preview_and_report_are_written_together(
    photos: Path, tmp_path: Path, real_preview: None
) -> None:
    seen: list[tuple[str, float]] = []
    out = tmp_path / "out" / "ball.glb"
    outcome = reconstruct(
        [photos],
        out,
        progress=lambda *p: seen.append(p),
        command=["lift3d", "x"],
        make_mappings=stub_mappings(),
    )
    assert listing(out.parent) == ["ball.glb", "ball.png", "ball.report.json"]
    report = json.loads(outcome.report_file.read_text())
    assert report == json.loads(json.dumps(outcome.report))
    assert outcome.mesh.is_volume and len(outcome.views) == 4 and outcome.kind == "object"
    assert report["model"]["is_solid"] and all(report["model"]["solid"].values())
    assert (report["model"]["unit"], report["kind"], report["kind_why"]) == (
        None,
        "object",
        "the test says so",
    )
    assert len(report["inputs"]) == 4
    assert all(len(i["sha256"]) == 64 and i["status"] == "registered" for i in report["inputs"])
    assert report["evidence"]["images_to_depths"]["kept"] == 0.5
    assert [s["name"] for s in report["run"]["steps"]] == list(MEASURED_STEPS)
    assert all(s["peak_memory"] > 10**7 for s in report["run"]["steps"])
    assert report["seed"] == 0 and report["command"] == ["lift3d", "x"] and report["packages"]["numpy"]
    assert set(report["files"]) == {"ball.glb", "ball.png"}
    steps = list(dict.fromkeys(step for step, _ in seen))
    assert steps == list(MEASURED_STEPS) and all(0 <= f <= 1 for _, f in seen) and seen[-1] == ("output", 1.0)
    with Pil.open(outcome.preview_file) as picture:
        assert picture.width > 200


def test_same_input_and_seed_give_the_same_bytes_resumed_or_not(photos: Path, tmp_path: Path) -> None:
    def run(name: str, **options: object) -> tuple[bytes, bytes, list[str]]:
        calls: list[str] = []
        out = tmp_path / name / "m.glb"
        reconstruct([photos], out, Options(**options), make_mappings=stub_mappings(calls))  # type: ignore[arg-type]
        return out.read_bytes(), out.with_suffix(".png").read_bytes(), calls

    first, work = run("a"), tmp_path / "work"
    everything = ["cameras", "depths", "surface", "texture"]
    assert run("b") == first and first[2] == everything
    assert run("c", work=work)[2] == everything
    assert run("d", work=work) == (*first[:2], ["texture"])
    assert run("e", work=work, seed=1)[2] == everything, "another seed is another run"
    (photos / "p0.png").write_bytes((photos / "p1.png").read_bytes())
    assert run("f", work=work, seed=1)[2] == everything, "other photos are another run"


def test_a_run_goes_on_from_the_last_finished_step(photos: Path, tmp_path: Path) -> None:
    work, out, calls = tmp_path / "work", tmp_path / "m.glb", []  # type: Path, Path, list[str]
    with pytest.raises(KeyboardInterrupt):
        reconstruct(
            [photos],
            out,
            Options(work=work),
            make_mappings=stub_mappings(calls, "surface", KeyboardInterrupt()),
        )
    assert listing(tmp_path) == ["photos", "work"]
    calls.clear()
    outcome = reconstruct([photos], out, Options(work=work), make_mappings=stub_mappings(calls))
    assert calls == ["surface", "texture"]
    resumed = {s["name"]: s["resumed"] for s in outcome.report["run"]["steps"]}
    assert resumed["cameras"] and resumed["depths"] and not resumed["surface"]
    assert outcome.report["evidence"]["images_to_depths"]["kept"] == 0.5, "evidence is kept with the step"


@pytest.mark.parametrize("damage", ["flip", "truncate", "json", "missing"])
def test_damaged_stages_are_computed_again(photos: Path, tmp_path: Path, damage: str) -> None:
    work, calls = tmp_path / "work", []  # type: Path, list[str]
    first = reconstruct([photos], tmp_path / "a.glb", Options(work=work), make_mappings=stub_mappings())
    data = work / "depths.npz"
    if damage == "flip":
        content = bytearray(data.read_bytes())
        content[len(content) // 2] ^= 1
        data.write_bytes(content)
    elif damage == "truncate":
        data.write_bytes(data.read_bytes()[:1000])
    elif damage == "json":
        (work / "depths.json").write_text('{"format": 1, "key"')
    else:
        data.unlink()
    second = reconstruct([photos], tmp_path / "b.glb", Options(work=work), make_mappings=stub_mappings(calls))
    assert calls == ["depths", "texture"]
    assert first.model_file.read_bytes() == second.model_file.read_bytes()


def test_one_run_at_a_time_in_a_work_folder(photos: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="advisory locks are a POSIX matter")
    from lift3d.runtime.stage_cache import Stages

    with Stages(tmp_path / "work"), pytest.raises(InputError, match="another run is using"):
        reconstruct(
            [photos], tmp_path / "m.glb", Options(work=tmp_path / "work"), make_mappings=stub_mappings()
        )


def test_height_width_and_marks(photos: Path, tmp_path: Path) -> None:
    def run(scale: Scale) -> dict:
        return reconstruct(
            [photos], tmp_path / "m.stl", Options(scale=scale), make_mappings=stub_mappings()
        ).report

    by_height = run(Scale(height=0.24))
    assert by_height["model"]["unit"] == "m"
    np.testing.assert_allclose(by_height["model"]["size"], [0.12, 0.18, 0.24], rtol=1e-3)
    assert by_height["evidence"]["images_to_texture"]["distance"] == pytest.approx(4 * 0.06)
    assert by_height["evidence"]["images_to_texture"]["unit"] == "m"
    by_width = run(Scale(width=0.3))
    assert "largest horizontal extent, along Y" in by_width["model"]["scale"]["how"]
    np.testing.assert_allclose(by_width["model"]["size"], [0.2, 0.3, 0.4], rtol=1e-3)
    # p0 stands on +X at distance 4; its pixels (80 +- 8, 60) meet the ellipsoid x^2 + y^2 / 2.25 = 1
    marked = run(Scale(marks=Marks("p0.png", (72, 60), (88, 60), 0.1)))
    slope = 8 / 160
    y = slope * (4 - _near_root(slope))
    assert marked["model"]["size"][2] == pytest.approx(4 * 0.1 / (2 * y), rel=0.02)


def _near_root(slope: float) -> float:
    """x of the nearer meeting of the line from (4, 0) with slope and the ellipse x^2 + y^2 / 2.25 = 1."""
    a, b, c = 1 + slope**2 / 2.25, -8 * slope**2 / 2.25, 16 * slope**2 / 2.25 - 1
    return (-b + (b * b - 4 * a * c) ** 0.5) / (2 * a)


@pytest.mark.parametrize(
    ("marks", "sentence"),
    [
        (Marks("p0.png", (1, 1), (80, 60), 0.1), "first mark misses"),
        (Marks("p0.png", (80, 60), (400, 60), 0.1), "outside p0.png"),
        (Marks("p9.png", (40, 30), (44, 30), 0.1), "no photo is called p9.png"),
    ],
)
def test_marks_that_cannot_be_used(photos: Path, tmp_path: Path, marks: Marks, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        reconstruct(
            [photos], tmp_path / "m.glb", Options(scale=Scale(marks=marks)), make_mappings=stub_mappings()
        )
    assert listing(tmp_path) == ["photos"]


def test_a_scene_is_open_and_says_so(photos: Path, tmp_path: Path) -> None:
    report = reconstruct(
        [photos], tmp_path / "m.glb", Options(kind="scene"), make_mappings=stub_mappings()
    ).report
    assert report["kind"] == "scene" and report["model"]["solid"] is None and not report["model"]["is_solid"]
    assert "open by nature" in report["model"]["open"]


def test_an_object_that_cannot_be_made_solid_is_not_written(photos: Path, tmp_path: Path) -> None:
    def make(options: Options, photos: Photos) -> MultiViewMappings:
        made = stub_mappings()(options, photos)

        class Holed(type(made.surface)):  # type: ignore[misc]
            def apply(self, source, context):  # type: ignore[no-untyped-def]
                surface = super().apply(source, context)
                surface.mesh.update_faces(np.arange(len(surface.mesh.faces)) > 3)
                return surface

        return replace(made, surface=Holed())

    with pytest.raises(SolidError):
        reconstruct([photos], tmp_path / "m.glb", make_mappings=make)
    assert listing(tmp_path) == ["photos"]


@pytest.mark.parametrize(
    "error", [CaptureError("no overlap", "more photos"), MemoryError(), OSError(28, "full")]
)
def test_a_failed_run_leaves_nothing_and_touches_nothing(
    photos: Path, tmp_path: Path, error: Exception
) -> None:
    out = tmp_path / "m.glb"
    out.write_bytes(b"the old model")
    with pytest.raises(type(error)):
        reconstruct([photos], out, make_mappings=stub_mappings(fail_at="surface", error=error))
    assert out.read_bytes() == b"the old model" and listing(tmp_path) == ["m.glb", "photos"]


def test_a_failed_run_leaves_its_evidence_in_the_work_folder(photos: Path, tmp_path: Path) -> None:
    make = stub_mappings(fail_at="depths", error=CaptureError("no overlap", "more photos"))
    with pytest.raises(CaptureError):
        reconstruct([photos], tmp_path / "m.glb", Options(work=tmp_path / "w"), make_mappings=make)
    failure = json.loads((tmp_path / "w" / "failure.json").read_text())
    assert failure["error"] == "no overlap: more photos." and len(failure["read_photos"]["inputs"]) == 4


def test_what_kill_9_leaves_is_removed_by_the_next_run(photos: Path, tmp_path: Path) -> None:
    script = (
        f"import sys, time; sys.path.insert(0, {str(HELPERS)!r})\n"
        "from stub_maps import stub_mappings, StubSurface\n"
        "from lift3d.pipelines.reconstruct import reconstruct\n"
        "StubSurface.apply = lambda *_: (print('here', flush=True), time.sleep(60))\n"
        f"reconstruct([{str(photos)!r}], {str(tmp_path / 'm.glb')!r}, make_mappings=stub_mappings())\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "here\n"
        left = [n for n in listing(tmp_path) if n != "photos"]
        assert len(left) == 1 and left[0].startswith(".m.glb.")
        os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    assert [n for n in listing(tmp_path) if n != "photos"] == left
    reconstruct([photos], tmp_path / "m.glb", make_mappings=stub_mappings())
    assert listing(tmp_path) == ["m.glb", "m.png", "m.report.json", "photos"]


def test_nothing_is_written_unless_asked(photos: Path, tmp_path: Path) -> None:
    result = reconstruct([photos], make_mappings=stub_mappings())
    assert listing(tmp_path) == ["photos"] and result.model_file is None and result.preview_file is None
    assert result.report["model"]["is_solid"] and "files" not in result.report
    saved = result.save(tmp_path / "later" / "m.glb")
    written = reconstruct([photos], tmp_path / "now" / "m.glb", make_mappings=stub_mappings())
    assert saved == tmp_path / "later" / "m.glb" and saved.read_bytes() == written.model_file.read_bytes()
    assert listing(tmp_path / "later") == ["m.glb", "m.png", "m.report.json"]
    report = json.loads((tmp_path / "later" / "m.report.json").read_text())
    assert set(report["files"]) == {"m.glb", "m.png"}
    with pytest.raises(InputError, match="not a model format"):
        result.save(tmp_path / "m.txt")


def test_pictures_in_memory_give_the_model_of_their_files(photos: Path) -> None:
    pictures = [np.asarray(Pil.open(path)) for path in sorted(photos.iterdir())]
    from_files = reconstruct([photos], make_mappings=stub_mappings())
    from_memory = reconstruct(pictures, make_mappings=stub_mappings())
    for a, b in zip(from_files.views.images, from_memory.views.images, strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)
    np.testing.assert_array_equal(from_files.mesh.vertices, from_memory.mesh.vertices)


@pytest.mark.parametrize(
    ("count", "sentence"),
    [(1, "one photo, and nothing can be measured"), (2, "only 2 photos, and depth needs at least 3")],
)
def test_too_few_photos(photos: Path, tmp_path: Path, count: int, sentence: str) -> None:
    files = sorted(photos.iterdir())[:count]
    with pytest.raises(CaptureError, match=sentence):
        reconstruct(files, tmp_path / "m.glb", Options(method="measured"), make_mappings=stub_mappings())
    assert listing(tmp_path) == ["photos"]


def test_outputs_refused_before_any_work(photos: Path, tmp_path: Path) -> None:
    cases = {
        tmp_path / "m.xyz": "not a model format",
        tmp_path / "m": "has no ending",
        photos / "m.glb": "among the photos",
        Path("/proc/no/m.glb"): "cannot write",
        photos / "p0.png" / "m.glb": "cannot write",
    }
    for output, sentence in cases.items():
        if output.parts[1] == "proc" and not Path("/proc/self").exists():
            continue
        calls: list[str] = []
        with pytest.raises(InputError, match=sentence):
            reconstruct([photos], output, make_mappings=stub_mappings(calls))
        assert calls == []
    with pytest.raises(InputError, match="a video and something else"):
        reconstruct([photos, tmp_path / "v.mp4"], tmp_path / "m.glb", make_mappings=stub_mappings())


def test_the_memory_budget_makes_photos_smaller_and_says_so(tmp_path: Path) -> None:
    folder, said = tmp_path / "photos", []  # type: Path, list[str]
    folder.mkdir()
    for i in range(3):
        Pil.new("RGB", (3000, 2000), (i, 80, 90)).save(folder / f"{i}.jpg")
    options = Options(max_size=3000, memory=250 * 10**6)
    out = reconstruct([folder], tmp_path / "m.glb", options, say=said.append, make_mappings=stub_mappings())
    sentence = next(s for s in said if "Memory budget 250 MB" in s)
    assert "reduced to fit the budget" in sentence
    assert out.report["evidence"]["read_photos"]["resized_to_fit_memory"] < 3000
    assert out.report["memory"]["peak"] > 0

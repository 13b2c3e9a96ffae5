"""Options of a rendering: cameras, backgrounds and lights, and what is refused before any work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.geometry.camera.projection import project
from lift3d.pipelines.render import Renderings, render
from lift3d.pipelines.render_options import (
    Options,
    is_film,
    load_lighting,
    make_cameras,
    parse_background,
    require_film,
)

CORNERS = np.asarray(trimesh.creation.box((1, 2, 3)).vertices)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("1 to 10000", {"views": 0}), ("1 to 10000", {"views": 10_001}), ("16 to 4096", {"width": 15}),
        ("16 to 4096", {"height": 4097}), ("seed -1 is negative", {"seed": -1}), ("--up takes y or z", {"up": "x"}),
        ("-90 to 90", {"elevation": (0.0, 91.0)}), ("-90 to 90", {"elevation": (float("nan"),)}),
    ],
)  # fmt: skip
def test_options_out_of_bounds(words: str, options: dict[str, object]) -> None:
    with pytest.raises(InputError, match=words):
        Options(**options)  # type: ignore[arg-type]


def test_films() -> None:
    assert is_film(Path("a.GIF")) and is_film(Path("a.mp4")) and not is_film(Path("a.png"))
    require_film(Options())
    with pytest.raises(InputError, match="transparent"):
        require_film(Options(background="transparent"))
    with pytest.raises(InputError, match="leave --seed out"):
        require_film(Options(seed=0))


def test_backgrounds() -> None:
    assert parse_background("white") == (255, 255, 255) and parse_background("#0a0b0c") == (10, 11, 12)
    assert parse_background("transparent") is None
    for bad in ("no colour", "#12", ""):
        with pytest.raises(InputError, match="not a colour"):
            parse_background(bad)


def test_lights(tmp_path: Path) -> None:
    assert load_lighting("bare") is None and load_lighting("studio") is not None
    Pil.new("RGB", (64, 32), "white").save(tmp_path / "sky.png")
    assert load_lighting(str(tmp_path / "sky.png")) is not None
    Pil.fromarray(np.full((32, 64), 20_000, np.uint16)).save(tmp_path / "deep.png")
    Pil.new("L", (64, 32), 78).save(tmp_path / "grey.png")
    deep, grey = (load_lighting(str(tmp_path / name)) for name in ("deep.png", "grey.png"))
    assert deep is not None and grey is not None and deep.exposure == grey.exposure
    Pil.new("RGB", (64, 64)).save(tmp_path / "square.png")
    cut = (tmp_path / "sky.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(cut[: len(cut) // 2])
    for name, words in (("moon", "no light called"), ("square.png", "64x64"), ("cut.png", "cut short")):
        with pytest.raises(InputError, match=words):
            load_lighting(name if name == "moon" else str(tmp_path / name))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 9), st.one_of(st.none(), st.integers(0, 99)), st.sampled_from([(64, 64), (96, 48)]))
def test_every_camera_sees_the_whole_model(count: int, seed: int | None, size: tuple[int, int]) -> None:
    cameras = make_cameras(CORNERS, Options(count, *size, seed=seed), film=False)
    assert len(cameras) == count
    for camera in cameras:
        pixels, depth = project(camera, CORNERS)
        assert (depth > 0).all() and (pixels >= 0).all() and (pixels <= np.array(size)).all()


def test_orbits_and_random_directions_keep_their_elevations() -> None:
    def elevations(options: Options, film: bool = False) -> list[float]:
        return [
            float(np.degrees(np.arcsin(camera.centre[2] / np.linalg.norm(camera.centre))))
            for camera in make_cameras(CORNERS, options, film)
        ]

    np.testing.assert_allclose(elevations(Options(4)), [15, 35, 15, 35], atol=0.1)
    np.testing.assert_allclose(elevations(Options(3, elevation=(10.0, 50.0)), film=True), [10] * 3, atol=0.1)
    random = elevations(Options(40, seed=1, elevation=(-20.0, 40.0)))
    assert -20.1 <= min(random) < 0 < 30 < max(random) <= 40.1 and len(set(random)) == 40
    assert random == elevations(Options(40, seed=1, elevation=(-20.0, 40.0)))
    assert len(elevations(Options())) == 24 and len(elevations(Options(), film=True)) == 72


@pytest.fixture(scope="module")
def renderings() -> Renderings:
    ball = trimesh.creation.icosphere(2)
    ball.units = "m"
    return render(ball, views=3, size=32, background="transparent")


def test_renderings_are_a_sequence_of_views(renderings: Renderings) -> None:
    assert (
        len(renderings) == 3 and renderings.path is None and renderings.empty == () and renderings.unit == "m"
    )
    for view, camera in zip(renderings, renderings.cameras):
        assert view.rgb.shape == (32, 32, 3) and view.mask.any() and view.camera is camera
        distance = np.linalg.norm(camera.centre)
        assert view.depth.z[16, 16] == pytest.approx(distance - 1, abs=0.05)
        assert view.depth.normals is not None and view.rgba[0, 0, 3] == 0
    assert [view.camera for view in renderings[1:]] == list(renderings.cameras[1:])


def test_written_views_are_those_in_memory(renderings: Renderings, tmp_path: Path) -> None:
    saved = renderings.save(tmp_path / "views")
    assert saved == tmp_path / "views"
    for k, view in enumerate(renderings):
        np.testing.assert_array_equal(np.asarray(Pil.open(tmp_path / f"views/{k:03d}.png")), view.rgba)
        mask = np.asarray(Pil.open(tmp_path / f"views/masks/{k:03d}.png")) > 0
        np.testing.assert_array_equal(mask, view.mask)
    with pytest.raises(InputError, match="not empty"):
        renderings.save(tmp_path / "views")

"""Rendered scenes: reproducible, depth true to the geometry, things that stand and do not overlap, cameras in rooms."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil

from lift3d.corpus.build import BuildOptions, build
from lift3d.corpus.dataset import Corpus
from lift3d.corpus.scenes import scene_maker
from lift3d.corpus.scenes.assets import Assets
from lift3d.corpus.scenes.depth_shards import DepthSet, write_scenes
from lift3d.corpus.scenes.layout import Layout
from lift3d.corpus.scenes.outdoors import can_be_outdoors, make_outdoors
from lift3d.corpus.scenes.partitions import divide
from lift3d.corpus.scenes.rooms import make_room
from lift3d.corpus.scenes.scene_maker import SceneMaker
from lift3d.corpus.scenes.tabletops import SIZES, make_tabletop
from lift3d.corpus.scenes.viewpoints import MARGIN, sample_camera
from lift3d.errors import InputError
from lift3d.geometry.render.assembly import SceneBuilder
from lift3d.geometry.render.rasterizer import depth_map
from lift3d.io.mesh.meshes import save_mesh

pytest.importorskip("pyarrow")
pytestmark = pytest.mark.slow
SIZE = (64, 48)


def table() -> trimesh.Trimesh:
    top = trimesh.creation.box((1.2, 0.8, 0.05), trimesh.transformations.translation_matrix((0, 0, 0.7)))
    legs = [
        trimesh.creation.box((0.06, 0.06, 0.7), trimesh.transformations.translation_matrix((x, y, 0.35)))
        for x in (-0.5, 0.5)
        for y in (-0.3, 0.3)
    ]
    return trimesh.util.concatenate([top, *legs])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Tables, chairs, buildings and trees of primitives."""
    root = tmp_path_factory.mktemp("scenes")
    rng = np.random.default_rng(0)
    for category in ("table", "chair", "building", "tree", "car"):
        for k in range(7):
            mesh = table() if category == "table" else trimesh.creation.icosphere(2)
            mesh.apply_scale(rng.uniform(0.4, 1, 3))
            (root / "m" / category).mkdir(parents=True, exist_ok=True)
            save_mesh(mesh, root / f"m/{category}/{k}.stl")
    return build(root / "c", BuildOptions(folder=root / "m", processes=1), lambda s: None, lambda n, f: None)


@pytest.fixture(scope="module")
def maker(corpus: Corpus) -> SceneMaker:
    return SceneMaker([corpus], "train", SIZE, seed=3)


def test_the_same_number_gives_the_same_pictures(corpus: Corpus, maker: SceneMaker) -> None:
    maker.views(5, 1)
    again = SceneMaker([corpus], "train", SIZE, seed=3)
    for number in (2, 0):
        a, b = maker.views(number, 2), again.views(number, 2)
        assert [x.jpeg for x in a] == [x.jpeg for x in b]
        assert all(np.array_equal(x.depth, y.depth) and x.focal == y.focal for x, y in zip(a, b))
    assert SceneMaker([corpus], "train", SIZE, seed=4).views(0, 1)[0].jpeg != maker.views(0, 1)[0].jpeg


def test_depth_is_that_of_the_surfaces_seen_through_pixel_centres(
    maker: SceneMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(scene_maker, "FINER", 1.0)
    original = scene_maker._render

    def recorded(*arguments):  # type: ignore[no-untyped-def]
        out = original(*arguments)
        seen.append((*arguments[:2], out[2]))
        return out

    monkeypatch.setattr(scene_maker, "_render", recorded)
    maker.views(1, 2)
    for ready, camera, z in seen:
        expected = depth_map(camera, ready.v, ready.f)
        assert np.isclose(z, expected, rtol=1e-4).mean() > 0.999


def test_pictures_decode_and_are_neither_blocked_nor_flat(maker: SceneMaker) -> None:
    shown = [p for number in range(4) for p in maker.views(number, 2)]
    assert len(shown) >= 6
    for p in shown:
        assert np.array_equal(np.asarray(Pil.open(io.BytesIO(p.jpeg))), p.rgb) and p.rgb.shape == (48, 64, 3)
        hit = p.depth[p.depth > 0]
        assert np.percentile(hit, 3) >= scene_maker.TOO_NEAR and np.median(hit) >= scene_maker.MIN_MEDIAN
        assert p.rgb.std() > 3


@pytest.mark.parametrize("seed", range(6))
def test_furniture_stands_inside_without_overlap(maker: SceneMaker, seed: int) -> None:
    room = make_room(maker.assets, np.random.default_rng(seed))
    w, d, h = room.extent
    made = room.builder.build()
    assert made.v[:, 2].min() > -0.02 and made.v[:, 2].max() < h + 0.05
    for k, (x, y, a, b) in enumerate(room.taken):
        assert x - a > -0.2 and x + a < w + 0.2 and y - b > -0.2 and y + b < d + 0.2
        for p, q, r, s in room.taken[:k]:
            assert not (abs(x - p) < 0.9 * (a + r) and abs(y - q) < 0.9 * (b + s))


@pytest.mark.parametrize("seed", range(6))
def test_a_wall_with_a_doorway_hides_all_but_the_doorway(maker: SceneMaker, seed: int) -> None:
    """Rays along the room at eye level pass where the doorway is, and are stopped by the wall elsewhere."""
    rng = np.random.default_rng(seed)
    room = Layout(SceneBuilder(), (4.0, 9.0, 2.6))
    assert divide(room, maker.assets, rng, 1) == 1
    made = room.builder.build()
    doorway = room.taken[-1]
    x = np.linspace(0.02, 3.98, 67)
    a, b, c = (np.asarray(made.v)[made.f[:, k]][:, [0, 2]] for k in range(3))  # as seen along y
    at = np.stack([x, np.full(67, 1.5)], 1)[:, None]
    sides = [
        (q - p)[:, 0] * (at - p)[..., 1] - (q - p)[:, 1] * (at - p)[..., 0]
        for p, q in ((a, b), (b, c), (c, a))
    ]
    stopped = (np.all([s > 0 for s in sides], 0) | np.all([s < 0 for s in sides], 0)).any(1)
    inside = np.abs(x - doorway[0]) < doorway[2]
    assert 2 * doorway[2] + 0.021 > 0.75 and not stopped[np.abs(x - doorway[0]) < doorway[2] - 0.12].any()
    assert stopped[~inside].mean() > 0.95


def test_a_camera_in_a_corridor_sees_far(maker: SceneMaker) -> None:
    corridor = Layout(SceneBuilder(), (1.8, 12.0, 2.5))
    rng = np.random.default_rng(0)
    ahead = [abs(sample_camera(corridor, rng, *SIZE).R[2, 1]) for _ in range(60)]
    assert np.mean(np.array(ahead) > 0.8) > 0.7


def test_things_stand_on_the_surface_below_them(corpus: Corpus) -> None:
    found = Assets([corpus], "train").item(np.random.default_rng(0), "table")
    assert found is not None and found.support(0, 0) == pytest.approx(found.height, rel=1e-3)
    assert found.support(3, 3) == 0


@pytest.mark.parametrize("seed", range(5))
def test_cameras_stand_in_the_room(maker: SceneMaker, seed: int) -> None:
    rng = np.random.default_rng(seed)
    room = make_room(maker.assets, rng)
    for _ in range(20):
        camera = sample_camera(room, rng, *SIZE)
        assert (camera.centre > MARGIN - 1e-6).all() and (
            camera.centre < np.array(room.extent) - MARGIN + 1e-6
        ).all()
        assert 34 < np.degrees(2 * np.arctan(SIZE[0] / 2 / camera.fx)) < 101


@pytest.mark.parametrize("seed", range(6))
def test_single_things_stand_apart_and_are_seen_from_near(maker: SceneMaker, seed: int) -> None:
    rng = np.random.default_rng(seed)
    place = make_tabletop(maker.assets, rng)
    assert place.objects and all(SIZES[0] <= size <= SIZES[1] for _, size in place.objects)
    w, d, h = place.extent
    for k, (centre, _) in enumerate(place.objects):
        assert 0 < centre[0] < w and 0 < centre[1] < d and 0 < centre[2] < h
        assert all(np.hypot(*(centre - other)[:2]) > 0.03 for other, _ in place.objects[:k])
    near = []
    for _ in range(20):
        camera = sample_camera(place, rng, *SIZE)
        near.append(min(np.linalg.norm(camera.centre - c) / size for c, size in place.objects))
    assert np.median(near) < 6


def test_outdoors_needs_buildings_and_has_a_sky(maker: SceneMaker) -> None:
    assert can_be_outdoors(maker.assets) and maker.outdoors > 0
    place = make_outdoors(maker.assets, np.random.default_rng(0))
    assert place.outdoors and len(place.taken) > 0
    only = [p for n in range(30) for p in maker.views(n, 1) if (p.depth == 0).mean() > 0.05]
    assert only, "no picture of thirty shows the sky"


def test_shards_resume_and_are_read_again(corpus: Corpus, tmp_path: Path) -> None:
    from lift3d.corpus.scenes import depth_shards

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(depth_shards, "SCENES", 1)
        patch.setattr(depth_shards, "VIEWS", 1)
        assert write_scenes([corpus], tmp_path, "val", 2, lambda n, f: None, size=SIZE) == 2
        first = (tmp_path / "val-00001.depth").read_bytes()
        (tmp_path / "val-00001.depth").unlink()
        assert write_scenes([corpus], tmp_path, "val", 2, lambda n, f: None, size=SIZE) == 1
    assert (tmp_path / "val-00001.depth").read_bytes() == first
    assert 1 <= len(DepthSet(tmp_path, "val")) <= 2


def test_a_corpus_without_the_split_is_refused(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "column", lambda name: [])
    with pytest.raises(InputError, match="no shapes of the split test"):
        Assets([corpus], "test")

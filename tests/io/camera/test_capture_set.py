"""Photos and cameras written for other programs come back as they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pillow
from scenes import orbit_views

from lift3d.errors import InputError
from lift3d.io.camera.cameras import read_cameras
from lift3d.io.camera.capture_set import capture_set, require_empty_folder, write_capture_set


@pytest.fixture(scope="module")
def views():
    made = orbit_views(4)
    names = ("a.heic", "b.png", "frame 003", "sub/a.jpg")
    return replace(made, images=tuple(replace(i, name=n) for i, n in zip(made.images, names)))


@pytest.mark.slow
def test_both_camera_files_come_back_and_name_the_photos(views, tmp_path):
    folder = write_capture_set(views, tmp_path / "set")
    names = ["a.jpg", "b.jpg", "frame 003.jpg", "a_2.jpg"]
    assert sorted(p.name for p in (folder / "images").iterdir()) == sorted(names)
    for source in (folder / "sparse" / "0", folder / "transforms.json"):
        cameras = {name.split("/")[-1]: camera for name, camera in read_cameras(source).items()}
        for name, image, camera in zip(names, views.images, views.cameras):
            back = cameras[name]
            assert (back.width, back.height) == (camera.width, camera.height)
            np.testing.assert_allclose(back.K, camera.K, atol=1e-9)
            np.testing.assert_allclose(back.world_to_camera, camera.world_to_camera, atol=1e-9)
            pixels = np.asarray(Pillow.open(folder / "images" / name)).astype(int)
            assert np.abs(pixels - image.pixels).mean() < 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set"]


@pytest.mark.slow
def test_an_empty_folder_is_filled_and_a_full_one_refused(views, tmp_path):
    (tmp_path / "set").mkdir()
    folder = write_capture_set(views, tmp_path / "set")
    before = sorted(folder.rglob("*"))
    with pytest.raises(InputError, match="not empty"):
        write_capture_set(views, folder)
    assert sorted(folder.rglob("*")) == before
    with pytest.raises(InputError, match="among the photos"):
        require_empty_folder(tmp_path / "set" / "cameras", [tmp_path / "set"])
    with pytest.raises(InputError, match="of their own"):
        require_empty_folder(tmp_path / "new", others=[tmp_path / "new" / "model.glb"])


def test_a_failure_leaves_nothing(views, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lift3d.io.camera.capture_set.write_transforms", full)
    with pytest.raises(InputError, match="full"):
        write_capture_set(views, tmp_path / "set")
    assert not list(tmp_path.iterdir())


def test_the_set_appears_only_when_the_block_succeeds(views, tmp_path):
    with pytest.raises(KeyboardInterrupt), capture_set(tmp_path / "set") as write:
        write(views)
        assert not (tmp_path / "set").exists()
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    with capture_set(tmp_path / "set") as write:
        write(views)
    assert [p.name for p in tmp_path.iterdir()] == ["set"] and (tmp_path / "set" / "transforms.json").exists()

"""Text files of data sets: matrices, trajectories, intrinsics."""

from pathlib import Path

import numpy as np
import pytest

from lift3d.errors import InputError
from lift3d.geometry.rgbd import se3
from lift3d.io.rgbd.layout import frame_number, motion, paired
from lift3d.io.rgbd.text_files import find_intrinsics, pose_at, read_intrinsics, read_log, read_timed_poses


def test_poses_between_two_times_are_interpolated() -> None:
    a, b = se3.exp(np.array([0, 0, 0, 0, 0, 0.0])), se3.exp(np.array([0.2, 0, 0, 0, 0, 0.1]))
    poses: list[np.ndarray | None] = [a, b]
    half = pose_at([1.0, 1.1], poses, 1.05)
    assert half is not None and np.allclose(half[:3, 3], 0.5 * b[:3, 3], atol=1e-9)
    assert np.allclose(se3.log(half)[3:], [0, 0, 0.05], atol=1e-4)
    assert pose_at([1.0, 2.0], poses, 1.5) is None and pose_at([1.0, 1.1], [a, None], 1.05) is None
    assert pose_at([1.0, 2.0], poses, 2.0) is b  # however far its neighbours are
    assert pose_at([], [], 1.0) is None and pose_at([1.0, 1.1], poses, 5.0) is None


def test_trajectory_of_tum(tmp_path: Path) -> None:
    path = tmp_path / "g.txt"
    path.write_text("# t\n2 1 2 3 0 0 0 1\n1 0 0 0 0 0 0 2\n")
    times, poses = read_timed_poses(path)
    assert (
        times == [1.0, 2.0]
        and poses[0] is None
        and poses[1] is not None
        and poses[1][:3, 3].tolist() == [1, 2, 3]
    )
    for bad in ("1 2 3", "1 2 x 4 5 6 7 8"):
        path.write_text(bad)
        with pytest.raises(InputError, match="trajectory|numbers"):
            read_timed_poses(path)


def test_log_with_an_unknown_pose(tmp_path: Path) -> None:
    path = tmp_path / "t.log"
    path.write_text("4 4 5\n1 0 0 9\n0 1 0 0\n0 0 1 0\n0 0 0 1\n5 5 6\n0 0 0 0\n0 0 0 0\n0 0 0 0\n0 0 0 1\n")
    found = read_log(path)
    assert found[4] is not None and found[4][0, 3] == 9 and found[5] is None
    path.write_bytes(b"\xff\xfe\0")
    with pytest.raises(InputError, match="not a text file"):
        read_log(path)


@pytest.mark.parametrize(
    "text",
    [
        "500 510 319.5 239.5",
        "500 0 319.5\n0 510 239.5\n0 0 1",
        "500,0,319.5,0\n0,510,239.5,0\n0,0,1,0\n0,0,0,1",
    ],
)
def test_intrinsics(text: str, tmp_path: Path) -> None:
    (tmp_path / "camera-intrinsics.txt").write_text(text)
    found = find_intrinsics(tmp_path)
    assert found is not None and (found.fx, found.fy, found.cx, found.cy) == (500, 510, 320, 240)


def test_other_files_are_no_intrinsics(tmp_path: Path) -> None:
    (tmp_path / "camera.json").write_text('{"a": 1}')
    (tmp_path / "camera.txt").write_text("hello")
    assert find_intrinsics(tmp_path) is None
    (tmp_path / "bad.txt").write_text("0 510 319.5 239.5")
    with pytest.raises(InputError, match="focal length"):
        read_intrinsics(tmp_path / "bad.txt")


def test_motions_are_made_rigid_or_refused() -> None:
    rough = se3.exp(np.array([1, 2, 3, 0.1, 0.2, 0.3]))
    rough[:3, :3] += 1e-4
    found = motion(rough)
    assert found is not None and np.allclose(found[:3, :3] @ found[:3, :3].T, np.eye(3), atol=1e-12)
    for bad in (np.zeros((4, 4)), np.diag([1, 1, -1, 1.0]), np.full((4, 4), np.inf), 2 * np.eye(4)):
        assert motion(bad) is None


def test_pairs_by_stem_by_number_and_in_order() -> None:
    def files(*names: str) -> list[Path]:
        return [Path(n) for n in names]

    assert paired(files("a.jpg", "b.jpg"), files("b.png", "a.png"), Path())[0][0] == (
        Path("a.jpg"),
        Path("a.png"),
    )
    by_number, left = paired(files("c_01.jpg", "c_02.jpg"), files("d001.png"), Path())
    assert by_number == [(Path("c_01.jpg"), Path("d001.png"))] and left[0][0] == "c_02.jpg"
    in_order, _ = paired(files("1_9.jpg", "2_9.jpg"), files("5.png", "6.png"), Path())
    assert in_order[1] == (Path("2_9.jpg"), Path("6.png"))
    with pytest.raises(InputError, match="2 colour and 1 depth"):
        paired(files("1.jpg", "2.jpg"), files("7.png"), Path())
    assert [frame_number(Path(n)) for n in ("0007-00012.jpg", "f000.png", "left.png")] == ["7", "0", "left"]

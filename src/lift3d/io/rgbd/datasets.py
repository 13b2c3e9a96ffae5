"""Layouts of data sets: TUM, 7-Scenes, ScanNet exports, and folders of colour and depth as Open3D and Redwood have them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from lift3d.errors import InputError
from lift3d.io.rgbd import text_files
from lift3d.io.rgbd.layout import (
    COLOUR_FOLDERS,
    DEPTH_FOLDERS,
    DEPTH_SUFFIXES,
    FrameFiles,
    Intrinsics,
    ScanFiles,
    frame_number,
    paired,
    pictures,
    sub_folder,
)
from lift3d.types import F64

MILLIMETRES = 1000.0
TUM_STEPS = 5000.0
MAX_TIME = 0.03
"""Largest difference in seconds of the times of colour and depth of a frame."""
PRIMESENSE = Intrinsics(525.0, 525.0, 320.0, 240.0, 640, 480)
TUM_CAMERAS = {
    "freiburg1": Intrinsics(517.3, 516.5, 319.1, 255.8, 640, 480),
    "freiburg2": Intrinsics(520.9, 521.0, 325.6, 250.2, 640, 480),
    "freiburg3": Intrinsics(535.4, 539.2, 320.6, 248.1, 640, 480),
}
"""Colour cameras of the sequences, from the data set's page; their depth is registered to the colour."""
KINECT = Intrinsics(585.0, 585.0, 320.0, 240.0, 640, 480)
ASSUMED = (
    "The intrinsics are not stated: a Kinect's ({0.fx:.0f} pixels at {0.width} x {0.height}) are assumed."
)


def tum(folder: Path) -> ScanFiles | None:
    """rgb.txt and depth.txt, or associations.txt, with times and paths; groundtruth.txt; 5000 steps per metre."""
    lists = [folder / "rgb.txt", folder / "depth.txt"]
    both = next(
        (
            p
            for p in (folder / "associations.txt", folder / "associate.txt", folder / "assoc.txt")
            if p.is_file()
        ),
        None,
    )
    if both is None and not all(p.is_file() for p in lists):
        return None
    left: list[tuple[str, str]] = []
    if both is not None:
        pairs = [_association(folder, row, both) for row in text_files.rows_of(both)]
    else:
        colour, depth = (_timed_list(folder, p) for p in lists)
        pairs, left = _associated(colour, depth)
    if not pairs:
        raise InputError(
            f"no colour and depth images in {folder} were taken at the same time",
            "check the times in rgb.txt and depth.txt",
        )
    truth = next(
        (folder / n for n in ("groundtruth.txt", "trajectory.txt", "poses.txt") if (folder / n).is_file()),
        None,
    )
    times, poses = text_files.read_timed_poses(truth) if truth is not None else ([], [])
    frames = []
    for time, c, d in pairs:
        pose = text_files.pose_at(times, poses, time) if truth is not None else None
        frames.append(FrameFiles(c.name, c, d, pose))
    camera = text_files.find_intrinsics(folder)
    warnings = []
    if camera is None:
        name = next((n for n in TUM_CAMERAS if n in str(folder.resolve()).casefold()), None)
        camera = TUM_CAMERAS[name] if name else PRIMESENSE
        if name is None:
            warnings.append(ASSUMED.format(camera))
    return ScanFiles(
        "TUM", tuple(frames), TUM_STEPS, camera, None, None, truth is not None, tuple(left), tuple(warnings)
    )


def _timed_list(folder: Path, path: Path) -> list[tuple[float, Path]]:
    out = []
    for row in text_files.rows_of(path):
        try:
            out.append((float(row[0]), _inside(folder, row[1], path)))
        except (ValueError, IndexError) as error:
            raise InputError(
                f"{path} has a line without time and path: {' '.join(row)[:60]}", "export it again"
            ) from error
    return sorted(out, key=lambda item: item[0])


def _association(folder: Path, row: list[str], path: Path) -> tuple[float, Path, Path]:
    """(time, colour, depth) of a line of four words; which of the two paths is the depth tells its name."""
    try:
        first, second = (
            (float(row[0]), _inside(folder, row[1], path)),
            (float(row[2]), _inside(folder, row[3], path)),
        )
    except (ValueError, IndexError) as error:
        raise InputError(
            f"{path} has a line without two times and paths: {' '.join(row)[:60]}", "export it again"
        ) from error
    if "depth" in row[1].casefold() and "depth" not in row[3].casefold():
        first, second = second, first
    return first[0], first[1], second[1]


def _inside(folder: Path, name: str, path: Path) -> Path:
    """A path of a list, which must lie in the folder."""
    found = folder / name
    if not found.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{path} names {name[:60]}, which lies outside the folder", "keep all frames in one folder"
        )
    return found


def _associated(
    colour: list[tuple[float, Path]], depth: list[tuple[float, Path]]
) -> tuple[list[tuple[float, Path, Path]], list[tuple[str, str]]]:
    """Colour images with the depth image that is nearest in time, each used once, in the order of time."""
    out: list[tuple[float, Path, Path]] = []
    left = []
    k = 0
    for time, path in colour:
        while k + 1 < len(depth) and abs(depth[k + 1][0] - time) <= abs(depth[k][0] - time):
            k += 1
        used = bool(out) and k < len(depth) and out[-1][2] == depth[k][1]
        if k < len(depth) and abs(depth[k][0] - time) <= MAX_TIME and not used:
            out.append((time, path, depth[k][1]))
        else:
            left.append((path.name, f"no depth image was taken within {1000 * MAX_TIME:.0f} ms of it"))
    return out, left


def seven_scenes(folder: Path) -> ScanFiles | None:
    """frame-000000.color.png, .depth.png (millimetres) and .pose.txt."""
    colour = sorted(
        p for p in folder.iterdir() if re.fullmatch(r".*\.color\.(png|jpe?g)", p.name, re.IGNORECASE)
    )
    if not colour:
        return None
    frames, left = [], []
    for path in colour:
        stem = path.name.rsplit(".", 2)[0]
        depth = folder / f"{stem}.depth.png"
        if not depth.is_file():
            left.append((path.name, f"there is no {depth.name}"))
            continue
        frames.append(FrameFiles(path.name, path, depth, text_files.pose_of(folder / f"{stem}.pose.txt")))
    if not frames:
        raise InputError(
            f"{folder} holds {len(colour)} colour images and no depth images", "add the files NAME.depth.png"
        )
    posed = any(p.name.endswith(".pose.txt") for p in folder.iterdir())
    stated = text_files.find_intrinsics(folder)
    warnings = () if stated is not None else (ASSUMED.format(KINECT),)
    return ScanFiles(
        "7-Scenes", tuple(frames), MILLIMETRES, stated or KINECT, None, None, posed, tuple(left), warnings
    )


def scannet(folder: Path) -> ScanFiles | None:
    """color/, depth/ (millimetres), pose/ and intrinsic/ of an exported ScanNet scan."""
    inner = folder / "intrinsic"
    if not inner.is_dir():
        return None
    base = _colour_and_depth(folder)
    if base is None:
        return None
    colour = (
        text_files.read_intrinsics(inner / "intrinsic_color.txt")
        if (inner / "intrinsic_color.txt").is_file()
        else None
    )
    depth = (
        text_files.read_intrinsics(inner / "intrinsic_depth.txt")
        if (inner / "intrinsic_depth.txt").is_file()
        else None
    )
    if colour is None and depth is None:
        raise InputError(
            f"{inner} holds no intrinsics that can be read",
            "export intrinsic_color.txt and intrinsic_depth.txt",
        )
    between = _extrinsic(inner)
    return replace(
        base, layout="ScanNet", colour_camera=colour, depth_camera=depth, depth_from_colour=between
    )


def _extrinsic(inner: Path) -> F64 | None:
    """Motion from the colour to the depth camera of extrinsic_color.txt, which maps the other way; None if it is the identity."""
    found = text_files.pose_of(inner / "extrinsic_color.txt")
    if found is None or abs(found - [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]).max() < 1e-6:
        return None
    return found


def folders(folder: Path) -> ScanFiles | None:
    """color/ and depth/ with an optional intrinsics file and an optional trajectory (.log, poses/), as Open3D has them."""
    base = _colour_and_depth(folder)
    if base is None:
        return None
    camera = text_files.find_intrinsics(folder)
    warnings = base.warnings
    if camera is None:
        camera = PRIMESENSE
        warnings = (*warnings, ASSUMED.format(camera))
    log = _trajectory(folder)
    if log is None or base.posed:
        return replace(base, colour_camera=camera, warnings=warnings)
    poses = text_files.read_log(log)
    if len(poses) > 2 * len(base.frames) + 2 or 2 * len(poses) < len(base.frames):
        raise InputError(
            f"{log.name} holds {len(poses)} poses, and there are {len(base.frames)} frames",
            "give the trajectory of these frames, or remove it to have the poses estimated",
        )
    frames = tuple(replace(f, pose=poses.get(k)) for k, f in enumerate(base.frames))
    return replace(base, frames=frames, colour_camera=camera, posed=True, warnings=warnings)


def _trajectory(folder: Path) -> Path | None:
    """trajectory.log, or the only .log file of a folder."""
    logs = sorted([*folder.glob("*.log"), *folder.glob("scene/trajectory.log")])
    named = [p for p in logs if p.name == "trajectory.log"]
    return named[0] if named else logs[0] if len(logs) == 1 else None


def _colour_and_depth(folder: Path) -> ScanFiles | None:
    """Pairs of images in a folder of colour and a folder of depth, with poses of a folder of 4x4 matrices."""
    c, d = sub_folder(folder, COLOUR_FOLDERS), sub_folder(folder, DEPTH_FOLDERS)
    if c is None or d is None:
        return None
    colour, depth = pictures(c), pictures(d, DEPTH_SUFFIXES)
    if not colour or not depth:
        empty = c if not colour else d
        raise InputError(
            f"there are no images in {empty} that lift3d reads",
            "give a colour and a depth image for each frame",
        )
    pairs, left = paired(colour, depth, folder)
    poses = sub_folder(folder, ("pose", "poses"))
    table = {frame_number(p): p for p in poses.glob("*.txt")} if poses is not None else {}
    frames = tuple(
        FrameFiles(
            a.name, a, b, text_files.pose_of(table[frame_number(a)]) if frame_number(a) in table else None
        )
        for a, b in pairs
    )
    return ScanFiles("color/ and depth/", frames, MILLIMETRES, None, None, None, bool(table), tuple(left))

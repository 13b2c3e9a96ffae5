"""Open3D's reconstruction system on a folder in TUM's layout: the peer of benchmarks/rgbd.py, run in an environment of its own.

    PYTHON_WITH_OPEN3D benchmarks/rgbd_open3d.py FOLDER OUT.npz

The four steps and their parameters are those of Open3D's tutorial (Park et al. 2017; Choi et al. 2015): fragments of 100 frames
from RGB-D odometry with loops between keyframes, found by ORB features; fragments registered by FPFH features, or by the odometry
between neighbours; refined by coloured ICP; all frames integrated with voxels of 3 m / 512.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import open3d as o3d

reg, odo = o3d.pipelines.registration, o3d.pipelines.odometry
FRAGMENT, KEYFRAME, FAR, VOXEL = 100, 5, 4.5, 0.05


def camera() -> o3d.camera.PinholeCameraIntrinsic:
    return o3d.camera.PinholeCameraIntrinsic(640, 480, 525.0, 525.0, 319.5, 239.5)


def frame(folder: Path, time: str, grey: bool) -> o3d.geometry.RGBDImage:
    colour = o3d.io.read_image(str(folder / "rgb" / f"{time}.png"))
    depth = o3d.io.read_image(str(folder / "depth" / f"{time}.png"))
    return o3d.geometry.RGBDImage.create_from_color_and_depth(colour, depth, 5000.0, FAR, grey)


def orb_motion(a: o3d.geometry.RGBDImage, b: o3d.geometry.RGBDImage) -> np.ndarray | None:
    """Motion from a to b by ORB matches with depth and RANSAC on three of them."""
    k = camera().intrinsic_matrix
    orb = cv2.ORB_create(1000, 1.2, 8, 31, 0, 2, cv2.ORB_HARRIS_SCORE, 31)
    found = []
    for shot in (a, b):
        grey = (np.asarray(shot.color) * 255).astype(np.uint8)
        found.append(orb.detectAndCompute(grey, None))
    if found[0][1] is None or found[1][1] is None:
        return None
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, True).match(found[0][1], found[1][1])
    points = []
    for side, shot in ((0, a), (1, b)):
        uv = np.array([found[side][0][m.queryIdx if side == 0 else m.trainIdx].pt for m in matches]).reshape(
            -1, 2
        )
        z = np.asarray(shot.depth)[uv[:, 1].astype(int), uv[:, 0].astype(int)]
        points.append(
            np.column_stack([(uv[:, 0] - k[0, 2]) / k[0, 0] * z, (uv[:, 1] - k[1, 2]) / k[1, 1] * z, z])
        )
    known = (points[0][:, 2] > 0) & (points[1][:, 2] > 0)
    p, q = points[0][known], points[1][known]
    if len(p) < 10:
        return None
    rng, best, most = np.random.default_rng(0), None, 0
    for _ in range(1000):
        pick = rng.choice(len(p), 4, replace=False)
        motion = rigid(p[pick], q[pick])
        agrees = np.linalg.norm(p @ motion[:3, :3].T + motion[:3, 3] - q, axis=1) < 0.05
        if agrees.sum() > most:
            most, best = int(agrees.sum()), agrees
    return rigid(p[best], q[best]) if best is not None and most >= 10 else None


def rigid(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    u, _, vt = np.linalg.svd((p - p.mean(0)).T @ (q - q.mean(0)))
    out = np.eye(4)
    out[:3, :3] = vt.T @ np.diag([1, 1, np.linalg.det(vt.T @ u.T)]) @ u.T
    out[:3, 3] = q.mean(0) - out[:3, :3] @ p.mean(0)
    return out


def odometry(
    a: o3d.geometry.RGBDImage, b: o3d.geometry.RGBDImage, initial: np.ndarray
) -> tuple[bool, np.ndarray, np.ndarray]:
    option = odo.OdometryOption(depth_diff_max=0.07)
    return odo.compute_rgbd_odometry(
        a, b, camera(), initial, odo.RGBDOdometryJacobianFromHybridTerm(), option
    )


def optimised(graph: reg.PoseGraph, distance: float, preference: float) -> reg.PoseGraph:
    option = reg.GlobalOptimizationOption(distance, 0.25, preference, 0)
    reg.global_optimization(
        graph, reg.GlobalOptimizationLevenbergMarquardt(), reg.GlobalOptimizationConvergenceCriteria(), option
    )
    return graph


def volume(voxel: float = 3.0 / 512.0) -> o3d.pipelines.integration.ScalableTSDFVolume:
    kind = o3d.pipelines.integration.TSDFVolumeColorType.RGB8
    return o3d.pipelines.integration.ScalableTSDFVolume(voxel, 0.04, kind)


def fragment(folder: Path, times: list[str], first: int) -> tuple[list[np.ndarray], o3d.geometry.PointCloud]:
    """Poses of a fragment's frames (frame to fragment) and its points."""
    last = min(first + FRAGMENT, len(times))
    shots = {k: frame(folder, times[k], True) for k in range(first, last)}
    graph = reg.PoseGraph()
    total = np.eye(4)
    graph.nodes.append(reg.PoseGraphNode(total))
    for s in range(first, last):
        for t in range(s + 1, last):
            neighbours = t == s + 1
            if not neighbours and (s % KEYFRAME or t % KEYFRAME):
                continue
            initial = np.eye(4) if neighbours else orb_motion(shots[s], shots[t])
            if initial is None:
                continue
            success, motion, information = odometry(shots[s], shots[t], initial)
            if neighbours:
                total = motion @ total
                graph.nodes.append(reg.PoseGraphNode(np.linalg.inv(total)))
            if success or neighbours:
                graph.edges.append(
                    reg.PoseGraphEdge(s - first, t - first, motion, information, not neighbours)
                )
    optimised(graph, 0.07, 0.1)
    poses = [np.asarray(n.pose) for n in graph.nodes]
    whole = volume()
    for k in range(first, last):
        whole.integrate(frame(folder, times[k], False), camera(), np.linalg.inv(poses[k - first]))
    mesh = whole.extract_triangle_mesh()
    cloud = o3d.geometry.PointCloud(mesh.vertices)
    mesh.compute_vertex_normals()
    cloud.normals, cloud.colors = mesh.vertex_normals, mesh.vertex_colors
    return poses, cloud


def registered(clouds: list[o3d.geometry.PointCloud], between: list[np.ndarray]) -> list[np.ndarray]:
    """Poses of the fragments. between: motion from each fragment's end to the next one's beginning, as an initial value."""
    down = [c.voxel_down_sample(VOXEL) for c in clouds]
    search = o3d.geometry.KDTreeSearchParamHybrid
    for c in down:
        c.estimate_normals(search(VOXEL * 2, 30))
    features = [reg.compute_fpfh_feature(c, search(VOXEL * 5, 100)) for c in down]
    graph, total = reg.PoseGraph(), np.eye(4)
    graph.nodes.append(reg.PoseGraphNode(total))
    for s in range(len(clouds)):
        for t in range(s + 1, len(clouds)):
            neighbours = t == s + 1
            if neighbours:
                initial = between[s]
            else:
                option = reg.FastGlobalRegistrationOption(maximum_correspondence_distance=VOXEL * 1.4)
                found = reg.registration_fgr_based_on_feature_matching(
                    down[s], down[t], features[s], features[t], option
                )
                if np.trace(found.transformation) == 4.0:
                    continue
                initial = found.transformation
            motion, information = refined(clouds[s], clouds[t], initial)
            if information[5, 5] / min(len(down[s].points), len(down[t].points)) < 0.3 and not neighbours:
                continue
            if neighbours:
                total = motion @ total
                graph.nodes.append(reg.PoseGraphNode(np.linalg.inv(total)))
            graph.edges.append(reg.PoseGraphEdge(s, t, motion, information, not neighbours))
    optimised(graph, VOXEL * 1.4, 5.0)
    return [np.asarray(n.pose) for n in graph.nodes]


def refined(
    a: o3d.geometry.PointCloud, b: o3d.geometry.PointCloud, initial: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Coloured ICP, coarse to fine."""
    motion = initial
    for voxel, steps in ((VOXEL, 50), (VOXEL / 2, 30), (VOXEL / 4, 14)):
        clouds = [c.voxel_down_sample(voxel) for c in (a, b)]
        for c in clouds:
            c.estimate_normals(o3d.geometry.KDTreeSearchParamHybrid(voxel * 2, 30))
        criteria = reg.ICPConvergenceCriteria(1e-6, 1e-6, steps)
        result = reg.registration_colored_icp(
            *clouds, VOXEL * 1.4, motion, reg.TransformationEstimationForColoredICP(0.968), criteria
        )
        motion = result.transformation
    return motion, reg.get_information_matrix_from_point_clouds(*clouds, VOXEL * 1.4, motion)


def main(folder: Path, output: Path) -> None:
    times = [line.split()[0] for line in (folder / "rgb.txt").read_text().splitlines() if line[:1] != "#"]
    start, cpu = time.time(), time.process_time()
    firsts = list(range(0, len(times), FRAGMENT))
    parts = [fragment(folder, times, first) for first in firsts]
    between = []
    for s, first in enumerate(firsts[1:]):
        a, b = frame(folder, times[first - 1], True), frame(folder, times[first], True)
        _, step, _ = odometry(a, b, np.eye(4))
        between.append(step @ np.linalg.inv(parts[s][0][-1]))
    places = registered([cloud for _, cloud in parts], between)
    poses = [place @ pose for place, (each, _) in zip(places, parts) for pose in each]
    posed = time.time(), time.process_time()
    whole = volume()
    for k, pose in enumerate(poses):
        whole.integrate(frame(folder, times[k], False), camera(), np.linalg.inv(pose))
    mesh = whole.extract_triangle_mesh()
    end = time.time(), time.process_time()
    np.savez(
        output, poses=np.array(poses), vertices=np.asarray(mesh.vertices, np.float32), faces=np.asarray(mesh.triangles, np.int32),
        seconds=[end[0] - start, posed[0] - start], cpu=[end[1] - cpu, posed[1] - cpu],
    )  # fmt: skip
    print(
        json.dumps(
            {
                "open3d": o3d.__version__,
                "seconds": end[0] - start,
                "cpu": end[1] - cpu,
                "faces": len(mesh.triangles),
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

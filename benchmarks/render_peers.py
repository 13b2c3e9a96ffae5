"""The peers of benchmarks/render.py, each in its own process: python render_peers.py NAME FOLDER SECONDS SIZE.

Reads FOLDER/job.npz and prints one line of JSON. SIZE is the side of the measured pictures; with 0 the script writes
FOLDER/NAME.npz with the solids' depths instead. It imports nothing of lift3d, so that it runs under any interpreter with the
peer.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
MESHES, SOLIDS = ("vase", "crates"), ("ball", "cube", "cylinder")


def timed(draw, seconds):
    """(pictures per second, CPU seconds per picture); `draw(i)` renders picture i. All 24 cameras are rendered once before the
    measurement, because Open3D compiles shaders for some of them."""
    for i in range(24):
        draw(i)
    count, start, busy = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        draw(count)
        count += 1
    return count / (time.perf_counter() - start), (time.process_time() - busy) / count


def summary(name, size, rates):
    """One row: the harmonic mean over meshes, which is the rate of pictures of alternating meshes."""
    rate = len(rates) / sum(1 / r for r, _ in rates)
    return {"name": name, "size": size, "rate": rate, "cpu": float(np.mean([c for _, c in rates]))}


def run_pyrender(job, seconds, size):
    np.infty = np.inf  # noqa: NPY201  pyrender 0.1.45 uses this name, which numpy 2 has removed
    import pyrender
    import trimesh
    from PIL import Image

    def scene_of(name):
        v, f = job[f"{name}.v"], job[f"{name}.f"]
        if f"{name}.uv" in job:
            picture = Image.fromarray(job[f"{name}.texture"])
            material = trimesh.visual.material.PBRMaterial(
                baseColorTexture=picture, roughnessFactor=0.9, metallicFactor=0.0
            )
            visual = trimesh.visual.TextureVisuals(job[f"{name}.uv"], material=material)
            mesh = trimesh.Trimesh(v, f, visual=visual, process=False)
        else:
            mesh = trimesh.Trimesh(v, f, process=False)
        scene = pyrender.Scene(ambient_light=[0.3, 0.35, 0.45], bg_color=[1.0, 1.0, 1.0])
        scene.add(pyrender.Mesh.from_trimesh(mesh, smooth=bool(mesh.visual.defined)))
        sun = np.eye(4)
        sun[:3, :3] = trimesh.geometry.align_vectors([0, 0, 1], [-0.5, -0.6, 0.9])[:3, :3]
        scene.add(pyrender.DirectionalLight(intensity=3.0), pose=sun)
        return scene

    def camera_of(focal, size):
        return pyrender.IntrinsicsCamera(focal, focal, size / 2, size / 2, znear=0.5, zfar=20.0)

    rows, depths = [], {}
    ways = (("pyrender", 0), ("pyrender, shadows", pyrender.RenderFlags.SHADOWS_DIRECTIONAL))
    for label, flags in ways if size else ():
        rates = []
        renderer = pyrender.OffscreenRenderer(size, size)
        for name in MESHES:
            scene = scene_of(name)
            node = scene.add(camera_of(float(job[f"{name}.{size}.focal"]), size))
            poses = [np.linalg.inv(p) @ FLIP for p in job[f"{name}.{size}.pose"]]

            def draw(i, scene=scene, node=node, poses=poses, renderer=renderer, flags=flags):
                scene.set_pose(node, poses[i % len(poses)])
                colour, depth = renderer.render(scene, flags=flags)
                return colour, depth, depth > 0

            rates.append(timed(draw, seconds))
        rows.append(summary(label, size, rates))
        renderer.delete()
    for name in () if size else SOLIDS:
        renderer = pyrender.OffscreenRenderer(128, 128)
        scene = scene_of(name)
        scene.add(camera_of(float(job[f"{name}.focal"]), 128), pose=np.linalg.inv(job[f"{name}.pose"]) @ FLIP)
        depths[name] = renderer.render(scene)[1]
        renderer.delete()
    return rows, depths, f"pyrender {pyrender.__version__}, EGL, Mesa in software, multisampled 4 times"


def run_open3d(job, seconds, size):
    import open3d as o3d

    drawing = o3d.visualization.rendering

    renderer = drawing.OffscreenRenderer(size or 128, size or 128)
    scene = renderer.scene
    scene.set_background([1, 1, 1, 1])
    scene.scene.set_sun_light(np.array([0.5, 0.6, -0.9]), [1.0, 0.95, 0.85], 75000)
    scene.scene.enable_sun_light(True)
    scene.view.set_shadowing(True, drawing.View.ShadowType.PCF)
    names = MESHES if size else SOLIDS
    for name in names:  # all meshes are added at the start, because the removal of one may abort Filament
        v, f = job[f"{name}.v"], job[f"{name}.f"]
        mesh = o3d.geometry.TriangleMesh(o3d.utility.Vector3dVector(v), o3d.utility.Vector3iVector(f))
        material = drawing.MaterialRecord()
        material.shader = "defaultLit"
        if f"{name}.uv" in job:
            uv = job[f"{name}.uv"] * [1, -1] + [0, 1]
            mesh.triangle_uvs = o3d.utility.Vector2dVector(uv[f].reshape(-1, 2))
            material.albedo_img = o3d.geometry.Image(np.ascontiguousarray(job[f"{name}.texture"]))
        mesh.compute_vertex_normals()
        scene.add_geometry(name, mesh, material)

    def aim(name, focal, pose):
        side = size or 128
        k = np.array([[focal, 0, side / 2], [0, focal, side / 2], [0, 0, 1.0]])
        renderer.setup_camera(k, pose, side, side)

    def show(wanted):
        for name in names:
            scene.show_geometry(name, name == wanted)

    depths, rates = {}, []
    for name in () if size else SOLIDS:
        show(name)
        aim(name, float(job[f"{name}.focal"]), job[f"{name}.pose"])
        z = np.asarray(renderer.render_to_depth_image(z_in_view_space=True))
        depths[name] = np.where(np.isfinite(z), z, 0.0)
    for name in MESHES if size else ():
        show(name)
        focal, poses = float(job[f"{name}.{size}.focal"]), job[f"{name}.{size}.pose"]

        def draw(i, name=name, focal=focal, poses=poses):
            aim(name, focal, poses[i % len(poses)])
            colour = np.asarray(renderer.render_to_image())
            depth = np.asarray(renderer.render_to_depth_image(z_in_view_space=True))
            return colour, depth, np.isfinite(depth)

        rates.append(timed(draw, seconds))
    rows = [summary("open3d, shadows", size, rates)] if size else []
    return rows, depths, f"Open3D {o3d.__version__}, OffscreenRenderer (Filament), Mesa in software"


def main():
    name, folder, seconds, size = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    with np.load(folder / "job.npz") as data:
        job = dict(data)
    rows, depths, about = {"pyrender": run_pyrender, "open3d": run_open3d}[name](job, seconds, size)
    if depths:
        np.savez(folder / f"{name}.npz", **depths)
    print(json.dumps({"rows": rows, "about": about}), flush=True)
    os._exit(0)  # Open3D's renderer may abort during its destruction


if __name__ == "__main__":
    main()

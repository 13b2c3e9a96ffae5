"""An owl of painted and glazed clay: the example's subject, modelled by signed distance functions.

Ellipsoids and capsules are joined by a smooth minimum of their distances (Quilez, "Smooth minimum", 2013); feathers are a shallow
relief; the mesh comes from marching tetrahedra. The owl stands on z = 0, faces -y, and is 1.1 high.
"""

from __future__ import annotations

import numpy as np

from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra

GLAZES = {
    "body": (0.56, 0.45, 0.30),
    "belly": (0.72, 0.62, 0.45),
    "wing": (0.06, 0.22, 0.27),
    "edge": (0.62, 0.30, 0.07),
    "disc": (0.70, 0.60, 0.46),
    "ring": (0.10, 0.10, 0.22),
    "eye": (0.75, 0.42, 0.04),
    "pupil": (0.012, 0.012, 0.015),
    "beak": (0.60, 0.25, 0.05),
    "plinth": (0.20, 0.075, 0.045),
    "tuft": (0.08, 0.17, 0.22),
}


def _ellipsoid(p: np.ndarray, centre: tuple, radii: tuple) -> np.ndarray:
    q = (p - centre) / radii
    k0, k1 = np.linalg.norm(q, axis=-1), np.linalg.norm(q / radii, axis=-1)
    return k0 * (k0 - 1) / np.maximum(k1, 1e-9)


def _capsule(p: np.ndarray, a: tuple, b: tuple, ra: float, rb: float) -> np.ndarray:
    start, along = np.array(a), np.subtract(b, a)
    h = np.clip(((p - start) @ along) / (along @ along), 0, 1)
    return np.linalg.norm(p - start - h[..., None] * along, axis=-1) - (ra + (rb - ra) * h)


def _join(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    h = np.maximum(k - np.abs(a - b), 0) / k
    return np.minimum(a, b) - h * h * k / 4


def _scales(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Rows of overlapping feathers over (u along the row, v down the rows): 0 in the gaps, 1 at a tip."""
    row = np.floor(v)
    across = u + 0.5 * (row % 2)
    d = np.hypot((across - np.floor(across) - 0.5) * 1.5, (v - row) - 0.12)
    return np.clip(1 - d / 0.95, 0, 1)


def _parts(p: np.ndarray) -> dict[str, np.ndarray]:
    """Signed distances of the owl's parts at p (..., 3); paired parts are reflected in x."""
    m = p * [1, 1, 1]
    m[..., 0] = np.abs(m[..., 0])
    height = p[..., 2]
    angle = np.arctan2(p[..., 0], -p[..., 1])
    body = _ellipsoid(p, (0, 0.01, 0.46), (0.285, 0.25, 0.40))
    body = _join(body, _ellipsoid(p, (0, 0.03, 0.22), (0.25, 0.23, 0.20)), 0.12)
    feathers = _scales(angle * 16 / np.pi, (0.75 - height) / 0.062)
    body = body - 0.011 * feathers * (height > 0.13)
    head = _ellipsoid(p, (0, -0.01, 0.85), (0.275, 0.235, 0.205)) - 0.004 * _scales(
        angle * 22 / np.pi, height / 0.045
    )
    wing = _ellipsoid(m, (0.262, 0.05, 0.46), (0.075, 0.19, 0.29))
    wing = _join(wing, _capsule(m, (0.25, 0.10, 0.32), (0.17, 0.24, 0.13), 0.075, 0.03), 0.06)
    wing = wing - 0.013 * _scales(p[..., 1] / 0.085, (0.72 - height) / 0.085)
    tail = _join(
        _capsule(p, (0.0, 0.20, 0.26), (0.0, 0.32, 0.10), 0.11, 0.055),
        _capsule(m, (0.06, 0.20, 0.24), (0.10, 0.30, 0.10), 0.08, 0.04), 0.04,
    )  # fmt: skip
    ribs = 0.006 * np.cos(m[..., 0] * 140)
    return {
        "body": body,
        "head": head,
        "wing": wing,
        "tail": tail + ribs,
        "tuft": _capsule(m, (0.15, -0.04, 0.97), (0.235, -0.02, 1.13), 0.075, 0.016),
        "disc": _ellipsoid(m, (0.108, -0.205, 0.865), (0.118, 0.040, 0.118)),
        "eye": _ellipsoid(m, (0.105, -0.225, 0.868), (0.062, 0.052, 0.062)),
        "beak": _capsule(p, (0, -0.235, 0.845), (0, -0.285, 0.755), 0.036, 0.010),
        "toes": np.minimum.reduce(
            [_capsule(m, (0.11, -0.16, 0.13), (x, -0.30, 0.095), 0.042, 0.026) for x in (0.055, 0.115, 0.175)]
        ),
        "plinth": _plinth(p),
    }


def _plinth(p: np.ndarray) -> np.ndarray:
    """A lathe-turned disc with a rounded rim and a groove."""
    radius = np.hypot(p[..., 0], p[..., 1] - 0.02)
    dx, dz = radius - 0.325, np.abs(p[..., 2] - 0.045) - 0.030
    rim = np.hypot(np.maximum(dx, 0), np.maximum(dz, 0)) + np.minimum(np.maximum(dx, dz), 0) - 0.015
    return rim + 0.010 * np.exp(-(((p[..., 2] - 0.05) / 0.010) ** 2))


def distance(p: np.ndarray) -> np.ndarray:
    """Signed distance (approximate) to the owl at points (..., 3), negative inside."""
    d = _parts(p)
    whole = _join(d["body"], d["head"], 0.07)
    whole = _join(whole, d["tuft"], 0.05)
    whole = _join(whole, d["wing"], 0.02)
    whole = _join(whole, d["tail"], 0.04)
    whole = _join(whole, d["disc"], 0.035)
    whole = _join(whole, d["eye"], 0.006)
    whole = _join(whole, d["beak"], 0.012)
    whole = _join(whole, d["toes"], 0.02)
    return _join(whole, d["plinth"], 0.012)


def owl_mesh(cells: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """(v, f): the owl's surface, meshed with `cells` voxels along its height."""
    low, high = np.array([-0.40, -0.40, -0.02]), np.array([0.40, 0.44, 1.18])
    step = (high[2] - low[2]) / cells
    axes = [np.arange(a, b, step) for a, b in zip(low, high)]
    values = np.stack(
        [distance(np.stack(np.meshgrid(axes[0], axes[1], [z], indexing="ij"), -1)[:, :, 0]) for z in axes[2]],
        -1,
    )
    v, f = marching_tetrahedra(values.astype(np.float32))
    return v * step + low, f


def owl_colours(p: np.ndarray) -> np.ndarray:
    """(N, 3) linear glaze colours at surface points (N, 3)."""
    d = _parts(p)
    names = np.array(list(d))
    nearest = names[np.argmin(np.stack(list(d.values())), 0)]
    height, angle = p[:, 2], np.arctan2(p[:, 0], -p[:, 1])
    side = np.abs(p[:, 0])
    colour = np.empty((len(p), 3))
    colour[:] = GLAZES["body"]

    def lay(where: np.ndarray, glaze: str, amount: np.ndarray | float = 1.0) -> None:
        weight = np.broadcast_to(amount, where.shape)[where, None]
        colour[where] += weight * (np.array(GLAZES[glaze]) - colour[where])

    belly = (nearest == "body") & (np.abs(angle) < 0.95) & (height < 0.72)
    lay(belly, "belly")
    tips = _scales(angle * 16 / np.pi, (0.75 - height) / 0.062)
    lay(nearest == "body", "edge", np.clip((tips - 0.62) * 5, 0, 1))
    lay((nearest == "body") & (tips < 0.16), "wing", 0.6)
    lay(nearest == "wing", "wing")
    tips = _scales(p[:, 1] / 0.085, (0.72 - height) / 0.085)
    lay(nearest == "wing", "belly", np.clip((tips - 0.55) * 5, 0, 1) * 0.85)
    lay((nearest == "wing") & (tips < 0.13), "pupil", 0.7)
    lay(nearest == "tail", "wing")
    lay((nearest == "tail") & (np.sin(height * 120) > 0.3), "edge")
    lay(nearest == "tuft", "tuft")
    crown = (nearest == "head") & (np.sin(angle * 14 + 6 * np.sin(height * 40)) > 0.45)
    lay(crown, "edge", 0.8)
    lay(nearest == "disc", "disc")
    out = np.hypot(side - 0.106, height - 0.867)
    lay((nearest == "disc") & (np.sin(np.arctan2(height - 0.867, side - 0.106) * 18) > 0.2), "edge", 0.75)
    lay((nearest == "disc") & (out > 0.099), "ring")
    lay(nearest == "eye", "eye")
    lay((nearest == "eye") & (out > 0.052), "ring")
    lay((nearest == "eye") & (out < 0.030), "pupil")
    lay((nearest == "eye") & (np.hypot(side - 0.095, height - 0.882) < 0.011), "belly")
    lay((nearest == "beak") | (nearest == "toes"), "beak")
    lay(nearest == "plinth", "plinth")
    rim = (
        (nearest == "plinth")
        & (np.sin(np.arctan2(p[:, 0], p[:, 1] - 0.02) * 26) > 0.1)
        & (np.abs(height - 0.05) > 0.016)
    )
    lay(rim, "wing", 0.8)
    return colour

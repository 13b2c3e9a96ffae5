"""Patches: plain ones are copies, positions equal a slow form, and random ones depend on the generator alone."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from made_volumes import ellipsoids  # noqa: E402
from scipy import ndimage  # noqa: E402
from small_plan import small_plan  # noqa: E402

from lift3d.train.segmentation import augmentation as aug  # noqa: E402


def case(shape=(20, 24, 18)) -> aug.Prepared:
    """A case with places of both labels."""
    values, labels = ellipsoids(np.random.default_rng(0), shape)
    image = ((values - values.mean()) / values.std()).astype(np.float16)
    return aug.Prepared("a", image, labels, {k: np.flatnonzero(labels == k) for k in (1, 2)})


def test_a_plain_patch_is_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aug, "P_ROTATE", 0)
    monkeypatch.setattr(aug, "P_SCALE", 0)
    monkeypatch.setattr(aug, "P_ELASTIC", 0)
    monkeypatch.setattr(aug, "change_values", lambda x, spacing, rng: x)
    one, plan = case(), small_plan(mirror=())
    for seed in range(8):
        image, classes = aug.sample_patch(one, plan, seed % 2 == 0, np.random.default_rng(seed))
        windows = np.lib.stride_tricks.sliding_window_view(one.image.astype(np.float32), plan.patch)
        match = np.argwhere(np.abs(windows - image[0].numpy()).max((3, 4, 5)) < 1e-3)
        assert len(match) == 1
        x, y, z = match[0]
        assert np.array_equal(one.classes[x : x + 16, y : y + 16, z : z + 8], classes.numpy())


def test_a_patch_equals_scipys_interpolation() -> None:
    one, plan = case(), small_plan(patch=(16, 16, 8))
    centre = aug.sample_centre(one, plan.patch, True, np.random.default_rng(4))
    positions, _ = aug.sampling_positions(centre, plan, np.random.default_rng(3))
    found = aug.sample_volume(torch.from_numpy(one.image)[None], positions, "bilinear")[0].numpy()
    slow = ndimage.map_coordinates(
        one.image.astype(np.float64), np.moveaxis(positions.numpy(), -1, 0), order=1, mode="grid-constant"
    )
    assert np.allclose(found, slow, atol=2e-4)


def test_patches_depend_on_the_generator_alone() -> None:
    one, plan = case(), small_plan()
    a, b, c = (aug.sample_patch(one, plan, True, np.random.default_rng(s)) for s in (1, 1, 2))
    assert torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) and not torch.equal(a[0], c[0])
    assert a[0].shape == (1, 16, 16, 8) and a[1].shape == (16, 16, 8) and a[1].dtype == torch.int64


def test_foreground_patches_contain_labels() -> None:
    one, plan = case((60, 60, 60)), small_plan(patch=(8, 8, 8))
    rng = np.random.default_rng(0)
    centres = [aug.sample_centre(one, plan.patch, True, rng) for _ in range(30)]
    assert all(one.classes[tuple(np.round(c).astype(int))] > 0 for c in centres)
    inside = [aug.sample_centre(one, plan.patch, False, rng) for _ in range(50)]
    assert np.min(inside) >= 3.5 and np.max(inside) <= 55.5


def test_mirroring_happens_along_planned_axes_alone() -> None:
    for mirror in ((), (0,), (0, 1, 2)):
        plan = small_plan(mirror=mirror)
        seen = set()
        for seed in range(40):
            p, _ = aug.sampling_positions(np.array([10.0, 12.0, 9.0]), plan, np.random.default_rng(seed))
            ends = [
                p[-1, 8, 4, 0] - p[0, 8, 4, 0],
                p[8, -1, 4, 1] - p[8, 0, 4, 1],
                p[8, 8, -1, 2] - p[8, 8, 0, 2],
            ]
            seen |= {axis for axis, end in enumerate(ends) if end < 0}
        assert seen == set(mirror)


def test_rotations_are_rigid_in_millimetres(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aug, "P_ROTATE", 1)
    monkeypatch.setattr(aug, "P_SCALE", 0)
    monkeypatch.setattr(aug, "P_ELASTIC", 0)
    plan = small_plan(spacing=(0.5, 1.0, 3.0), mirror=())
    p, changed = aug.sampling_positions(np.zeros(3), plan, np.random.default_rng(0))
    mm = p.numpy() * np.array(plan.spacing)
    for axis, step in enumerate(plan.spacing):
        assert np.allclose(np.linalg.norm(np.diff(mm, axis=axis), axis=-1), step, atol=1e-4)
    assert changed


def test_values_change_within_reason() -> None:
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 16, 16, 8)).astype(np.float32))
    for seed in range(60):
        y = aug.change_values(x.clone(), (1.0, 1.0, 1.0), np.random.default_rng(seed))
        assert (
            y.shape == x.shape
            and y.isfinite().all()
            and 0.1 < float(y.std()) < 3
            and abs(float(y.mean())) < 1.5
        )
    blurred = aug.blur(x, [1.0, 0.7, 0.5])[0].numpy()
    slow = ndimage.gaussian_filter(x[0].numpy(), [1.0, 0.7, 0.5], mode="nearest", radius=[3, 3, 2])
    assert np.allclose(blurred, slow, atol=1e-5)
    assert torch.allclose(aug.gamma(x, 1.0), x, atol=1e-5)

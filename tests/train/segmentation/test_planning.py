"""Plans from fingerprints: the published plan of the hippocampus data, thick slices, limits of memory, and mirroring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from made_volumes import write_dataset  # noqa: E402

from lift3d.nets.segmentation.plan import Intensity  # noqa: E402
from lift3d.train.segmentation.dataset import open_dataset  # noqa: E402
from lift3d.train.segmentation.fingerprint import Fingerprint, take_fingerprint  # noqa: E402
from lift3d.train.segmentation.planning import (  # noqa: E402
    describe_plan,
    estimate,
    make_plan,
    stages,
    target_spacing,
)


def fingerprint(shape, spacing=(1.0, 1.0, 1.0), names=("a", "b"), modality="mr", count=5) -> Fingerprint:
    """That of a data set of equal volumes."""
    return Fingerprint(
        np.tile(np.array(shape), (count, 1)), np.tile(np.array(spacing, float), (count, 1)), tuple(range(1, len(names) + 1)),
        tuple(names), modality, Intensity(-2, 2, 0, 1), (0.0,) * (len(names) + 1), (10,) * len(names),
    )  # fmt: skip


def test_the_hippocampus_plan_is_that_of_nnunet() -> None:
    """Isensee et al. publish for 260 crops with a median of 36 x 50 x 35 voxels: 1 mm, patch 40 x 56 x 40, three poolings of all
    axes, kernels of 3. Batch 9 and width 32 there are options here; there all axes are mirrored."""
    plan = make_plan(fingerprint((36, 50, 35), names=("anterior", "posterior")), 16, 2)
    assert plan.spacing == (1, 1, 1) and plan.patch == (40, 56, 40)
    assert plan.strides == ((1, 1, 1), (2, 2, 2), (2, 2, 2), (2, 2, 2)) and set(plan.kernels) == {(3, 3, 3)}
    assert plan.mirror == (0,) and plan.widths == (16, 32, 64, 128)


def test_thick_slices_are_pooled_later() -> None:
    """The prostate plan of nnU-Net: 0.625 x 0.625 x 3.6 mm, median 320 x 320 x 20, six stages of which the first two leave the
    slices apart."""
    data = fingerprint((320, 320, 20), (0.625, 0.625, 3.6))
    assert target_spacing(data) == (0.625, 0.625, 3.6)
    strides, kernels, patch = stages((0.625, 0.625, 3.6), np.array([256, 320, 14]))
    assert strides[:3] == [(1, 1, 1), (2, 2, 1), (2, 2, 1)] and (1, 1, 1) not in strides[1:]
    assert kernels[:2] == [(3, 3, 1), (3, 3, 1)] and kernels[-1] == (3, 3, 3)
    assert patch[2] % np.prod(np.array(strides), 0)[2] == 0


def test_rare_fine_slices_set_the_spacing_of_thick_ones() -> None:
    data = fingerprint((400, 400, 20), (0.5, 0.5, 5.0), count=10)
    data.spacings[:2, 2] = 2.0
    x, y, z = target_spacing(data)
    assert (x, y) == (0.5, 0.5) and 0.5 < z < 5


def test_the_patch_obeys_the_limit_of_memory() -> None:
    data = fingerprint((300, 300, 300))
    sizes = [int(np.prod(make_plan(data, 16, 2, memory).patch)) for memory in (1.0, 4.0, 16.0)]
    assert sizes[0] < sizes[1] < sizes[2]
    for memory in (1.0, 4.0):
        assert estimate(make_plan(data, 16, 2, memory), 2).bytes <= memory * 1e9


@pytest.mark.parametrize(
    ("names", "mirror"),
    [(("anterior", "posterior"), (0,)), (("left kidney", "liver"), ()), (("Kidney_R", "x"), ()), (("lh-cortex", "x"), ()),
     (("leftover", "upright"), (0,)), (("amygdala (right)", "x"), ())],
)  # fmt: skip
def test_sides_are_not_mirrored(names: tuple[str, ...], mirror: tuple[int, ...]) -> None:
    plan = make_plan(fingerprint((36, 50, 35), names=names), 16, 2)
    assert plan.mirror == mirror
    assert ("nothing is mirrored" in " ".join(describe_plan(plan, 2, 1e11, 100))) == (not mirror)


@pytest.mark.parametrize("shape", [(4, 4, 4), (1, 60, 60), (7, 9, 300), (512, 512, 2)])
def test_odd_volumes_have_plans(shape: tuple[int, ...]) -> None:
    plan = make_plan(fingerprint(shape), 8, 2)
    assert all(p % d == 0 for p, d in zip(plan.patch, plan.divisor)) and len(plan.widths) >= 2


def test_the_fingerprint_of_files(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "d", 4, ids=(3, 7))
    found, read = take_fingerprint(open_dataset(folder), "", lambda name, fraction: None)
    assert found.ids == (3, 7) and found.names == ("label 3", "label 7") and found.modality == "mr"
    assert found.shapes.tolist() == [[20, 24, 18]] * 4 and len(read) == 4
    assert found.contrast[1] > 1 and found.contrast[2] < -1 and abs(found.contrast[0]) < 0.3
    assert found.voxels[0] == sum(int((y.ids == 3).sum()) for _, y in read)
    ct, _ = take_fingerprint(open_dataset(folder), "ct", lambda name, fraction: None)
    inside = np.concatenate([v.values[y.ids > 0] for v, y in read]).astype(float)
    assert ct.intensity.low == pytest.approx(np.percentile(inside, 0.5), abs=1)
    assert ct.intensity.mean == pytest.approx(inside.mean(), abs=0.5)

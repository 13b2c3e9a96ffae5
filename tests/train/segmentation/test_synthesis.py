"""Pictures from label maps: groups of labels, sides, brightness, resolution and determinism."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.train.segmentation.groups import head_groups, mirrored, tissues  # noqa: E402
from lift3d.train.segmentation.synthesis import (  # noqa: E402
    TissueTable,
    degrade,
    gather_labels,
    synthesise,
    thick_slices,
)

SPACING = (1.0, 1.0, 1.0)


def test_groups_are_disjoint_and_sides_mirror_each_other() -> None:
    groups = head_groups()
    every = [k for ids in groups.values() for k in ids]
    assert len(every) == len(set(every)) and len(groups) == 30
    for name, ids in groups.items():
        if name.startswith("left "):
            assert sorted(mirrored(list(ids))) == sorted(groups["right " + name[5:]])
        elif not name.startswith("right "):
            assert mirrored(list(ids)) == list(ids)
    assert mirrored(mirrored(every)) == every


def test_both_sides_have_one_brightness() -> None:
    found = tissues([0, 2, 3, 41, 42, 24])
    assert found[1] == found[3] and found[2] == found[4] and len(set(found)) == 4


def test_the_table_finds_class_and_other_side() -> None:
    table = TissueTable.of({17, 511, 999})
    assert table.ids.tolist() == [0, 17, 53, 511, 999]
    assert table.flip.tolist() == [0, 2, 1, 3, 4] and table.inside.tolist() == [
        False,
        True,
        True,
        False,
        False,
    ]
    names = ["none", *head_groups()]
    assert [names[k] for k in table.classes] == [
        "none",
        "left hippocampus",
        "right hippocampus",
        "skin",
        "none",
    ]
    assert table.indices(np.array([53, 0, 999])).tolist() == [2, 0, 4]


def test_pictures_follow_the_labels_and_the_generator() -> None:
    table = TissueTable.of({17, 511})
    fine = torch.zeros(24, 32, 24, dtype=torch.uint8)
    fine[6:18, 8:24, 6:18], fine[6:12, 8:24, 6:18] = 1, 2
    a, b, c = (synthesise(fine, 2, table, (2.0, 2.0, 2.0), np.random.default_rng(s))[0] for s in (0, 0, 1))
    assert a.shape == (1, 12, 16, 12) and torch.equal(a, b) and not torch.equal(a, c)
    explained, stripped = [], 0
    for seed in range(40):
        x, without = synthesise(fine, 2, table, (2.0, 2.0, 2.0), np.random.default_rng([3, seed]))
        assert x.isfinite().all() and float(x.abs().max()) < 2.001
        inside = fine[::2, ::2, ::2] > 0
        explained.append(abs(float(x[0][inside].mean() - x[0][~inside].mean())))
        stripped += without
    assert np.median(explained) > 0.5 and 0 < stripped < 20


def test_thick_slices_vary_along_their_axis_slowly() -> None:
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 24, 24, 24)).astype(np.float32))
    y = thick_slices(x, 2, 6.0, SPACING)
    assert y.shape == x.shape and float(y.diff(dim=3).std()) < 0.3 * float(x.diff(dim=3).std())
    assert thick_slices(x, 1, 0.5, SPACING) is x
    z = degrade(x.abs(), SPACING, np.random.default_rng(0))
    assert z.shape == x.shape and z.isfinite().all()


def test_gathered_labels_are_the_nearest() -> None:
    labels = torch.from_numpy(np.random.default_rng(0).integers(1, 9, (5, 6, 7)).astype(np.uint8))
    places = np.random.default_rng(1).uniform(-1.4, 7.4, (4, 5, 6, 3)).astype(np.float32)
    found = gather_labels(labels, torch.from_numpy(places)).numpy()
    for at in np.ndindex(4, 5, 6):
        i, j, k = np.floor(places[at] + 0.5).astype(int)
        inside = 0 <= i < 5 and 0 <= j < 6 and 0 <= k < 7
        assert found[at] == (labels[i, j, k] if inside else 0)

"""Repeats, kin and strangers; families are joined and never parted."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from shape_makers import box, part, shape_record

from lift3d.corpus.descriptor import LENGTH
from lift3d.corpus.duplicates import (
    RELATED_LIMITS,
    SAME_LIMITS,
    Cloud,
    Duplicates,
    find_duplicates,
    surface_difference,
)
from lift3d.corpus.shape_record import ShapeRecord
from lift3d.corpus.splits import assign_split, name_families
from lift3d.geometry.parts.sampling import unpack_samples


def chair(leg: float = 0.05, back: float = 0.6) -> list:
    """A seat on four legs with a back and, so that it is not its own mirror image, one arm."""
    pieces = [
        ((0.5, 0.5, 0.05), (0, 0, 0.45)),
        ((0.5, 0.05, back), (0, 0.22, 0.45 + back / 2)),
        ((0.05, 0.3, 0.05), (0.22, 0, 0.7)),
    ]
    pieces += [((leg, leg, 0.45), (x, y, 0.22)) for x in (-0.2, 0.2) for y in (-0.2, 0.2)]
    out = []
    for extents, place in pieces:
        piece = trimesh.creation.box(extents)
        piece.apply_translation(place)
        out.append(piece)
    return out


def shape(meshes: list, turn: float = 0.0, scale: float = 1.0, mirror: bool = False) -> ShapeRecord:
    joined = trimesh.util.concatenate(meshes)
    joined.apply_transform(trimesh.transformations.rotation_matrix(np.radians(turn), [0, 0, 1]))
    joined.apply_scale(scale)
    if mirror:
        joined.vertices[:, 0] *= -1
        joined.invert()
    return shape_record(part(joined))


def clouds(*shapes: ShapeRecord) -> list[Cloud]:
    return [Cloud.from_rows(s.surface.pack()) for s in shapes]


def test_the_same_chair_rotated_and_scaled_is_the_same() -> None:
    a, b = clouds(shape(chair()), shape(chair(), 90, 3.7))
    mean, high, mirrored = surface_difference(a, b)
    assert mean < SAME_LIMITS[0] and high < SAME_LIMITS[1] and not mirrored


@pytest.mark.slow
def test_reflected_and_similar_chairs_are_related_and_a_ball_is_not() -> None:
    a, m, b, ball = clouds(
        shape(chair()),
        shape(chair(), mirror=True),
        shape(chair(0.07)),
        shape_record(part(trimesh.creation.icosphere(4))),
    )
    mean, high, mirrored = surface_difference(a, m)
    assert mirrored and mean < RELATED_LIMITS[0] and high < RELATED_LIMITS[1]
    mean, high, _ = surface_difference(a, b)
    assert mean < RELATED_LIMITS[0] and not (mean < SAME_LIMITS[0] and high < SAME_LIMITS[1])
    assert (
        surface_difference(a, ball)[0] > RELATED_LIMITS[0]
        and surface_difference(ball, a)[0] > RELATED_LIMITS[0]
    )


@pytest.mark.slow
def test_repeats_are_found_among_many() -> None:
    rng = np.random.default_rng(3)
    shapes = [
        shape_record(box(*rng.uniform(0.3, 1, 3)), part(trimesh.creation.icosphere(2, r)))
        for r in rng.uniform(0.3, 0.6, 6)
    ]
    shapes += [shape(chair()), shape(chair(0.12, 0.2)), shape(chair(), 180, 0.2), shapes[2]]
    packed = [s.surface.pack() for s in shapes]
    found = find_duplicates(
        [s.digest for s in shapes], np.array([s.descriptor for s in shapes]), lambda i: packed[i]
    )
    assert found.original == [-1, -1, -1, -1, -1, -1, -1, -1, 6, 2]
    assert shapes[0].descriptor.shape == (LENGTH,)


def test_families_are_joined_through_related_shapes() -> None:
    names = ["a/x", "b/y", "a/x", "c/z", "d/w"]
    assert name_families(names, Duplicates([-1, -1, -1, 1, -1], [(1, 2)])) == [
        "a/x",
        "a/x",
        "a/x",
        "a/x",
        "d/w",
    ]


def test_splits_are_fixed_and_in_proportion() -> None:
    splits = [assign_split(f"source/{i}") for i in range(4000)]
    assert splits == [assign_split(f"source/{i}") for i in range(4000)]
    share = {name: splits.count(name) / 4000 for name in ("train", "val", "test")}
    assert (
        abs(share["train"] - 0.8) < 0.02
        and abs(share["val"] - 0.1) < 0.02
        and abs(share["test"] - 0.1) < 0.02
    )


def test_unpacked_normals_are_unit() -> None:
    assert np.allclose(np.linalg.norm(unpack_samples(shape(chair()).surface.pack())[1], axis=1), 1)

"""Groups of labels of whole-head label maps: what a user names, and which labels have equal brightness.

The ids are those of FreeSurfer for the brain, and of the maps of Billot et al. for the other tissues: 502 arteries, 506 eyes, 507
soft tissue, 508 and 530 optic nerves and muscles, 509 nose, 511 skin, 512 spinal cord, 514 veins, 515 and 516 cortical and
cancellous bone.
"""

from __future__ import annotations

RIGHT = {
    41: 2, 42: 3, 43: 4, 44: 5, 46: 7, 47: 8, 49: 10, 50: 11, 51: 12, 52: 13, 53: 17, 54: 18, 57: 25, 58: 26, 60: 28, 62: 30,
    163: 136, 164: 137,
}  # fmt: skip
"""The label on the left of each label on the right."""
PAIRED = {
    "cerebral white matter": (2, 25, 30), "cerebral cortex": (3,), "lateral ventricle": (4, 5, 136, 137), "cerebellum": (7, 8),
    "thalamus": (10,), "caudate": (11,), "putamen": (12,), "pallidum": (13,), "hippocampus": (17,), "amygdala": (18,),
    "accumbens": (26,), "ventral diencephalon": (28,),
}  # fmt: skip
MIDDLE = {
    "third and fourth ventricle": (14, 15, 72), "brainstem": (16,), "cerebrospinal fluid": (24,), "skull": (515, 516),
    "skin": (511,), "eyes": (506,),
}  # fmt: skip
OUTSIDE_BRAIN = 500
"""Labels from here on are tissues outside the brain and its fluid."""


def head_groups() -> dict[str, tuple[int, ...]]:
    """The ids of each structure by name, in the order of the classes 1, 2, ...: the paired ones on the left and on the right,
    then those in the middle."""
    left = {own: other for other, own in RIGHT.items()}
    found: dict[str, tuple[int, ...]] = {}
    for name, ids in PAIRED.items():
        found[f"left {name}"] = ids
        found[f"right {name}"] = tuple(left[k] for k in ids)
    return {**found, **MIDDLE}


def mirrored(ids: list[int]) -> list[int]:
    """The ids of the same structures on the other side."""
    left = {own: other for other, own in RIGHT.items()}
    return [RIGHT.get(k, left.get(k, k)) for k in ids]


def tissues(ids: list[int]) -> list[int]:
    """An index for each id: both sides of a structure have the same, so that they get equal brightness."""
    own = [RIGHT.get(k, k) for k in ids]
    order = sorted(set(own))
    return [order.index(k) for k in own]

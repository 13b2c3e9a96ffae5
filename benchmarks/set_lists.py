"""Names of photo sets in groups, for `rendered_sets` and `reconstruction`.

Every group but `held` may be looked at by whoever improves the reconstruction. The sets of `held` are for the last look only:
their shapes appear in no other group.
"""

from __future__ import annotations

OVERHANGS = (
    "mushroom",
    "bust",
    "beast",
    "stool",
    "mug",
    "urn",
    "gear",
    "knot",
    "crown",
    "teapot",
    "pawn",
    "jug",
)
TURNTABLES = tuple(
    f"{shape}@turntable_{kind}" for shape in ("mushroom", "bust", "teapot") for kind in ("black", "room", "white")
) + ("gear@turntable_rings", "jug@turntable_room")  # fmt: skip
CAPTURED = (
    "beast@arc200", "crown@arc200", "teapot@ring", "mushroom@ring", "bust@eight", "gear@eight", "urn@plain", "knot@zooms",
    "stool@zooms_bare", "bust@portrait", "crown@portrait", "beast@specks", "facade@front", "mug@many", "pawn@plain",
)  # fmt: skip
BAD = tuple(
    f"bad_{kind}"
    for kind in ("static", "two", "mirror", "fog", "wall", "six", "blur", "moved", "flat", "dark", "pan")
)
HELD = (
    "lamp", "duck", "chair", "elbow", "robot", "tree", "bell", "hourglass", "helmet", "basket",
    "duck@turntable_black", "robot@turntable_white", "elbow@turntable_black", "tree@turntable_room",
    "chair@arc200", "lamp@ring", "tree@eight", "basket@zooms", "bell@zooms_bare", "helmet@portrait", "elbow@specks",
)  # fmt: skip
OLD = ("spot", "monkey", "avocado", "armchair", "building", "vase")
GROUPS = {
    "old": OLD, "faint": tuple(f"{n}_faint" for n in OLD), "overhangs": OVERHANGS, "turntables": TURNTABLES,
    "turntables+masks": tuple(f"{n}+masks" for n in TURNTABLES), "captured": CAPTURED, "bad": BAD, "held": HELD,
}  # fmt: skip
"""Groups by name."""


def order(name: str) -> tuple[int, str]:
    """The key by which tables sort the names of sets: in the order of GROUPS."""
    known = list(dict.fromkeys(n for group in GROUPS.values() for n in group))
    return (known.index(name), name) if name in known else (len(known), name)

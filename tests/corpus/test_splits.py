"""Of a few meshes of one's own some are held back, whole families, and something is always left to learn from."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.corpus.splits import assign_split, hold_out


def rows_of(counts: dict[str, int], each: int = 1) -> list[dict[str, str]]:
    return [
        {"category": kind, "family": f"{kind}/{k}", "split": assign_split(f"{kind}/{k}")}
        for kind, count in counts.items()
        for k in range(count)
        for _ in range(each)
    ]


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9), min_size=1), st.integers(1, 3))
def test_each_split_gets_a_family(counts: dict[str, int], each: int) -> None:
    rows = rows_of(counts, each)
    hold_out(rows)
    splits = {(row["category"], row["split"]) for row in rows}
    of_family: dict[str, set[str]] = {}
    for row in rows:
        of_family.setdefault(row["family"], set()).add(row["split"])
    assert all(len(said) == 1 for said in of_family.values()), "a family lies in one split"
    if max(counts.values()) > 1:
        assert any(split == "val" for _, split in splits)
    for kind, count in counts.items():
        assert (kind, "train") in splits
        if count >= 4:
            assert (kind, "val") in splits
        if count >= 6:
            assert (kind, "test") in splits


def test_held_out_families_stay_held_out() -> None:
    rows = [
        {"category": "a", "family": str(k), "split": s} for k, s in enumerate(["train"] * 8 + ["val", "test"])
    ]
    wanted = [row["split"] for row in rows]
    hold_out(rows)
    assert [row["split"] for row in rows] == wanted

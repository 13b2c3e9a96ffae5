"""The plan of shards covers every image once, in hashed order, for any size of shard."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.corpus.dataset import Corpus
from lift3d.corpus.pictures.shard_plan import RenderOptions, Shard, check_options, hash_words, plan_shards
from lift3d.errors import InputError


class Fake:
    """The part of a corpus that a plan needs."""

    def __init__(self, count: int) -> None:
        self.keys = [f"shape{i}" for i in range(count)]

    def __len__(self) -> int:
        return len(self.keys)

    def column(self, name: str) -> list[str]:
        return [("train", "train", "val", "test")[i % 4] for i in range(len(self))]


def plan(count: int, **options: Any) -> list[Shard]:
    return plan_shards(cast(Corpus, Fake(count)), RenderOptions(**options))


@given(st.integers(0, 30), st.integers(1, 9), st.integers(1, 400_000))
@settings(max_examples=60, deadline=None)
def test_every_view_of_every_shape_once(count: int, views: int, size: int) -> None:
    shards = plan(count, views=views, shard=size)
    seen = [(i, v) for shard in shards for i in shard.shapes for v in range(*shard.views)]
    assert sorted(seen) == [(i, v) for i in range(count) for v in range(views)]
    assert sum(shard.pictures for shard in shards) == count * views
    assert len({shard.name for shard in shards}) == len(shards)


def test_splits_are_kept_apart_and_names_are_numbered() -> None:
    splits = Fake(20).column("split")
    for shard in plan(20, views=2, shard=30_000):
        assert {splits[i] for i in shard.shapes} == {shard.split} and shard.name.startswith(
            f"{shard.split}-000"
        )
    assert {s.split for s in plan(20, split="val")} == {"val"}


def test_a_limit_takes_the_first_shapes_in_hashed_order() -> None:
    small = {i for s in plan(40, limit=10) for i in s.shapes}
    large = {i for s in plan(40, limit=20) for i in s.shapes}
    assert len(small) == 10 and small < large
    order = sorted(range(40), key=lambda i: hash_words("shape", 0, f"shape{i}"))
    assert small == set(order[:10])


def test_the_seed_changes_the_order() -> None:
    assert plan(40, limit=5) != plan(40, limit=5, seed=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"views": 0}, "--views 0"),
        ({"views": 1001}, "too many"),
        ({"limit": 0}, "--limit 0"),
        ({"split": "all"}, "no split called all"),
        ({"extras": ("albedo",)}, "the extra albedo"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_options(RenderOptions(**options))
    check_options(RenderOptions(extras=("depth", "normals"), split="val", limit=1))

"""The card of a network: both layouts are read, every field is validated, and hostile cards give one diagnosis."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.errors import InputError
from lift3d.weights import list_models
from lift3d.weights.pretrained import THRESHOLD, PretrainedCfg, parse_card

FILE = Path("net.safetensors")
CARD = {
    "mapping": "image_to_voxels", "task": "occupancy from photos", "config": {"width": 8}, "threshold": 0.35,
    "labels": ["chair", "table"], "image_size": 128, "grid_size": 64, "mean": 0.45, "std": 0.25,
    "licence": "Apache-2.0, as lift3d",
    "sha256": "00", "parameters": 7, "step": 3, "metrics": {"iou": 0.4, "f1": 0.2},
    "baselines": {"mean shape": {"iou": 0.2}}, "measured_on": "9 shapes", "guidance": 2.5, "uncertainty": {"chair": 0.1},
}  # fmt: skip


def test_a_packed_card_fills_the_fields_and_keeps_the_rest() -> None:
    cfg = parse_card(CARD, "net", FILE)
    assert (cfg.name, cfg.file, cfg.mapping, cfg.threshold) == ("net", FILE, "image_to_voxels", 0.35)
    assert cfg.labels == ("chair", "table") and cfg.config == {"width": 8}
    assert (cfg.image_size, cfg.grid_size, cfg.mean, cfg.std) == (128, 64, 0.45, 0.25)
    assert cfg.test_metric == ("iou", 0.4) and cfg.baselines == {"mean shape": {"iou": 0.2}}
    assert cfg.extra == {"guidance": 2.5, "uncertainty": {"chair": 0.1}}
    assert cfg.number("guidance", 1.0) == 2.5 and cfg.numbers("uncertainty") == {"chair": 0.1}
    assert cfg.number("missing", 1.5) == 1.5 and cfg.numbers("missing") == {}


def test_the_card_of_a_training_run_is_translated() -> None:
    run = {
        "step": 40, "iou": 0.5, "threshold": 0.4, "loss": math.nan,
        "plan": {"task": "voxels_to_label", "config": {"width": 4}, "data": {"labels": ["a", "b"], "train": "0f"}},
    }  # fmt: skip
    cfg = parse_card(run, "best", FILE)
    assert cfg.mapping == "voxels_to_label" and cfg.config == {"width": 4} and cfg.step == 40
    assert cfg.labels == ("a", "b") and cfg.data_digest["train"] == "0f"
    assert cfg.threshold == 0.4 and cfg.validation == {"iou": 0.5, "threshold": 0.4}  # no NaN
    assert cfg.metrics == {} and cfg.test_metric is None  # validation scores are no test scores


def test_an_empty_card_has_defaults_and_missing_fields_are_diagnosed() -> None:
    cfg = parse_card({}, "net", FILE)
    assert cfg == PretrainedCfg("net", FILE) and cfg.threshold == THRESHOLD == 0.5
    with pytest.raises(InputError, match="does not describe their network"):
        cfg.require_config()
    with pytest.raises(InputError, match="names no categories"):
        cfg.require_labels()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mapping", 3), ("config", []), ("threshold", 0), ("threshold", 1.5), ("threshold", "0.5"), ("threshold", True),
        ("threshold", math.nan), ("labels", "ab"), ("labels", []), ("labels", ["a"]), ("labels", ["a", "a"]),
        ("labels", ["a", 3]),
        ("image_size", -1), ("image_size", 1.5), ("std", 0), ("mean", math.inf), ("sha256", 12), ("parameters", True),
        ("metrics", [1]), ("metrics", {"iou": "high"}), ("baselines", {"mean": 0.3}), ("baselines", {"mean": {"iou": None}}),
        ("plan", 3), ("plan", None), ("validation", 7),
    ],
)  # fmt: skip
def test_a_field_of_a_wrong_type_or_range_is_one_error_that_names_it(key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"card net.json of these weights is damaged: .*{key}") as caught:
        parse_card(CARD | {key: value}, "net", FILE)
    assert "download weights and card again" in str(caught.value)


@pytest.mark.parametrize("card", [None, 3, "card", [], [{}]])
def test_json_other_than_an_object_is_refused(card: object) -> None:
    with pytest.raises(InputError, match="the card is not an object"):
        parse_card(card, "net", FILE)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*CARD, "plan", "data", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(JSON)
def test_any_json_is_a_card_or_an_input_error(card: object) -> None:
    try:
        cfg = parse_card(card, "net", FILE)
    except InputError:
        return
    assert 0 < cfg.threshold < 1 and cfg.std > 0 and all(math.isfinite(v) for v in cfg.metrics.values())
    assert len(set(cfg.labels)) == len(cfg.labels) != 1


@pytest.mark.parametrize(("key", "value"), [("guidance", "2"), ("guidance", None), ("guidance", 9.0)])
def test_an_extra_number_is_checked_when_it_is_read(key: str, value: object) -> None:
    cfg = parse_card(CARD | {key: value}, "net", FILE)
    with pytest.raises(InputError, match="guidance"):
        cfg.number(key, 1.0, 0.0, 5.0)
    with pytest.raises(InputError, match="damaged"):
        parse_card(CARD | {"uncertainty": [value]}, "net", FILE).numbers("uncertainty")


def test_the_summary_is_one_row_and_the_description_has_the_baselines(tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes(bytes(1_500_000))
    cfg = parse_card(CARD, "net", tmp_path / "net.safetensors")
    assert cfg.summary() == {
        "name": "net", "task": "occupancy from photos", "size": "1.5 MB", "licence": "Apache-2.0", "metric": "iou 0.400",
        "origin": "free data alone",
    }  # fmt: skip
    told = dict(cfg.describe())
    assert told["this network"] == "iou 0.400, f1 0.200" and told["mean shape"] == "iou 0.200"
    assert told["measured on"] == "9 shapes" and "note" not in told


def test_every_packaged_card_survives_json_and_has_known_fields_only() -> None:
    known = {
        "space", "guidance", "guidance_interval", "start_time", "uncertainty", "inference", "ensemble_weight", "similarity",
        "similarity_of_models", "pose",
    }  # fmt: skip
    for cfg in list_models():
        assert cfg.test_metric is not None and cfg.baselines and cfg.measured_on
        assert set(cfg.extra) <= known
        first = next(iter(cfg.metrics))
        assert all(first in scores for scores in cfg.baselines.values())
        raw = json.loads(cfg.file.with_suffix(".json").read_text("utf-8"))
        assert parse_card(raw, cfg.name, cfg.file) == cfg


def test_what_a_network_has_learned_from_is_one_phrase_in_the_list_and_whole_on_its_card(
    tmp_path: Path,
) -> None:
    (tmp_path / "net.safetensors").write_bytes(b"x")
    free = parse_card(CARD, "net", tmp_path / "net.safetensors")
    assert free.pretrained == "" and dict(free.describe())["learned from"] == "free data alone"
    other = parse_card(
        CARD | {"pretrained": "Net of Photos (by Others; MIT)"}, "net", tmp_path / "net.safetensors"
    )
    assert other.summary()["origin"] == other.origin == "Net of Photos"
    assert dict(other.describe())["learned from"] == "Net of Photos (by Others; MIT), then from free data"
    with pytest.raises(InputError, match="damaged"):
        parse_card(CARD | {"pretrained": True}, "net", FILE)
    run = {
        "step": 1,
        "plan": {"task": "embedding", "config": {"hidden": 4}, "data": {"pretrained": "Net (MIT)"}},
    }
    assert parse_card(run, "best", FILE).origin == "Net"


def test_cards_that_name_imagenet_say_that_the_network_was_pretrained() -> None:
    for cfg in list_models():
        assert ("ImageNet" in cfg.licence + cfg.data) == bool(cfg.pretrained), cfg.name
        assert not cfg.pretrained or cfg.origin == "EfficientNet-Lite0 of ImageNet-1k"

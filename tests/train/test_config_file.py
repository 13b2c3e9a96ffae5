"""Options from a file: of a study, of a run, and of neither."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from lift3d.errors import InputError  # noqa: E402
from lift3d.train.config_file import options_from_file  # noqa: E402
from lift3d.train.tasks.image_to_voxels import Config  # noqa: E402


def written(folder: Path, value: object) -> Path:
    (folder / "best.json").write_text(value if isinstance(value, str) else json.dumps(value))
    return folder / "best.json"


def test_options_of_a_study_replace_the_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, {"task": "image-to-voxels", "options": {"rate": 0.5, "pose": 1, "width": 16}})
    config = options_from_file(Config(), path, "image-to-voxels")
    assert (config.rate, config.pose, config.width, config.steps) == (0.5, 1.0, 16, Config().steps)
    assert type(config.pose) is float


def test_options_of_a_run_are_all_taken(tmp_path: Path) -> None:
    plan = {"task": "image_to_voxels", "config": {"steps": 7, "freeze": True}, "data": {}}
    config = options_from_file(Config(), written(tmp_path, {"iou": 0.4, "plan": plan}), "image-to-voxels")
    assert config.steps == 7 and config.freeze is True


@pytest.mark.parametrize(
    ("value", "message"),
    [("{", "is not a file of options"), ("[" * 100_000, "is not a file of options"), ([1], "holds no options"),
     ({"task": "image-to-voxels"}, "holds no options"),
     ({"task": "flow", "options": {}}, "holds options of flow, not of image-to-voxels: train flow with it"),
     ({"task": "image-to-voxels", "options": {"rtae": 1}}, "'rtae', which is no option"),
     ({"task": "image-to-voxels", "options": {"rate": "fast"}}, "not of type float"),
     ({"task": "image-to-voxels", "options": {"steps": True}}, "not of type int"),
     ({"task": "image-to-voxels", "options": {"rate": -1}}, "must be positive")],
)  # fmt: skip
def test_files_that_do_not_fit(value: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        options_from_file(Config(), written(tmp_path, value), "image-to-voxels")


def test_a_file_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read .*none.json"):
        options_from_file(Config(), tmp_path / "none.json", "image-to-voxels")

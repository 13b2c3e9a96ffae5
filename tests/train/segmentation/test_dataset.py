"""Folders of cases in three layouts, folds, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from made_volumes import write_dataset  # noqa: E402

from lift3d.errors import InputError  # noqa: E402
from lift3d.train.segmentation.cases import UNLABELLED, check_match, class_indices  # noqa: E402
from lift3d.train.segmentation.dataset import open_dataset, parse_names, split  # noqa: E402
from lift3d.types.volumes import Grid, Labels  # noqa: E402


def layout(root: Path, style: str) -> Path:
    """Three cases in a layout."""
    plain = write_dataset(root / "plain", 3)
    if style == "plain":
        return plain
    target = root / style
    for old, new in (("images", "imagesTr"), ("labels", "labelsTr")):
        (target / new).mkdir(parents=True)
        for path in (plain / old).iterdir():
            name = (
                path.name.replace(".nii.gz", "_0000.nii.gz")
                if (style, old) == ("nnunet", "images")
                else path.name
            )
            (target / new / name).write_bytes(path.read_bytes())
            (target / new / f"._{name}").write_bytes(b"mac")
    stated = {
        "nnunet": {
            "channel_names": {"0": "CT"},
            "labels": {"background": 0, "liver": 1, "tumour": 2, "ignore": 3},
        },
        "decathlon": {
            "modality": {"0": "MRI"},
            "labels": {"0": "background", "1": "Anterior", "2": "Posterior"},
        },
    }[style]
    (target / "dataset.json").write_text(json.dumps(stated))
    return target


@pytest.mark.parametrize(
    ("style", "names", "modality", "ignored"),
    [("plain", {}, "", None), ("nnunet", {1: "liver", 2: "tumour"}, "ct", 3),
     ("decathlon", {1: "Anterior", 2: "Posterior"}, "mr", None)],
)  # fmt: skip
def test_layouts(tmp_path: Path, style: str, names: dict, modality: str, ignored: int | None) -> None:
    found = open_dataset(layout(tmp_path, style))
    assert [case.name for case in found.cases] == ["case_00", "case_01", "case_02"]
    assert (dict(found.names), found.modality, found.ignored) == (names, modality, ignored)
    assert all(case.image.is_file() and case.image.parent.name.startswith("images") for case in found.cases)


def test_incomplete_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no volumes with labels"):
        open_dataset(tmp_path)
    folder = write_dataset(tmp_path / "a", 3)
    (folder / "images/case_01.nii.gz").unlink()
    with pytest.raises(InputError, match="case_01 has labels but no volume"):
        open_dataset(folder)
    folder = write_dataset(tmp_path / "b", 3)
    (folder / "labels/case_02.nii.gz").unlink()
    with pytest.raises(InputError, match="case_02 has no labels"):
        open_dataset(folder)
    folder = layout(tmp_path / "c", "nnunet")
    (folder / "imagesTr/case_00_0001.nii.gz").write_bytes(b"")
    with pytest.raises(InputError, match="case_00 has several channels"):
        open_dataset(folder)
    for labels in ({"background": 0, "whole": [1, 2]}, {"a": "x"}, [1]):
        (folder / "imagesTr/case_00_0001.nii.gz").unlink(missing_ok=True)
        (folder / "dataset.json").write_text(json.dumps({"labels": labels}))
        with pytest.raises(InputError, match="region|not a description"):
            open_dataset(folder)


def test_folds_hold_each_case_back_once() -> None:
    names = [f"case_{k:02d}" for k in range(13)]
    held = [split(names, k, 5, 0)[1] for k in range(5)]
    assert sorted(n for h in held for n in h) == names
    for k, val in enumerate(held):
        train, again = split(names[::-1], k, 5, 0)
        assert again == val and sorted(train + val) == names
    assert split(names, -1, 5, 0) == (names, names)
    assert split(names, 0, 5, 1)[1] != held[0]
    for count, fold in ((1, 0), (4, 0), (13, 5), (13, -2)):
        with pytest.raises(InputError):
            split(names[:count], fold, 5, 0)


def test_names_of_labels() -> None:
    assert parse_names("1=anterior, 12=left side") == {1: "anterior", 12: "left side"}
    for wrong in ("anterior", "0=a", "x=a", "1=", "1=a,,"):
        with pytest.raises(InputError, match="not a name of a label"):
            parse_names(wrong)


def grid(offset: float = 0.0, spacing: float = 1.0) -> Grid:
    """10 x 10 x 10 voxels."""
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[0, 3] = offset
    return Grid((10, 10, 10), affine)


def test_labels_elsewhere_than_their_volume_are_refused() -> None:
    check_match("a", grid(), grid(0.05))
    with pytest.raises(InputError, match="the labels of tooth_3 lie 2.5 mm from its volume"):
        check_match("tooth_3", grid(), grid(2.5))
    with pytest.raises(InputError, match="the labels of a lie"):
        check_match("a", grid(), grid(spacing=1.02))
    with pytest.raises(
        InputError, match="the labels of a have 9 x 10 x 10 voxels, its volume has 10 x 10 x 10"
    ):
        check_match("a", grid(), Grid((9, 10, 10), np.eye(4)))


def test_labels_are_numbered_in_order() -> None:
    ids = np.array([0, 4, 17, 200, 0, 4], np.uint8).reshape(6, 1, 1)
    labels = Labels.of(ids, np.eye(4))
    assert class_indices(labels, (4, 17), 200, "a").ravel().tolist() == [0, 1, 2, UNLABELLED, 0, 1]
    with pytest.raises(InputError, match="case_7 has the label 200"):
        class_indices(labels, (4, 17), None, "case_7")

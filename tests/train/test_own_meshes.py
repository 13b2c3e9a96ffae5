"""`lift3d train classifier` on a folder of the user's own meshes: which network is trained, and what the options say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import lift3d

pytest.importorskip("torch")

from lift3d.cli.train import choose_network, parse_chosen  # noqa: E402
from lift3d.corpus.dataset import CARD  # noqa: E402
from lift3d.errors import InputError  # noqa: E402
from lift3d.train.launch import corpus_of, has_own_meshes  # noqa: E402
from lift3d.train.registry import trainable  # noqa: E402
from lift3d.train.tasks.embedding_to_label import Config  # noqa: E402


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """A folder of meshes, the corpus of such a folder, a corpus of packages, and a folder that is not there."""
    out = {name: tmp_path / name for name in ("meshes", "own", "packages", "missing")}
    for name, folder in (("own", {"name": "meshes", "up": "z"}), ("packages", None)):
        out[name].mkdir()
        (out[name] / CARD).write_text(json.dumps({"version": 1, "plan": {"folder": folder}}))
    (out["meshes"] / "chair").mkdir(parents=True)
    return out


def test_folders_and_corpora_of_own_meshes_are_recognised(folders: dict[str, Path]) -> None:
    assert {name: has_own_meshes(path) for name, path in folders.items()} == {
        "meshes": True, "own": True, "packages": False, "missing": False,
    }  # fmt: skip
    assert corpus_of(folders["meshes"]).name == "meshes-corpus"


def test_own_meshes_train_the_embedding_unless_voxels_are_wanted(folders: dict[str, Path]) -> None:
    classifier = trainable("classifier")
    for name in ("meshes", "own"):
        chosen, why = choose_network(classifier, folders[name], False)
        assert chosen is trainable("embedding-to-label") and "--voxels" in why
        assert choose_network(classifier, folders[name], True) == (classifier, "")
    for data in (folders["packages"], folders["missing"], None):
        assert choose_network(classifier, data, False) == (classifier, "")
    flow = trainable("flow")
    assert choose_network(flow, folders["meshes"], False) == (flow, "")


def test_options_of_the_other_network_are_named(folders: dict[str, Path]) -> None:
    chosen, asked = trainable("embedding-to-label"), trainable("classifier")
    config = parse_chosen(chosen, asked, ["steps=7", "patience=3"])
    assert isinstance(config, Config) and (config.steps, config.patience) == (7, 3)
    with pytest.raises(InputError, match="late is an option of the network of voxels") as error:
        parse_chosen(chosen, asked, ["late=300"])
    assert "--voxels" in str(error.value.advice)
    with pytest.raises(InputError, match="no option called 'wide'"):
        parse_chosen(chosen, asked, ["wide=3"])
    with pytest.raises(InputError, match="patience at least -1"):
        parse_chosen(chosen, asked, ["patience=-2"])


def test_the_command_lists_the_options_of_the_network_that_it_would_train(folders: dict[str, Path]) -> None:
    code, said = lift3d("train", "classifier", "--data", folders["meshes"], "--options")
    assert code == 0 and "patience" in said and "labels_share" not in said and "--voxels" in said
    code, said = lift3d("train", "classifier", "--data", folders["meshes"], "--options", "--voxels")
    assert code == 0 and "labels_share" in said and "patience" not in said
    for words, told in (
        (("flow", "--voxels"), "flow has no network of voxels"),
        (("classifier", "--up", "x"), "'x' is not an upright axis"),
        (("classifier", "--set", "late=3"), "late is an option of the network of voxels: add --voxels"),
        (("classifier",), "contains no corpus and no meshes"),
    ):
        code, said = lift3d("train", *words, "--data", folders["meshes"])
        assert code == 2 and told in said and "Traceback" not in said, said

"""Exported networks: files with card and weights that give the same, written together or not at all."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import lift3d  # noqa: E402
from lift3d.errors import InputError, MissingExtra  # noqa: E402
from lift3d.inference import runtimes  # noqa: E402
from lift3d.inference.network import open_network  # noqa: E402
from lift3d.inference.networks import latent_space_id, load_network  # noqa: E402
from lift3d.inference.onnx import export as exporter  # noqa: E402
from lift3d.nets.latent_gan import LatentGenerator  # noqa: E402
from lift3d.weights import find, pack  # noqa: E402
from lift3d.weights.onnx_file import read_onnx  # noqa: E402

ROOT = Path(lift3d.__file__).parents[2]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run of the GAN with sizes of its own."""
    folder = tmp_path / "run"
    folder.mkdir()
    torch.manual_seed(0)
    net = LatentGenerator(2, 3, 16, 4)
    data = pack({f"net.{name}": tensor for name, tensor in net.state_dict().items()})
    (folder / "best.safetensors").write_bytes(data)
    digest = {"codes": 2, "kinds": ["a", "b", "c"], "places": 4}
    card = {"plan": {"task": "gan", "config": {"width": 16}, "data": digest}, "coverage": 0.25}
    card["sha256"] = hashlib.sha256(data).hexdigest()
    (folder / "best.json").write_text(json.dumps(card))
    return folder


def test_a_run_becomes_a_file_with_its_card_that_gives_the_same(run: Path, tmp_path: Path) -> None:
    said: list[str] = []
    paths = lift3d.export("gan", tmp_path / "out/net.onnx", weights=run, message=said.append)
    assert paths == [tmp_path / "out/net.onnx"] and [p.name for p in paths[0].parent.iterdir()] == [
        "net.onnx"
    ]
    assert said[0].startswith("wrote net.onnx: onnxruntime and torch differ by")
    card, own = find(paths[0]), find(run)
    assert (card.mapping, card.config, card.data_digest, card.validation) == (
        own.mapping, own.config, own.data_digest, own.validation,
    )  # fmt: skip
    noise, kinds = np.random.default_rng(0).standard_normal((5, 128), np.float32), np.array([0, 1, 2, 3, 0])
    a, b = (open_network("gan", w).run("generate", noise, kinds)[0] for w in (run, paths[0]))
    assert np.abs(a - b).max() <= 1e-5 * np.abs(a).max()
    assert not load_network("gan", run)[0].training
    with pytest.raises(InputError, match="no weights can be taken"):
        load_network("gan", paths[0])


def test_the_mapping_follows_from_the_weights(run: Path, tmp_path: Path) -> None:
    assert len(lift3d.export(None, tmp_path / "net.onnx", weights=run)) == 1
    with pytest.raises(InputError, match="weights of gan, not of flow"):
        lift3d.export("flow", tmp_path / "flow.onnx", weights=run)
    assert not (tmp_path / "flow.onnx").exists()


@pytest.mark.slow
def test_an_autoencoder_is_two_files_of_one_latent_space(tmp_path: Path) -> None:
    paths = lift3d.export("autoencoder", tmp_path / "net.onnx")
    assert [p.name for p in paths] == ["net.onnx", "net.encode.onnx"]
    assert latent_space_id(find(paths[0])) == latent_space_id(find("autoencoder"))
    assert next(iter(find(paths[0]).metrics)) == next(iter(find("autoencoder").metrics))
    assert all(not read_onnx(p).missing and str(ROOT).encode() not in p.read_bytes() for p in paths)
    paths[1].unlink()
    network = open_network("autoencoder", paths[0])
    assert network.run("decode", np.zeros((1, 2, 8, 8, 8)))[0].shape == (1, 64, 64, 64)
    with pytest.raises(InputError, match=r"lacks net.encode.onnx, which computes encode"):
        network.run("encode", np.zeros((1, 64, 64, 64)))


def test_graphs_of_different_weights_are_not_mixed(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "ab"]
    for folder, name in zip(folders, ("embedding_backbone", "embedding_backbone")):
        lift3d.export(name, folder / "net.onnx")
    other = folders[1] / "net.text.onnx"
    other.write_bytes(other.read_bytes().replace(b"recall_1", b"recall_9"))
    (folders[0] / "net.text.onnx").write_bytes(other.read_bytes())
    with pytest.raises(InputError, match="were exported from different weights"):
        open_network("embedding", folders[0] / "net.onnx").run("text", np.zeros((1, 384)))


@pytest.mark.parametrize(
    ("network", "output", "sentence"),
    [
        ("gan", "net.bin", "net.bin is not an ONNX file"),
        ("nothing", "net.onnx", "no weights called nothing"),
        (None, "net.onnx", "net.onnx is not a folder"),
    ],
)
def test_wrong_arguments_are_one_sentence(network: str, output: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=sentence):
        lift3d.export(network, tmp_path / output)
    assert not list(tmp_path.iterdir())


def test_a_network_that_differs_is_not_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "TOLERANCE", -1.0)
    with pytest.raises(InputError, match="onnxruntime and torch differ by"):
        lift3d.export(None, tmp_path / "net.onnx", weights=run)
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_without_onnxruntime_the_file_is_written_unchecked_and_without_onnx_none(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("lift3d.inference.onnx.network.has_onnxruntime", lambda: False)
    lift3d.export(None, tmp_path / "net.onnx", weights=run, message=said.append)
    assert "not checked, because onnxruntime is not installed" in said[0] and runtimes.has_onnxruntime()
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"pip install 'lift3d\[export\]'"):
        lift3d.export(None, tmp_path / "net.onnx", weights=run)

"""Weights on disk: found by name, file or folder; damaged, foreign and missing ones are diagnosed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from lift3d import weights as store  # noqa: E402
from lift3d.errors import InputError  # noqa: E402
from lift3d.weights import find, list_models, load_tensors, pack  # noqa: E402


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a finished training run."""
    data = pack({"b.weight": torch.tensor([1.0, 2.5]), "a.count": torch.tensor([70000])})
    (tmp_path / "best.safetensors").write_bytes(data)
    card = {"mapping": "vae", "config": {"width": 8}, "sha256": hashlib.sha256(data).hexdigest()}
    (tmp_path / "best.json").write_text(json.dumps(card))
    return tmp_path


def test_a_folder_and_its_file_are_the_same_weights(run: Path) -> None:
    assert find(run) == find(run / "best.safetensors") == find(str(run))
    assert find(run).name == "best" and find(run).bytes == (run / "best.safetensors").stat().st_size


def test_packed_tensors_come_back_in_single_precision_and_integers_unchanged(run: Path) -> None:
    tensors = load_tensors(run)
    assert tensors["b.weight"].dtype == torch.float32 and tensors["b.weight"].tolist() == [1.0, 2.5]
    assert tensors["a.count"].dtype == torch.int64 and tensors["a.count"].tolist() == [70000]
    assert pack(tensors) == pack(dict(reversed(tensors.items())))  # bytes do not depend on the order


def test_weights_of_a_compatible_mapping_are_accepted_and_others_refused(run: Path) -> None:
    assert load_tensors(run, "autoencoder").keys() == load_tensors(run, "vae").keys()
    with pytest.raises(InputError, match="weights of vae, not of flow"):
        load_tensors(run, "flow")


def test_names_have_dashes_or_underscores() -> None:
    names = [cfg.name for cfg in list_models()]
    assert names == sorted(names)
    assert all(find(name) == find(name.replace("_", "-")) for name in names)


def test_missing_weights_are_diagnosed(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no weights called nowhere") as caught:
        find("nowhere")
    assert "image_to_voxels" in str(caught.value)
    with pytest.raises(InputError, match="no weights called"):
        find("../weights/flow")  # no path may lead out of the package's folder by a name
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match=r"notes.txt is not a weights file"):
        find(tmp_path / "notes.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"contains no best.safetensors"):
        find(tmp_path / "empty")
    (run / "best.json").unlink()
    with pytest.raises(InputError, match="no card beside it"):
        find(run)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\ud800".encode("utf-8", "surrogatepass"), "nul\0"])
def test_a_card_without_valid_json_is_diagnosed(run: Path, text: str | bytes) -> None:
    (run / "best.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match="damaged"):
        find(run)


def test_damaged_tensors_are_diagnosed(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = run / "best.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(InputError, match="is not the file that its card"):
        load_tensors(run)
    (run / "best.json").write_text("{}")
    for data in (b"", whole[:20], b"\xff" * 64):
        file.write_bytes(data)
        with pytest.raises(InputError, match="damaged or not a safetensors"):
            load_tensors(run)
    monkeypatch.setattr(store, "MAX_FILE_SIZE", 63)
    with pytest.raises(InputError, match="larger than"):
        load_tensors(run)

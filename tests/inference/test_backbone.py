"""The pre-trained backbone: it names a photograph, and a package that is missing or altered is one sentence."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

torch = pytest.importorskip("torch")

from efficientnet_twin import slow_features  # noqa: E402

from lift3d.errors import InputError, MissingExtra  # noqa: E402
from lift3d.inference import backbone  # noqa: E402

installed = pytest.mark.skipif(
    importlib.util.find_spec(backbone.PACKAGE) is None, reason="the backbone's package is not installed"
)
ESPRESSO = 967


@installed
def test_a_photograph_of_coffee_is_an_espresso() -> None:
    data = pytest.importorskip("skimage.data")
    photo = Pil.fromarray(data.coffee())
    side = min(photo.size) * 224 // 256  # the centre crop that the weights were published with
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    photo = photo.crop((left, top, left + side, top + side)).resize((224, 224), Pil.Resampling.BICUBIC)
    x = torch.from_numpy((np.asarray(photo, np.float32) - 127) / 128).permute(2, 0, 1)[None]
    with torch.no_grad():
        p = backbone.load_backbone(classifier=True).logits(x).softmax(1)[0]
    assert int(p.argmax()) == ESPRESSO and abs(float(p[ESPRESSO]) - 0.94) < 0.03


@installed
def test_twenty_pictures_give_the_logits_of_a_plain_forward_of_the_published_tensors() -> None:
    """Photographs, micrographs, drawings and text of scikit-image, in their own aspect ratio."""
    folder = Path(str(pytest.importorskip("skimage").__file__)).parent / "data"
    files = [file for file in sorted(folder.iterdir()) if file.suffix in (".png", ".jpg")][:20]
    assert len(files) == 20
    net, published = backbone.load_backbone(classifier=True), backbone._published()
    for file in files:
        photo = Pil.open(file).convert("RGB")
        photo.thumbnail((224, 224))
        x = torch.from_numpy((np.asarray(photo, np.float32) - 127) / 128).permute(2, 0, 1)[None]
        with torch.no_grad():
            assert float((net.logits(x) - slow_features(published, x)[1]).abs().max()) < 1e-4, file.name


@installed
def test_each_call_returns_a_new_network_with_the_same_weights() -> None:
    a, b = backbone.load_backbone(), backbone.load_backbone()
    with torch.no_grad():
        a.stem.conv.weight.zero_()
    assert float(b.stem.conv.weight.detach().abs().sum()) > 1
    assert not b.training


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbone, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(MissingExtra, match=r"lift3d\[learn\]"):
        backbone.weights_file()


def fake_package(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable package without the weights."""
    (folder / name / "models").mkdir(parents=True)
    (folder / name / "__init__.py").write_text("raise SystemExit('the code of the package was run')")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(backbone, "PACKAGE", name)
    backbone._published.cache_clear()
    sys.modules.pop(name, None)
    return folder / name / backbone.FILE


def test_an_altered_file_is_refused_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = fake_package(tmp_path, "altered_weights", monkeypatch)
    file.write_bytes(b"\x80\x04.")
    with pytest.raises(InputError, match=r"not the published file.*--force-reinstall"):
        backbone.load_backbone()


def test_a_package_without_its_file_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_package(tmp_path, "empty_weights", monkeypatch)
    with pytest.raises(InputError, match=r"lacks models/.*--force-reinstall"):
        backbone.weights_file()

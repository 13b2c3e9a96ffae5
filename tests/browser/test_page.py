"""The page of `lift3d export --page`: its files, and a photo that becomes a model in a real browser, without network."""

from __future__ import annotations

import base64
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil

pytest.importorskip("onnx", reason="onnx is not installed")

from static_site import CHROMIUM, CONTRAST, FLAGS, served

import lift3d
from lift3d.browser import site
from lift3d.errors import InputError
from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.inference.onnx.network import network_arrays
from lift3d.weights import find

TEXTS = "h1, p, label.button, a, figcaption"
SAVE = """async (id) => {
  const bytes = new Uint8Array(await (await fetch(document.getElementById(id).href)).arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return btoa(text);
}"""


def test_weights_are_those_of_the_package() -> None:
    for mapping in site.NETWORKS:
        card = find(mapping)
        graph, weights, parts = site._packed(mapping, card)
        arrays = network_arrays(mapping, card)
        import onnx

        model = onnx.load_model_from_string(graph)
        outside = [t for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
        assert len(outside) == len(parts) > 100
        at = expanded = 0
        for tensor, (kind, count) in zip(outside, parts):
            where = {entry.key: entry.value for entry in tensor.external_data}
            size = 2 if kind == "f16" else int(kind)
            stored = np.frombuffer(
                weights,
                np.float16 if kind == "f16" else np.uint8,
                count if kind == "f16" else count * size,
                at,
            )
            if kind == "f16":
                np.testing.assert_array_equal(stored, arrays[tensor.name].ravel())
            assert int(where["offset"]) == expanded and where["location"] == f"networks/{mapping}.bin"
            at += count * size
            expanded += int(where["length"])
        assert at == len(weights)


def test_what_cannot_be_used_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="does not exist.*npm pack onnxruntime-web"):
        site.runtime_files(tmp_path / "none.tgz")
    (tmp_path / "bad.tgz").write_bytes(b"no archive" * 100)
    with pytest.raises(InputError, match="is not the npm package"):
        site.runtime_files(tmp_path / "bad.tgz")
    with tarfile.open(tmp_path / "other.tgz", "w:gz") as archive:
        entry = tarfile.TarInfo("package/dist/ort.wasm.min.mjs")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"abc"))
    with pytest.raises(InputError, match="another version of ort.wasm.min.mjs"):
        site.runtime_files(tmp_path / "other.tgz")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="lacks ort.wasm.min.mjs"):
        site.runtime_files(tmp_path / "folder")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="not part of lift3d"):
        site.runtime_files(None)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("keep")
    with pytest.raises(InputError, match="is not empty"):
        lift3d.export_page(tmp_path / "full")
    with pytest.raises(InputError, match="has weights of gan.*image_to_voxels"):
        lift3d.export_page(tmp_path / "new", weights=find("gan").file)
    assert not (tmp_path / "new").exists() and (tmp_path / "full/letter.txt").read_text() == "keep"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, with onnxruntime-web from npm."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    target = tmp_path_factory.mktemp("site") / "page"
    try:
        runtime = site.runtime_files(None)
    except InputError as error:
        pytest.skip(str(error))
    local = target.parent / "onnxruntime-web"
    local.mkdir()
    for name, data in runtime.items():
        (local / name).write_bytes(data)
    said: list[str] = []
    assert lift3d.export_page(target, onnxruntime_web=local, message=said.append) == target
    assert len(said) == 1 and "http.server" in said[0]
    return target


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    pytest.importorskip("playwright", reason="playwright is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture
def cup() -> Path:
    skimage = pytest.importorskip("skimage", reason="scikit-image is not installed")
    return Path(skimage.__file__).parent / "data/coffee.png"


def give(page: Any, photo: Path) -> str:
    """Give the page a photo; what it says at the end."""
    page.evaluate("document.getElementById('status').textContent = ''")
    page.set_input_files("#choose", str(photo))
    for _ in range(1200):
        over = page.get_attribute("#status", "class") == "error"  # before the sentence, which is set first
        said = str(page.inner_text("#status"))
        if said == "Done." or over:
            return said
        page.wait_for_timeout(250)
    raise AssertionError(said)


@pytest.mark.slow
@pytest.mark.parametrize("width", [1200, 360])
def test_a_photo_becomes_a_model_without_network(
    folder: Path, browser: Any, cup: Path, tmp_path: Path, width: int
) -> None:
    small = tmp_path / "cup.jpg"
    Pil.open(cup).convert("RGB").save(small, quality=95)
    (tmp_path / "broken.jpg").write_bytes(small.read_bytes()[:200])
    Pil.new("RGB", (300, 200), (90, 90, 90)).save(tmp_path / "grey.png")
    problems: list[str] = []
    with served(folder) as address:
        context = browser.new_context(viewport={"width": width, "height": 800})
        page = context.new_page()
        page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(address)
        assert "no picture" in give(page, tmp_path / "broken.jpg")
        assert give(page, small) == "Done."
        context.set_offline(True)  # what is loaded is enough
        assert "No single object stands out" in give(page, tmp_path / "grey.png")
        assert page.locator("#seen").is_hidden(), "the photo before has nothing to do with it"
        assert page.locator("#result").is_hidden()
        assert give(page, small) == "Done."
        page.set_input_files("#choose", str(small))
        page.set_input_files("#choose", str(tmp_path / "grey.png"))
        assert "grey.png comes next" in page.inner_text("#more")
        page.wait_for_selector("#status.error", timeout=120_000)
        assert give(page, small) == "Done." and "does not belong" in page.inner_text("#caption")
        facts, warnings = page.inner_text("#facts"), page.inner_text("#warnings")
        files = {kind: base64.b64decode(page.evaluate(SAVE, f"save-{kind}")) for kind in ("glb", "stl")}
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert all(ratio >= 4.5 for text, ratio in page.evaluate(CONTRAST, TEXTS) if text), page.evaluate(
            CONTRAST, TEXTS
        )
        sent = page.evaluate("fetch('https://example.org/').then(() => 'sent', () => 'refused')")
        assert sent == "refused"
        context.close()
    assert "closed surface" in facts and not warnings
    assert [p for p in problems if "example.org" not in p] == []
    mesh = trimesh.load(io.BytesIO(files["stl"]), file_type="stl")
    mesh.merge_vertices()
    assert inspect_arrays(np.asarray(mesh.vertices, float), np.asarray(mesh.faces, np.int32)).is_solid
    assert max(mesh.extents) == pytest.approx(100, rel=1e-3) and mesh.bounds[0, 2] == pytest.approx(
        0, abs=1e-3
    )
    (tmp_path / "web.glb").write_bytes(files["glb"])
    lift3d.reconstruct(cup, tmp_path / "package.glb", faces=20_000)
    web, package = (lift3d.load(tmp_path / name) for name in ("web.glb", "package.glb"))
    volumes = [m.volume / max(m.extents) ** 3 for m in (mesh, package)]
    heights = [m.extents[2] / max(m.extents) for m in (mesh, package)]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.15), volumes
    assert heights[0] == pytest.approx(heights[1], rel=0.1), heights
    assert web.visual.uv is not None
    document = json.loads(files["glb"][20 : 20 + int.from_bytes(files["glb"][12:16], "little")])
    assert document["asset"]["extras"]["unit"] is None

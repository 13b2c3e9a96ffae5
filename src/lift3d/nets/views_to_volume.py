"""From one or more pictures of a thing to the space it fills, in the frame of the first picture.

Encoder: residual convolutions (He et al. 2016, arXiv:1512.03385), 128 -> 64 -> 32 -> 16 -> 8 pixels. Merge: self-attention
(Vaswani et al. 2017) over the 8 x 8 tokens of all pictures, the first marked as the frame and the others in no order, so
that any number of them serves. Decoder: the tokens become 8^3 cells, each of which asks all tokens again; 3-D convolutions
take them to 16^3; from there on depth lies in the channels (as in Jackson et al. 2017, arXiv:1703.07834), which is 2-D
convolution at the price of pictures, to 32^2 and 64^2 with 64 depths. At each size the encoder's features of the same size are
laid along their rays: cell columns of the view frame are rays (geometry/voxels/view_frame.py), so that projecting
local features is
reading them where they are.

Heads of numbers, on the mean of the frame's tokens and on answers of all: how deep the thing is, and the similarity that
takes it from the view frame to its upright one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from lift3d.nets.blocks import ImageEncoder, ResBlock2d, ResBlock3d, TransformerBlock
from lift3d.nets.rotation6d import rotation_from_6d

IMAGE_SIZE, GRID_SIZE = 128, 64
"""Pixels and cells along each side."""
POSE = 6 + 3 + 1
"""Two columns of a rotation (Zhou et al. 2019), the middle, the log of the size."""


@dataclass
class Prediction:
    """volume (B, 64, 64, 64): logits (w, v, u); depth (B,): log of reach / lateral; pose (B, 10); tokens (B, C) for search."""

    volume: torch.Tensor
    depth: torch.Tensor
    pose: torch.Tensor
    code: torch.Tensor


class CrossAttention(nn.Module):
    """Every coarse cell asks the tokens of all pictures: cells (B, C, 8, 8, 8) and tokens (B, T, W) to the same cells.

    What a second picture shows lies along rays of its own, which tokens of the frame's 64 pixels can hardly tell apart in
    depth; 512 cells can. Adds nothing at the beginning, so that a network without it can be trained on."""

    def __init__(self, channels: int, width: int, inner: int = 128, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.inner = heads, inner
        self.place = nn.Parameter(torch.randn(512, channels) * 0.02)
        self.norm = nn.LayerNorm(channels)
        self.ask, self.held = nn.Linear(channels, inner), nn.Linear(width, 2 * inner)
        self.answer = nn.Linear(inner, channels)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)

    def forward(self, cells: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        b, c = cells.shape[:2]
        x = cells.flatten(2).transpose(1, 2)
        q = self.ask(self.norm(x + self.place)).view(b, 512, self.heads, -1).transpose(1, 2)
        k, v = self.held(tokens).view(b, tokens.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, 512, self.inner)
        return cells + torch.as_tensor(self.answer(seen)).transpose(1, 2).reshape(cells.shape)


class AttentionPool(nn.Module):
    """A few learned questions to the tokens of all pictures: (B, T, W) to (B, out). How deep a thing is, a picture from its
    side tells, which the mean over the frame's tokens washes out. Adds nothing at the beginning."""

    def __init__(self, width: int, out: int, questions: int = 4, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.questions = nn.Parameter(torch.randn(questions, width) * 0.02)
        self.held = nn.Linear(width, 2 * width)
        self.wide, self.narrow = nn.Linear(questions * width, width), nn.Linear(width, out)
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.narrow.bias)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        b, t, w = tokens.shape
        k, v = self.held(tokens).view(b, t, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        q = self.questions.view(1, -1, self.heads, w // self.heads).transpose(1, 2).expand(b, -1, -1, -1)
        seen = nn.functional.scaled_dot_product_attention(q.to(k.dtype), k, v).transpose(1, 2).reshape(b, -1)
        return torch.as_tensor(self.narrow(nn.functional.gelu(self.wide(seen))))


class ViewsToVolume(nn.Module):
    """width: channels at 64 pixels; all else follows from it."""

    def __init__(self, width: int = 32, layers: int = 3) -> None:
        super().__init__()
        w = (width, 2 * width, 4 * width, 8 * width)
        self.encoder = ImageEncoder(w)
        c = w[3]
        self.place = nn.Parameter(torch.randn(64, c) * 0.02)
        self.role = nn.Parameter(torch.randn(2, c) * 0.02)
        self.layers = nn.ModuleList(TransformerBlock(c, 8) for _ in range(layers))
        self.settled = nn.LayerNorm(c)
        self.numbers = nn.Sequential(nn.Linear(c, c), nn.GELU(), nn.Linear(c, 1 + POSE))
        self.gather = AttentionPool(c, 1 + POSE)
        a, b = 2 * width, width
        self.coarse_channels, self.fine_channels = a, b
        self.lift8 = nn.Conv2d(c, 8 * a, 1)
        self.seek8 = CrossAttention(a, c)
        self.solid8 = ResBlock3d(a)
        self.thin8 = nn.Conv3d(a, b, 1)
        self.lift16 = nn.Conv2d(w[2], 16 * (b // 4), 1)
        self.join16 = nn.Conv3d(b + b // 4, b, 1)
        self.solid16 = ResBlock3d(b)
        self.rough = nn.Conv3d(b, 1, 1)
        self.flat16 = nn.Conv2d(16 * b, w[2], 1)
        self.block32 = ResBlock2d(w[2] + w[1], w[2])
        self.flat32 = nn.Conv2d(w[2], w[1], 1)
        self.block64 = ResBlock2d(w[1] + w[0], w[1])
        self.head = nn.Conv2d(w[1], GRID_SIZE, 3, padding=1)

    def tokens(self, deepest: torch.Tensor, count: int) -> torch.Tensor:
        """(B * count, C, 8, 8), the frame's picture first of each, to (B, 64 * count, C), having seen each other."""
        x = deepest.flatten(2).transpose(1, 2) + self.place
        x = x.reshape(-1, count, 64, x.shape[-1])
        role = torch.cat([self.role[:1], self.role[1:].expand(count - 1, -1)])
        x = (x + role[:, None]).reshape(len(x), count * 64, -1)
        for layer in self.layers:
            x = layer(x)
        return torch.as_tensor(self.settled(x))

    def code(self, pictures: torch.Tensor) -> torch.Tensor:
        """(B, C): the mean token, by which things that look alike are near; pictures as in `forward`."""
        held = self.encoder(pictures.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        return self.tokens(held[3], pictures.shape[1])[:, :64].mean(1)

    def forward(self, pictures: torch.Tensor) -> Prediction:
        """(B, N, 4, 128, 128): N pictures of each thing, the first of which is the frame."""
        b, count = pictures.shape[:2]
        held = self.encoder(pictures.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        tokens = self.tokens(held[3], count)
        code = tokens[:, :64].mean(1)
        numbers = (self.numbers(code) + self.gather(tokens)).float()
        local = [h.unflatten(0, (b, count))[:, 0] for h in held[:3]]
        return Prediction(self.decode(tokens, local), numbers[:, 0], numbers[:, 1:], code.float())

    def decode(self, tokens: torch.Tensor, local: list[torch.Tensor]) -> torch.Tensor:
        """Logits of tokens (B, 64 * N, C), the frame's first, and the frame's features of 64, 32 and 16 pixels."""
        up = nn.functional.interpolate
        flat = tokens[:, :64].transpose(1, 2).reshape(len(tokens), -1, 8, 8)
        x = torch.relu(self.lift8(flat)).unflatten(1, (self.coarse_channels, 8))
        x = self.solid8(self.seek8(x, tokens))
        x = up(self.thin8(x), scale_factor=2.0, mode="trilinear", align_corners=False)
        seen = self.lift16(local[2]).unflatten(1, (self.fine_channels // 4, 16))
        x = self.solid16(torch.relu(self.join16(torch.cat([x, seen], 1))))
        rough = up(self.rough(x)[:, 0], scale_factor=4.0, mode="bilinear", align_corners=False)
        rough = rough.repeat_interleave(GRID_SIZE // 16, 1)
        y = torch.relu(self.flat16(x.flatten(1, 2)))
        y = up(y, scale_factor=2.0, mode="bilinear", align_corners=False)
        y = self.flat32(self.block32(torch.cat([y, local[1]], 1)))
        y = up(y, scale_factor=2.0, mode="bilinear", align_corners=False)
        return torch.as_tensor(self.head(self.block64(torch.cat([y, local[0]], 1)))).float() + rough.float()


class EncoderDecoder(nn.Module):
    """The baseline: encoder, one vector, and 3-D up-convolutions to 32^3 (as 3D-R2N2 and Pix2Vox, without their recurrence
    and refinement). One picture: the first."""

    def __init__(self, width: int = 32, code: int = 512) -> None:
        super().__init__()
        self.encoder = ImageEncoder((width, 2 * width, 4 * width, 8 * width))
        self.squeeze = nn.Linear(8 * width * 64, code)
        self.numbers = nn.Linear(code, 1 + POSE)
        self.start = nn.Linear(code, 128 * 64)
        sizes = (128, 64, 32, 16)
        self.up = nn.ModuleList(
            nn.ConvTranspose3d(a, b, 4, 2, 1, bias=False) for a, b in zip(sizes, sizes[1:])
        )
        self.norms = nn.ModuleList(nn.BatchNorm3d(b) for b in sizes[1:])
        self.head = nn.Conv3d(16, 1, 3, padding=1)

    def forward(self, pictures: torch.Tensor) -> Prediction:
        first = pictures[:, 0].contiguous(memory_format=torch.channels_last)
        code = torch.relu(self.squeeze(self.encoder(first)[3].flatten(1)))
        x = torch.relu(self.start(code)).view(-1, 128, 4, 4, 4)
        for up, norm in zip(self.up, self.norms):
            x = torch.relu(norm(up(x)))
        numbers = self.numbers(code).float()
        return Prediction(self.head(x)[:, 0].float(), numbers[:, 0], numbers[:, 1:], code.float())


def resample_upright(
    share: torch.Tensor,
    pose: torch.Tensor,
    to_cells: torch.Tensor,
    far: torch.Tensor,
    reach: torch.Tensor,
    n: int,
) -> torch.Tensor:
    """A 3-D spatial transformer (Jaderberg et al. 2015, arXiv:1506.02025): what fills the cells of the view, seen in the
    upright frame. (B, 1, n, n, n), x slowest, over [-0.55, 0.55]^3; the thing's longest side is 1 there.

    share (B, D, H, W); pose (B, 10): rotation, middle and log size in units of the lateral length; to_cells (B, 3, 3):
    view frame to (u, v); far (B,): depth of w = 0, and reach (B,): of w = 1 from there, both in the lateral length.
    """
    line = (torch.arange(n, device=share.device) + 0.5) / n * 1.1 - 0.55
    grid = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    turn = rotation_from_6d(pose[:, :6])
    points = (grid * pose[:, 9].exp()[:, None, None]) @ turn + pose[:, None, 6:9]
    depth = points[..., 2] + far[:, None]
    uvw = torch.cat([points[..., :2], depth[..., None]], -1) @ to_cells.transpose(1, 2)
    uv = uvw[..., :2] / uvw[..., 2:].clamp(min=0.05)
    w = points[..., 2:] / reach[:, None, None]
    where = torch.cat([uv, w], -1).view(len(share), n, n, n, 3)
    return nn.functional.grid_sample(share[:, None], where, align_corners=False)

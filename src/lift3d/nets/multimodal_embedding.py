"""One space for pictures of things, the things themselves, and words: each becomes a unit vector, and what belongs together
is near (contrastive learning: van den Oord et al. 2018, arXiv:1807.03748; Radford et al. 2021, arXiv:2103.00020).

A vector has two halves, each of unit length: `looks`, by which this thing is told from all others, and `kind`, which words
can name as well. Pictures share their encoder with `ViewsToVolume`, so that it can begin with its weights; what is read off
is the mean and the maximum of each size and the mean token, brought to one scale. Solids come as 64^3 cells folded to 16^3
(nets/shape_autoencoder.py) beside the mean colour of the surface there: things of one family often differ by their colours alone.
Words come as the vectors of a sentence encoder that stays as it is (nets/minilm.py).
"""

from __future__ import annotations

import math

import torch
from torch import nn

from lift3d.nets.blocks import PATCH_SIZE, ImageEncoder, ResBlock3d, TransformerBlock, voxel_unshuffle

INSTANCE_SIZE, CATEGORY_SIZE = 160, 96
EMBEDDING_SIZE = INSTANCE_SIZE + CATEGORY_SIZE
"""Numbers of a vector."""
SENTENCE_SIZE = 384
"""Numbers that a sentence comes as."""
COLOURS = 4
"""Channels at 16 cells a side: red, green, blue from -1 to 1, and whether there is any surface."""
HOTTEST = math.log(100.0)
"""Logarithm of the largest factor of a cosine, so that training cannot run away (Radford et al. 2021)."""


def normalize_halves(x: torch.Tensor) -> torch.Tensor:
    """(B, SPACE) with each half brought to unit length."""
    looks, kind = x.float().split([INSTANCE_SIZE, CATEGORY_SIZE], 1)
    unit = nn.functional.normalize
    return torch.cat([unit(looks, dim=1), unit(kind, dim=1)], 1)


class ProjectionHead(nn.Module):
    """(B, features) to (B, out): features to one scale, a linear map, and what a hidden layer adds to it."""

    def __init__(self, features: int, out: int, hidden: int = 256) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features)
        self.short = nn.Linear(features, out, bias=False)
        self.wide, self.narrow = nn.Linear(features, hidden), nn.Linear(hidden, out)
        nn.init.zeros_(self.narrow.weight)
        nn.init.zeros_(self.narrow.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(x)
        return torch.as_tensor(self.short(x) + self.narrow(nn.functional.gelu(self.wide(x))))


class ImageTower(nn.Module):
    """(B, 4, 128, 128), colour and mask, to (B, features); its parts bear the names that they have in `ViewsToVolume`."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        w = (width, 2 * width, 4 * width, 8 * width)
        self.encoder = ImageEncoder(w)
        self.place = nn.Parameter(torch.randn(64, w[3]) * 0.02)
        self.role = nn.Parameter(torch.randn(2, w[3]) * 0.02)
        self.layers = nn.ModuleList(TransformerBlock(w[3], 8) for _ in range(layers))
        self.settled = nn.LayerNorm(w[3])
        self.features = 2 * sum(w[1:]) + w[3]

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        held = self.encoder(pictures.contiguous(memory_format=torch.channels_last))
        x = held[3].flatten(2).transpose(1, 2) + self.place + self.role[0]
        for layer in self.layers:
            x = layer(x)
        read = [pool for h in held[1:] for pool in (h.mean((2, 3)), h.amax((2, 3)))]
        return torch.cat([*(r.float() for r in read), self.settled(x).mean(1).float()], 1)


class ShapeTower(nn.Module):
    """Cells (B, 64, 64, 64) from 0 to 1 and colours (B, 4, 16, 16, 16) to (B, features)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        w = (width, 2 * width, 4 * width)
        self.start = nn.Conv3d(PATCH_SIZE**3 + COLOURS, w[0], 1)
        self.fine = ResBlock3d(w[0])
        self.down = nn.ModuleList(nn.Conv3d(a, b, 2, 2) for a, b in zip(w, w[1:]))
        self.blocks = nn.ModuleList([nn.Sequential(ResBlock3d(w[1]), ResBlock3d(w[1])), ResBlock3d(w[2])])
        self.features = 2 * sum(w)

    def forward(self, cells: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
        x = torch.cat([voxel_unshuffle(2 * cells[:, None] - 1), colours], 1)
        held = [self.fine(torch.relu(self.start(x)))]
        for down, block in zip(self.down, self.blocks):
            held.append(block(torch.relu(down(held[-1]))))
        read = [pool for h in held for pool in (h.mean((2, 3, 4)), h.amax((2, 3, 4)))]
        return torch.cat(read, 1).float()


class MultimodalEmbedding(nn.Module):
    """width, layers: of the picture's encoder, as in `ViewsToVolume`; solid: channels of the solid's at 16 cells a side."""

    def __init__(self, width: int = 32, layers: int = 3, solid: int = 24) -> None:
        super().__init__()
        self.pictures = ImageTower(width, layers)
        self.solids = ShapeTower(solid)
        self.picture_head = ProjectionHead(self.pictures.features, EMBEDDING_SIZE)
        self.solid_head = ProjectionHead(self.solids.features, EMBEDDING_SIZE)
        self.words_head = nn.Linear(SENTENCE_SIZE, CATEGORY_SIZE)
        # logarithms of the factors of cosines: between looks, and of kinds with words
        self.looks_scale = nn.Parameter(torch.tensor(math.log(14.0)))
        self.kind_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def of_pictures(self, pictures: torch.Tensor) -> torch.Tensor:
        """(B, 4, 128, 128) to (B, SPACE)."""
        return normalize_halves(self.picture_head(self.pictures(pictures)))

    def of_solids(self, cells: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
        """(B, 64, 64, 64) and (B, 4, 16, 16, 16) to (B, SPACE)."""
        return normalize_halves(self.solid_head(self.solids(cells, colours)))

    def of_words(self, vectors: torch.Tensor) -> torch.Tensor:
        """(B, 384) to (B, KIND): words know nothing of a thing's looks."""
        return nn.functional.normalize(self.words_head(vectors).float(), dim=1)

    def scales(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The factors of cosines, of looks and of kinds."""
        return self.looks_scale.clamp(max=HOTTEST).exp(), self.kind_scale.clamp(max=HOTTEST).exp()

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.of_pictures(pictures)


def info_nce(left: torch.Tensor, right: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """InfoNCE of (B, D) and (B, D) unit vectors, both ways: which of all is mine?"""
    logits = scale * left @ right.T
    mine = torch.arange(len(left), device=left.device)
    entropy = nn.functional.cross_entropy
    return (entropy(logits, mine) + entropy(logits.T, mine)) / 2


def supervised_contrastive_loss(
    left: torch.Tensor, right: torch.Tensor, alike: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """The same where several are right (Khosla et al. 2020, arXiv:2004.11362): alike (B, B) bool, true on the diagonal."""
    logits = scale * left @ right.T
    share = alike.float()
    rows = -(logits.log_softmax(1) * share / share.sum(1, keepdim=True)).sum(1).mean()
    columns = -(logits.log_softmax(0) * share / share.sum(0, keepdim=True)).sum(0).mean()
    return (rows + columns) / 2

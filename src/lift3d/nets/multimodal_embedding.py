"""One embedding space of images, shapes and text, by contrastive learning (van den Oord et al. 2018, arXiv:1807.03748; Radford
et al. 2021, arXiv:2103.00020).

A vector has two halves, each of unit length: the first distinguishes instances, the second categories, which text can describe
too. The image tower has the layers of `ViewsToVolume`'s encoder, whose weights can initialise it; its output is the mean and
the maximum of each feature map and the mean token, which the projection head normalises. The shape tower's input is 64^3 voxels
unshuffled to 16^3 (nets/shape_autoencoder.py) and the mean colour of the surface in each of the 16^3 voxels, because instances
of one family often differ in colour alone. The text input is the vector of a frozen sentence encoder (nets/minilm.py).
"""

from __future__ import annotations

import math

import torch
from torch import nn

from lift3d.nets.blocks import PATCH_SIZE, ImageEncoder, ResBlock3d, TransformerBlock, voxel_unshuffle

INSTANCE_SIZE, CATEGORY_SIZE = 160, 96
"""Lengths of the instance half and of the category half of a vector."""
EMBEDDING_SIZE = INSTANCE_SIZE + CATEGORY_SIZE
SENTENCE_SIZE = 384
"""Length of a sentence encoder's vector."""
COLOUR_CHANNELS = 4
"""Channels of the colour grid of 16 voxels a side: red, green, blue in [-1, 1], and whether the voxel contains surface."""
MAX_LOG_SCALE = math.log(100.0)
"""Logarithm of the largest scale of a cosine; the limit keeps training stable (Radford et al. 2021)."""


def normalize_halves(x: torch.Tensor) -> torch.Tensor:
    """(B, EMBEDDING_SIZE) with each half scaled to unit length."""
    instance, category = x.float().split([INSTANCE_SIZE, CATEGORY_SIZE], 1)
    unit = nn.functional.normalize
    return torch.cat([unit(instance, dim=1), unit(category, dim=1)], 1)


class ProjectionHead(nn.Module):
    """(B, features) to (B, out): batch normalisation, then the sum of a linear map and an MLP initialised to zero."""

    def __init__(self, features: int, out: int, hidden: int = 256) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features)
        self.linear = nn.Linear(features, out, bias=False)
        self.fc1, self.fc2 = nn.Linear(features, hidden), nn.Linear(hidden, out)
        nn.init.zeros_(self.fc2.weight)
        nn.init.zeros_(self.fc2.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Vectors (B, out), not normalised."""
        x = self.norm(x)
        return torch.as_tensor(self.linear(x) + self.fc2(nn.functional.gelu(self.fc1(x))))


class ImageTower(nn.Module):
    """RGB and mask (B, 4, 128, 128) to (B, features). The tensors have the names that they have in `ViewsToVolume`."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        w = (width, 2 * width, 4 * width, 8 * width)
        self.encoder = ImageEncoder(w)
        self.pos_embed = nn.Parameter(torch.randn(64, w[3]) * 0.02)
        self.view_embed = nn.Parameter(torch.randn(2, w[3]) * 0.02)
        self.layers = nn.ModuleList(TransformerBlock(w[3], 8) for _ in range(layers))
        self.norm = nn.LayerNorm(w[3])
        self.features = 2 * sum(w[1:]) + w[3]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Features (B, features) in float32."""
        maps = self.encoder(images.contiguous(memory_format=torch.channels_last))
        x = maps[3].flatten(2).transpose(1, 2) + self.pos_embed + self.view_embed[0]
        for layer in self.layers:
            x = layer(x)
        pooled = [pool for m in maps[1:] for pool in (m.mean((2, 3)), m.amax((2, 3)))]
        return torch.cat([*(p.float() for p in pooled), self.norm(x).mean(1).float()], 1)


class ShapeTower(nn.Module):
    """Occupancy (B, 64, 64, 64) in [0, 1] and colours (B, 4, 16, 16, 16) to (B, features)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        w = (width, 2 * width, 4 * width)
        self.start = nn.Conv3d(PATCH_SIZE**3 + COLOUR_CHANNELS, w[0], 1)
        self.fine = ResBlock3d(w[0])
        self.down = nn.ModuleList(nn.Conv3d(a, b, 2, 2) for a, b in zip(w, w[1:]))
        self.blocks = nn.ModuleList([nn.Sequential(ResBlock3d(w[1]), ResBlock3d(w[1])), ResBlock3d(w[2])])
        self.features = 2 * sum(w)

    def forward(self, occupancy: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
        """Features (B, features) in float32."""
        x = torch.cat([voxel_unshuffle(2 * occupancy[:, None] - 1), colours], 1)
        maps = [self.fine(torch.relu(self.start(x)))]
        for down, block in zip(self.down, self.blocks):
            maps.append(block(torch.relu(down(maps[-1]))))
        pooled = [pool for m in maps for pool in (m.mean((2, 3, 4)), m.amax((2, 3, 4)))]
        return torch.cat(pooled, 1).float()


class MultimodalEmbedding(nn.Module):
    """Image tower, shape tower and the projection heads of images, shapes and text. width, layers: of the image tower, as in
    `ViewsToVolume`; shape_width: channels of the shape tower at 16 voxels a side."""

    def __init__(self, width: int = 32, layers: int = 3, shape_width: int = 24) -> None:
        super().__init__()
        self.image_tower = ImageTower(width, layers)
        self.shape_tower = ShapeTower(shape_width)
        self.image_head = ProjectionHead(self.image_tower.features, EMBEDDING_SIZE)
        self.shape_head = ProjectionHead(self.shape_tower.features, EMBEDDING_SIZE)
        self.text_head = nn.Linear(SENTENCE_SIZE, CATEGORY_SIZE)
        # logarithms of the scales of cosines: between instance halves, and between category halves and text
        self.instance_scale = nn.Parameter(torch.tensor(math.log(14.0)))
        self.category_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def embed_images(self, images: torch.Tensor) -> torch.Tensor:
        """Vectors (B, EMBEDDING_SIZE) of RGB and mask (B, 4, 128, 128)."""
        return normalize_halves(self.image_head(self.image_tower(images)))

    def embed_shapes(self, occupancy: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
        """Vectors (B, EMBEDDING_SIZE) of occupancy (B, 64, 64, 64) and colours (B, 4, 16, 16, 16)."""
        return normalize_halves(self.shape_head(self.shape_tower(occupancy, colours)))

    def embed_text(self, sentences: torch.Tensor) -> torch.Tensor:
        """Category halves (B, CATEGORY_SIZE), of unit length, of sentence vectors (B, 384)."""
        return nn.functional.normalize(self.text_head(sentences).float(), dim=1)

    def scales(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Scales of cosines (inverse temperatures) of the instance halves and of the category halves."""
        return self.instance_scale.clamp(max=MAX_LOG_SCALE).exp(), self.category_scale.clamp(
            max=MAX_LOG_SCALE
        ).exp()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The same as `embed_images`."""
        return self.embed_images(images)


def info_nce(left: torch.Tensor, right: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Symmetric InfoNCE, a scalar, of unit vectors (B, D) and (B, D); the positive of row i is row i."""
    logits = scale * left @ right.T
    own = torch.arange(len(left), device=left.device)
    entropy = nn.functional.cross_entropy
    return (entropy(logits, own) + entropy(logits.T, own)) / 2


def supervised_contrastive_loss(
    left: torch.Tensor, right: torch.Tensor, positive: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """`info_nce` with several positives (Khosla et al. 2020, arXiv:2004.11362): positive (B, B) bool, true on the diagonal."""
    logits = scale * left @ right.T
    target = positive.float()
    rows = -(logits.log_softmax(1) * target / target.sum(1, keepdim=True)).sum(1).mean()
    columns = -(logits.log_softmax(0) * target / target.sum(0, keepdim=True)).sum(0).mean()
    return (rows + columns) / 2

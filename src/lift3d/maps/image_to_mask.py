"""A photo to the mask of one object in it: a U-Net on the whole photo, then on closer crops, refined by colours and edges.

Clicks and a box say which object is meant, and the network reads them. A random walk over colours (Grady 2005) and a guided
filter (He et al. 2013) refine the output, whose fractions at the edge of the object are the opacity of the cut-out. Transparency
and given masks are taken as they are.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pil
from scipy import ndimage

from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.views import GIVEN_MASK_KEPT, ONE_OBJECT
from lift3d.geometry.image.crop import (
    Crop,
    crop_around,
    crop_of,
    paste_crop,
    resample_crop,
    rows_and_columns,
    square_crop,
)
from lift3d.geometry.image.matte import matte_of
from lift3d.geometry.image.object_region import (
    choose_region,
    expected_iou,
    has_small_holes,
    opacity,
    pixel_of,
)
from lift3d.geometry.image.prompt_maps import Prompts, apply_prompts
from lift3d.geometry.image.random_walker import refine_mask
from lift3d.mapping import Card, Mapping, register
from lift3d.types import F32, Image, Segmentation

if TYPE_CHECKING:
    from lift3d.inference.runtimes import Network
    from lift3d.weights import PretrainedCfg

NAME = "image_to_mask"
WALK_SIZE = 192
"""Side in pixels at which the random walk works on the crop."""
CROP_SCALES = (1.5, 1.2)
"""Sizes of the closer crops in units of the object's box, the largest first."""
BOX_CROP = 1.6
"""Size of the first crop in units of a given box."""
MIN_AREA_FRACTION = 0.004
"""Fraction of the photo below which a region is not an object, unless a prompt says so."""
MIN_BOX_PART = 0.03
"""Fraction of a given box below which nothing was found in it."""
MIN_PEAK = 0.75
"""Probability that the network must give to at least one pixel of an object."""
MIN_DEVIATION = 1.5
"""Standard deviation of the colours, 0 to 255, below which a photo shows nothing."""
MIN_SIDE = 8
"""Smallest photo in pixels."""
MASK_ADVICE = "transparency is taken as the mask"
DOUBTFUL = 0.7
"""Certainty below which a mask is doubtful: of 50 validation scenes 5 of 7 such masks had an IoU under 0.7, 3 of 43 others."""
MAX_PIXELS = 16_000_000
"""Photos with more pixels are reduced first."""


@register(
    Card(
        NAME, "Image", "Image",
        (ONE_OBJECT, GIVEN_MASK_KEPT, SAME_BYTES),
        "learned", "Ronneberger, Fischer & Brox 2015; Grady 2005; He, Sun & Tang 2013; Xu et al. 2016",
    )
)  # fmt: skip
@dataclass(frozen=True)
class ImageToMask(Mapping[Image, Image]):
    """weights: a run's folder or a weights file; the package's own if not given. prompts: clicks and a box in pixels of the
    photo, which say what object is meant; without them the one that stands out. runtime: "torch" or "onnx", as in
    `lift3d.inference.network.open_network`."""

    weights: str | None = None
    prompts: Prompts = field(default_factory=Prompts)
    runtime: str | None = None

    def apply(self, source: Image, context: Context) -> Image:
        """The image with its mask and opacity. CaptureError where nothing stands out."""
        if source.mask is not None:
            if not source.mask.any():
                raise CaptureError(
                    f"the mask of {source.name} is empty",
                    "make the object white in it, or leave the mask out",
                )
            found_before = source.segmentation or Segmentation("given", float(source.mask.mean()))
            context.note(NAME, source=found_before.source)
            return replace(source, segmentation=found_before)
        factor = int(np.ceil(np.sqrt(source.width * source.height / MAX_PIXELS)))
        if factor > 1:
            return self._reduced(source, factor, context)
        _require_contrast(source)
        from lift3d.inference.network import open_network

        net = open_network(NAME, self.weights, self.runtime)
        found = net.found
        size, level = (source.height, source.width), found.threshold
        probability = self._first_look(net, found, source)
        plain = None
        if self.prompts.clicks and self.prompts.box is None:
            plain = replace(self, prompts=Prompts())
            standing = plain._first_look(net, found, source)
            if self._is_obvious(standing, level):
                probability = (probability + standing) / np.float32(2)
            else:
                plain = None
        mask, others = choose_region(apply_prompts(probability, self.prompts) > level, self.prompts)
        peak, area = (level, 0.0) if self.prompts else (MIN_PEAK, MIN_AREA_FRACTION)
        if mask.mean() < area or probability[mask].max(initial=0) < peak:
            raise _nothing_found(source, self.prompts)
        # the network was trained on objects that fill most of the image, so a closer crop is more accurate
        near = square_crop(mask, CROP_SCALES[0])
        if self.prompts.box is not None:
            near = crop_around(self.prompts.box, CROP_SCALES[0])
        closer, likely = self._closer(net, found, source, near, probability, plain)
        alpha = matte_of(source.pixels, paste_crop(closer, near, size), 0.5, rows_and_columns(near, size))
        if self.prompts:
            alpha = np.rint(apply_prompts(alpha.astype(np.float32), self.prompts, 255.0)).astype(np.uint8)
        mask, _ = choose_region(alpha > 127, self.prompts)
        if mask.sum() < self._least_area():
            raise _nothing_found(source, self.prompts)
        mask = ndimage.binary_fill_holes(mask) if has_small_holes(mask) else mask
        mask = apply_prompts(np.asarray(mask, np.float32), Prompts(background=self.prompts.background)) > 0.5
        inside = crop_of(np.asarray(mask, np.float32), near, len(likely))
        how = Segmentation(
            "network",
            float(mask.mean()),
            0 if self.prompts else others,
            found.name,
            expected_iou(likely, inside),
        )
        context.note(NAME, **asdict(how))
        return replace(source, mask=np.asarray(mask, bool), alpha=opacity(alpha, mask), segmentation=how)

    def _least_area(self) -> float:
        """Pixels below which nothing was found: a part of the box, or one."""
        if self.prompts.box is None:
            return 1.0
        x0, y0, x1, y1 = self.prompts.box
        return max(1.0, MIN_BOX_PART * (x1 - x0) * (y1 - y0))

    def _reduced(self, source: Image, factor: int, context: Context) -> Image:
        """The mask of a large photo, found on the photo reduced by a whole factor."""
        small = np.asarray(Pil.fromarray(source.pixels).reduce(factor))
        find = replace(self, prompts=self.prompts.moved(0, 0, 1 / factor))
        reduced = find.apply(replace(source, pixels=small), context)
        assert reduced.mask is not None and reduced.alpha is not None
        full = slice(source.height), slice(source.width)
        large = reduced.mask.repeat(factor, 0).repeat(factor, 1)[full]
        alpha = np.asarray(
            Pil.fromarray(reduced.alpha).resize(
                (small.shape[1] * factor, small.shape[0] * factor), Pil.Resampling.BILINEAR
            )
        )[full]
        return replace(source, mask=large, alpha=opacity(alpha, large), segmentation=reduced.segmentation)

    def _first_look(self, net: Network, found: PretrainedCfg, image: Image) -> F32:
        """(H, W) float32: probability of the object over the photo or around the box."""
        size = (image.height, image.width)
        crop = Crop(image.width / 2, image.height / 2, max(size) / 2)
        if self.prompts.box is not None:
            around = crop_around(self.prompts.box, BOX_CROP)
            crop = around if around.half < crop.half else crop
        return paste_crop(self._look(net, found, image, crop), crop, size)

    def _is_obvious(self, probability: F32, threshold: float) -> bool:
        """Whether the clicks, and none on the background, lie on the object that stands out without them, whose probability is
        given: then the whole of it is meant, and not the part around the clicks."""
        if not self.prompts.clicks or self.prompts.box is not None:
            return False
        region, _ = choose_region(probability > threshold, Prompts())
        beside = [region[pixel_of(click, region.shape)] for click in self.prompts.background]
        return all(region[pixel_of(click, region.shape)] for click in self.prompts.clicks) and not any(beside)

    def _look(self, net: Network, found: PretrainedCfg, image: Image, crop: Crop) -> F32:
        """(S, S) float32: probability of the object over the crop."""
        from lift3d.inference.object_mask import input_side, object_probability

        side = input_side(found)
        return object_probability(
            net, resample_crop(image.pixels, crop, side), _moved(self.prompts, crop, side)
        )

    def _closer(
        self, net: Network, found: PretrainedCfg, image: Image, near: Crop, whole: F32,
        plain: ImageToMask | None = None,
    ) -> tuple[F32, F32]:  # fmt: skip
        """Two maps over the largest crop. (T, T) float32: the object's probability, refined by a random walk over colours, its
        edge at 0.5. (S, S) float32: the same before that, averaged over crops of CROP_SCALES and over the first look `whole`
        (H, W), and with the looks of `plain`, if given."""
        from lift3d.inference.object_mask import input_side

        side = input_side(found)
        total, weight = crop_of(whole, near, side), np.ones((side, side), np.float32)
        for wider in CROP_SCALES:
            half = near.half * wider / CROP_SCALES[0]
            crop = Crop(near.x, near.y, half)
            probability = self._look(net, found, image, crop)
            if plain is not None:
                probability = (probability + plain._look(net, found, image, crop)) / np.float32(2)
            inner = round(side * wider / CROP_SCALES[0])
            start = (side - inner) // 2
            part = slice(start, start + inner)
            fine = Pil.fromarray(probability).resize((inner, inner), Pil.Resampling.BICUBIC)
            total[part, part] += np.asarray(fine, np.float32).clip(0, 1)
            weight[part, part] += 1
        mean = apply_prompts(total / weight, _moved(self.prompts, near, side))
        rough = Pil.fromarray(mean).resize((WALK_SIZE, WALK_SIZE), Pil.Resampling.BOX)
        walked = refine_mask(resample_crop(image.pixels, near, WALK_SIZE), np.asarray(rough), found.threshold)
        return walked, mean


def _moved(prompts: Prompts, crop: Crop, side: int) -> Prompts:
    """The prompts in pixels of a crop that is resampled to a side."""
    return prompts.moved(crop.x - crop.half, crop.y - crop.half, side / (2 * crop.half))


def _require_contrast(image: Image) -> None:
    """CaptureError for a photo of a few pixels or of a single colour."""
    if min(image.width, image.height) < MIN_SIDE:
        raise CaptureError(
            f"{image.name or 'the photo'} has only {image.width} x {image.height} pixels",
            "give a larger photo",
        )
    small = Pil.fromarray(image.pixels).resize((64, 64), Pil.Resampling.BOX)
    if float(np.asarray(small).std(axis=(0, 1)).max()) < MIN_DEVIATION:
        raise CaptureError(
            f"{image.name or 'the photo'} is all of one colour, so that no single object stands out",
            "give another photo",
        )


def _nothing_found(image: Image, prompts: Prompts) -> CaptureError:
    if prompts.box is not None:
        return CaptureError(
            f"no object stands out in the box on {image.name}",
            "draw the box around the whole object, or click on it as well (--at)",
        )
    if prompts:
        return CaptureError(
            f"no object stands out at this place of {image.name}",
            "click in the middle of the object, or give a box around it",
        )
    return CaptureError(
        f"no single object stands out in {image.name}",
        "show where it is with a click or a box (--at, --box), or take the photo so that the object fills half of it before "
        f"a calm background, or cut it out: {MASK_ADVICE}",
    )

"""A category and a seed to the latent code of a new shape of that category, by a generative model."""

from __future__ import annotations

from dataclasses import dataclass

from lift3d.context import Context
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.semantics import OTHER_INDEX_OTHER_CODE
from lift3d.inference.rejection_sampling import CANDIDATES, sample_with_rejection
from lift3d.mapping import Card, Mapping, register
from lift3d.taxonomy.lookup import category_index
from lift3d.types import Label, Latent

NAME = "label_to_latent"


@register(
    Card(
        NAME, "Label", "Latent",
        (OTHER_INDEX_OTHER_CODE, SAME_BYTES),
        "learned", "Lipman et al. 2023; Gulrajani et al. 2017; Kingma & Welling 2014",
    )
)  # fmt: skip
@dataclass(frozen=True)
class LabelToLatent(Mapping[Label, Latent]):
    """model: flow, gan or prior; index: which of the samples that follow from the context's seed; weights, autoencoder: a run's
    folder or a weights file, the package's own if not given; candidates: samples from which one is selected by its uncertainty
    (inference/rejection_sampling.py)."""

    model: str = "flow"
    index: int = 0
    weights: str | None = None
    autoencoder: str | None = None
    candidates: int = CANDIDATES

    def apply(self, source: Label, context: Context) -> Latent:
        from lift3d.inference.generators import load_sampler

        held = load_sampler(self.model, self.weights, self.autoencoder)
        kind = category_index(held.categories, source.name) if held.categories else 0
        context.note(NAME, model=self.model, weights=held.found.name, kind=source.name, index=self.index)
        code = sample_with_rejection(
            held, kind, (context.seed, self.index), self.autoencoder, self.candidates
        )
        return Latent(code, held.space)

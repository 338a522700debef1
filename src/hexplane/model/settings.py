"""What a codec is made of: modality, likelihood, bottleneck and model."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from hexplane.geometry.modality import Features
from hexplane.model import bottlenecks, codecs
from hexplane.plumbing.settings import Settings

LikelihoodName = Literal["fitted", "mse", "sse", "learned_sigma", "bernoulli"]
"""fitted: a coverage logit, and a loss that fits each channel; mse: plain channels, background
included, Gaussian of sigma 1; sse: the same, summed instead of averaged; learned_sigma: the same
with the sigma that fits best; bernoulli: one logit a pixel, for occupancy."""


class ModalitySettings(Settings):
    """Features and a likelihood that fits them."""

    features: Features = Field(description="What goes in, and comes out.")
    likelihood: LikelihoodName = Field(
        "fitted", description="What the decoder's values mean, and so the reconstruction loss."
    )

    @field_validator("likelihood")
    @classmethod
    def _fits(cls, likelihood: LikelihoodName, info: ValidationInfo) -> LikelihoodName:
        features = info.data.get("features")
        if likelihood == "bernoulli" and features not in (None, "occupancy"):
            raise ValueError(
                f"bernoulli does not fit features {features} "
                "(allowed: fitted, mse, sse, learned_sigma)"
            )
        return likelihood


class CodecSettings(ModalitySettings):
    """All that decides which network a set of weights belongs to."""

    features: Features = Field("depth_normal", description="What the codec sees.")
    bottleneck: bottlenecks.AnyBottleneckSettings = Field(
        bottlenecks.KINDS["deterministic"](), description="What the latent is."
    )
    model: codecs.AnyModelSettings = Field(
        codecs.KINDS[codecs.DEFAULT](), description="Which codec, and its sizes."
    )

    def modules(self) -> tuple[str, ...]:
        """Dotted names of the modules that these settings choose."""
        return codecs.module_of(self.model), bottlenecks.module_of(self.bottleneck)

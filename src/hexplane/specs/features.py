"""What a network sees of a hexplane, and how it is judged on what it decodes."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from hexplane.specs.base import Spec

Features = Literal["occupancy", "depth_normal", "dithered", "normal"]
"""occupancy: silhouettes [6, 1, R, R]; depth_normal: depth and normal [6, 4, R, R].

Controls, which tell "binary" from "uninformative": dithered: depth as one bit a pixel
[6, 1, R, R]; normal: depth_normal without the depth [6, 3, R, R].
"""
Likelihood = Literal["fitted", "mse", "learned_sigma", "bernoulli"]
"""fitted: a coverage logit, and a loss that fits each channel; mse: plain channels, background
included, Gaussian of sigma 1; learned_sigma: the same with the sigma that fits best; bernoulli:
one logit a pixel, for occupancy."""

DEPTH: tuple[Features, ...] = ("depth_normal", "dithered")
"""Features whose networks decode depth."""
NORMAL: tuple[Features, ...] = ("depth_normal", "normal")
"""Features whose networks decode normals."""


class Decoded(Spec):
    """Features and a likelihood that fits them."""

    features: Features = Field(description="What goes in, and comes out.")
    likelihood: Likelihood = Field(
        "fitted", description="What the decoder's values mean, and so the reconstruction loss."
    )

    @field_validator("likelihood")
    @classmethod
    def _fits(cls, likelihood: Likelihood, info: ValidationInfo) -> Likelihood:
        features = info.data.get("features")
        if likelihood == "bernoulli" and features not in (None, "occupancy"):
            raise ValueError(
                f"bernoulli does not fit features {features} (allowed: fitted, mse, learned_sigma)"
            )
        return likelihood

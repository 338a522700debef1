"""What a network sees of a hexplane."""

from typing import Literal

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

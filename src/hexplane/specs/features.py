"""What a network sees of a hexplane."""

from typing import Literal

Features = Literal["occupancy", "depth_normal"]
"""occupancy: silhouettes [6, 1, R, R]; depth_normal: depth and normal [6, 4, R, R]."""

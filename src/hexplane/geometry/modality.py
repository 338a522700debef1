"""Features: the modality of a hexplane that goes into a codec and comes out again."""

from typing import Literal

Features = Literal["occupancy", "depth_normal", "dithered", "normal"]
"""occupancy: silhouettes [6, 1, R, R]; depth_normal: depth and normal [6, 4, R, R].

Controls, which tell "binary" from "uninformative": dithered: depth as one bit a pixel
[6, 1, R, R]; normal: depth_normal without the depth [6, 3, R, R].
"""

CHANNELS: dict[Features, int] = {"occupancy": 1, "depth_normal": 4, "dithered": 1, "normal": 3}
"""C, values of each pixel that goes in."""
DEPTH: tuple[Features, ...] = ("depth_normal", "dithered")
"""Features whose codecs decode depth."""
NORMAL: tuple[Features, ...] = ("depth_normal", "normal")
"""Features whose codecs decode normals."""

"""How large a head's data may be: what settings allow, and readers of stores expect."""

MOST_PIXELS = 2048
"""R, along the side of a view: a hexplane takes 400 MB."""
MOST_SAMPLES = 10_000_000
"""Signed distances near a head's surface, and as many in the cube: 320 MB."""

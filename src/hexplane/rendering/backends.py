"""Names of the backends; apart from their code, so that reading a configuration loads none."""

from typing import Literal

Backend = Literal["auto", "embree", "nvdiffrast"]
"""auto: nvdiffrast where it and a CUDA device are there, else Embree."""

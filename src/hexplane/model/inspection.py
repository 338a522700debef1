"""inspect: what a latent file says of itself, without the model that made it."""

from pathlib import Path

import numpy as np

from hexplane.model import latent_file
from hexplane.plumbing.files import read_bytes


def run(file: Path) -> str:
    """Say what a latent file holds.

    Args:
        file: the latent file, .hxl.

    Returns:
        Lines of text.

    Raises:
        UserError: it is none, or damaged.
    """
    data = read_bytes(file)
    found = latent_file.unpack(data, str(file))
    lines = [
        f"{file}: latent file of version {latent_file.VERSION}, {len(data)} bytes",
        f"model: weights with a SHA-256 that begins with {found.model}",
    ]
    if found.source_to_canonical is None:
        lines.append("place: in the canonical cube")
    else:
        source = np.linalg.inv(found.source_to_canonical)
        size = 2 * float(np.linalg.norm(source[:3, 0]))
        centre = ", ".join(f"{value:.9g}" for value in source[:3, 3])
        lines.append(f"place: the canonical cube has side {size:.9g} and centre ({centre})")
    at = len(data) - sum(len(layer) for layer in found.layers)
    lines += [f"header and checksums: {at} bytes"]
    lines += [f"layer {i}: {len(layer)} bytes" for i, layer in enumerate(found.layers, 1)]
    return "\n".join(lines)

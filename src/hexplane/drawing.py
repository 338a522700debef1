"""New heads from a codec's prior: what the stage and Python users share."""

import numpy as np
import torch
from torch import Tensor

from hexplane.model import bottlenecks, codecs
from hexplane.model.saved import SavedModel
from hexplane.plumbing.errors import UserError


@torch.no_grad()
def draw(saved: SavedModel, count: int, seed: int, temperature: float) -> list[Tensor]:
    """Latents of heads that nobody has, as `encode` gives them.

    Each is drawn by itself: that of a number and a seed is the same however many are drawn.

    Args:
        saved: the model.
        count: how many.
        seed: of chance.
        temperature: as of `Bottleneck.draw`.

    Raises:
        UserError: the model has no prior to draw from.
    """
    shape = torch.Size([1, *saved.codec.latent_shape])
    latents = []
    for number in range(count):
        own = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(own[0]) >> 1)
        drawn = saved.codec.bottleneck.draw(shape, generator, temperature)
        if drawn is None:
            kind = saved.settings.bottleneck.kind
            with_prior = [name for name, own in bottlenecks.KINDS.items() if own.has_prior]
            fitted = [name for name, own in codecs.KINDS.items() if own.fitted]
            raise UserError(
                f"a model of bottleneck {kind}, which has no prior to draw from "
                f"(allowed: {', '.join(with_prior)}, or a model of kind {', '.join(fitted)})"
            )
        latents.append(drawn[0].contiguous())
    return latents

"""What training minimises, in one place.

    loss = sum of weight(step) * term

The codec says the terms, each a mean over its values; the settings of the training weigh those of
the reconstruction, the bottleneck its own. Terms without a weight are only shown.
"""

import torch
from torch import Tensor, nn

from hexplane.model.bottlenecks.base import Bottleneck
from hexplane.model.codec import Batch, Codec
from hexplane.settings.train import TrainingSettings


class Objective(nn.Module):
    """A codec and what it is trained for, as one pass: what several processes share out."""

    def __init__(self, codec: Codec, settings: TrainingSettings) -> None:
        super().__init__()
        self.codec = codec
        self.distances = settings.sdf_weight > 0
        if not self.distances:
            # Without the term nothing leads there; processes must not wait for their gradients.
            codec.leave_out_distances()

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The codec's terms."""
        return self.codec.loss_terms(batch, self.distances)


def weighted_terms(
    terms: dict[str, Tensor], bottleneck: Bottleneck, settings: TrainingSettings, step: int
) -> dict[str, Tensor]:
    """The summands of the loss at a step."""
    weights = {
        "reconstruction": 1.0,
        "coverage": settings.coverage_weight,
        "depth": settings.depth_weight,
        "normal": settings.normal_weight,
        "sdf": settings.sdf_weight,
        **bottleneck.weights(step),
    }
    return {name: weights[name] * term for name, term in terms.items() if name in weights}


def total_loss(
    terms: dict[str, Tensor], bottleneck: Bottleneck, settings: TrainingSettings, step: int
) -> Tensor:
    """The sum that is minimised."""
    return torch.stack(list(weighted_terms(terms, bottleneck, settings, step).values())).sum()

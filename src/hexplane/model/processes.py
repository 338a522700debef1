"""What the processes of one training do together: averages, and shares of what is drawn."""

from collections.abc import Callable

import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_reduce


def mean_over_processes(values: Tensor) -> Tensor:
    """Mean over processes that hold equal shares of a batch, with its gradient.

    What a loss takes of a batch before it bends it (a logarithm, a clamp, a quotient) has to be
    the whole batch's; the rest is averaged with the gradients.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return values
    return all_reduce(values) / dist.get_world_size()


def drawn_by_all(draw: Callable[[], Tensor]) -> Tensor:
    """What `draw` gives; of several processes each takes its own share of what one would draw."""
    for _ in range(dist.get_rank() if dist.is_initialized() else 0):
        draw()
    return draw()

"""Averages over the processes of one training."""

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

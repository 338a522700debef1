"""Integer tables of a discrete latent's symbols: they price it, code it and draw from it."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hexplane.model import coding
from hexplane.model.diagnostics import active_units

BITS = 15
"""Tables have 2^15 slots, so that a symbol's slots fit 16 bits in the model's file."""
CONCENTRATIONS = tuple(2.0**power for power in range(10, -4, -1))
"""Weights of the shared distribution beside a place's own counts that `fit` tries."""


class SymbolTables(nn.Module):
    """A table for each place of a latent, and that for each rate of a model.

    Until `fit` every symbol is equally likely. The tables are a buffer of the model: they are
    saved with it, and no float takes part in coding.

    Args:
        places: N, values of a latent.
        symbols: A, what a value can be: 0 to A - 1.
        escape: whether other integers come up too, and so a slot is kept for them.
        rates: G, sets of tables.

    Attributes:
        slots: int16 [G, N, A + 1], of each symbol and, last, of the escape.
    """

    slots: Tensor

    def __init__(self, places: int, symbols: int, escape: bool = False, rates: int = 1) -> None:
        super().__init__()
        self.escape = escape
        even = torch.tensor(_slots(np.ones((1, symbols + escape)), escape))
        self.register_buffer("slots", even.repeat(rates, places, 1))
        self.register_load_state_dict_post_hook(_check_slots)

    @torch.no_grad()
    def fit(self, symbols: Tensor, shared: Tensor, rate: int = 0) -> float:
        """Tables from the symbols of training heads.

        A place's distribution is that of its own counts and of `shared`, whose weight is chosen
        so that each head is foretold best by the other heads (a Dirichlet prior).

        Args:
            symbols: int64 [H, N] of H heads.
            shared: [N, A], or with an escape [N, A + 1]: what a place without counts would have.
            rate: which set of tables.

        Returns:
            The weight of `shared`, as a number of heads.
        """
        heads = len(symbols)
        shared = shared.double().cpu()
        counts = counted(self.inside(symbols).cpu(), shared.shape[1])

        def foretold(weight: float) -> float:
            others = (counts - 1 + weight * shared) / (heads - 1 + weight)
            return float((counts * torch.where(counts > 0, others, 1.0).log()).sum())

        weight = max(CONCENTRATIONS, key=foretold)  # of equal ones the greatest
        slots = _slots((counts + weight * shared).numpy(), self.escape)
        self.slots[rate] = torch.from_numpy(slots).to(self.slots.device)
        return weight

    def nats(self, symbols: Tensor, rate: int = 0) -> Tensor:
        """Nats [H, N] of symbols [H, N], those of an escape with its payload."""
        slots = self.slots[rate].T[
            self.inside(symbols), torch.arange(symbols.shape[1], device=symbols.device)
        ]
        # A symbol without a slot costs what the coder gives it.
        least = 2.0 ** (BITS - coding.MOST_BITS)
        nats = BITS * math.log(2) - slots.float().clamp(min=least).log()
        return nats + math.log(2) * payload_bits(symbols, self.slots.shape[2] - 1)

    def draw(
        self,
        heads: int,
        generator: torch.Generator,
        rate: int = 0,
        temperature: float = 1.0,
    ) -> Tensor:
        """Symbols int64 [H, N], each from its place's table; never an escape.

        Probabilities are taken to the power of 1 / temperature; at 0 only the likeliest is left.
        """
        weights = tempered(self.slots[rate, :, :-1].double().log().cpu(), temperature)
        ends = weights.cumsum(1)
        chosen = torch.rand(heads, len(ends), generator=generator, dtype=torch.float64)
        place = (chosen * ends[:, -1]).T.contiguous()
        return torch.searchsorted(ends, place, right=True).T

    def encode(self, symbols: Tensor, rate: int = 0) -> bytes:
        """Bytes of one head's symbols [N]."""
        values = symbols.cpu().numpy()
        return coding.encode_symbols(values, np.arange(len(values)), self._cumulative(rate))

    def decode(self, data: bytes, rate: int = 0) -> Tensor:
        """One head's symbols int64 [N] of what `encode` made.

        Raises:
            ValueError: other bytes.
        """
        tables = self._cumulative(rate)
        return torch.from_numpy(coding.decode_symbols(data, np.arange(len(tables)), tables))

    def inside(self, symbols: Tensor) -> Tensor:
        """Symbols, with the last entry of a table for what is no symbol of it."""
        last = self.slots.shape[2] - 1
        return torch.where((symbols < 0) | (symbols > last), last, symbols)

    def _cumulative(self, rate: int) -> NDArray[np.uint32]:
        slots = self.slots[rate].cpu().numpy().astype(np.int64)
        return np.pad(np.cumsum(slots, axis=1), ((0, 0), (1, 0))).astype(np.uint32)


def _check_slots(tables: SymbolTables, _: object) -> None:
    """Refuse what was read of a file and is no table.

    Raises:
        ValueError: slots that are negative, or not 2^15 in all.
    """
    slots = tables.slots.long()
    if (slots < 0).any() or (slots.sum(dim=2) != 1 << BITS).any():
        raise ValueError(f"tables of symbols whose slots are not 2^{BITS} in all")


def _slots(weights: NDArray[np.float64], escape: bool) -> NDArray[np.int16]:
    """Slots [N, A + 1] near to weights; without an escape in them it has none."""
    slots = np.diff(coding.cumulative(weights, BITS).astype(np.int64), axis=1)
    return (slots if escape else np.pad(slots, ((0, 0), (0, 1)))).astype(np.int16)


def tempered(logits: Tensor, temperature: float) -> Tensor:
    """Weights [..., A] of symbols from the logarithms of their probabilities, at a temperature.

    The likeliest has weight 1; at 0, where only one is left, it is the first of them.
    """
    if temperature == 0:
        return functional.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits)
    return ((logits - logits.amax(-1, keepdim=True)) / temperature).exp()


def payload_bits(symbols: Tensor, escape: int) -> Tensor:
    """Bits after the escape of symbols outside the table, as `coding` writes them."""
    payload = torch.where(symbols < 0, -2 * symbols - 1, 2 * (symbols - escape)).clamp(min=0)
    bits = 5 + torch.log2(payload.double() + 1).floor()
    return torch.where((symbols < 0) | (symbols >= escape), bits, 0.0).float()


def counted(symbols: Tensor, count: int) -> Tensor:
    """How often each place [N] of symbols [H, N] has each of A: float64 [N, A]."""
    ones = torch.ones_like(symbols.T, dtype=torch.float64)
    return torch.zeros(len(ones), count, dtype=ones.dtype).scatter_add_(1, symbols.T, ones)


def shares(symbols: Tensor, count: int, groups: int) -> Tensor:
    """How often each of A symbols comes up in each of `groups` equal stretches of the places.

    Symbols int64 [H, N] -> [N, A], each place with its stretch's share; none is 0.
    """
    stretches = symbols.unflatten(1, (groups, -1)).transpose(0, 1).flatten(1)
    found = torch.stack([row.bincount(minlength=count) for row in stretches]) + 1 / count
    spread = found / found.sum(1, keepdim=True)
    return spread.repeat_interleave(symbols.shape[1] // groups, dim=0)


def code_diagnostics(
    latents: Tensor, symbols: Tensor, nats: Tensor, packed: Sequence[bytes]
) -> dict[str, float]:
    """What discrete latents cost and hold over heads.

    The latent is certain once the views are known, so that its divergence from the prior is the
    nats that the tables give its symbols.

    Args:
        latents: [H, N].
        symbols: int64 [H, N].
        nats: [H, N], of each symbol by the tables.
        packed: bytes of each head.
    """
    kl = float(nats.double().sum() / len(nats))
    _, counts = symbols.unique(dim=0, return_counts=True)
    part = counts.double() / len(symbols)
    information = float(-(part * part.log()).sum())
    _, counts = symbols.unique(return_counts=True)
    part = counts.double() / symbols.numel()
    return {
        "kl": kl,
        "dimensions": latents.shape[1],
        "active_units": active_units(latents),
        "mutual_information": information,
        "marginal_kl": kl - information,
        "bits": 8 * sum(len(data) for data in packed) / len(packed),
        "symbols_used": float(torch.exp(-(part * part.log()).sum())),
    }

"""An autoregressive prior over the symbols of a discrete latent, by masked convolutions.

Van den Oord, Kalchbrenner and Kavukcuoglu, Pixel recurrent neural networks, ICML 2016: each symbol
is foretold from those before it, cell by cell in rows, and in a cell view by view and channel by
channel. What the network says is added to the logarithms of the tables' probabilities, so that
where it has learned nothing the tables are left.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from hexplane.model.tables import BITS, SymbolTables, counted, payload_bits, tempered

SIZE = 5
"""Cells along a side of the neighbourhood that a symbol is foretold from."""
WIDTH = 8
"""Hidden units for each view and channel."""
STEPS = 300
BATCH = 16
LEARNING_RATE = 2e-3
ASIDE = 5
"""Of so many training heads one is kept aside, which says after which step to stop."""
CHECK = 10
"""Steps from one look at those heads to the next."""
PATIENCE = 50
"""Steps without a gain on those heads after which there is no more to learn."""


class MaskedPrior(nn.Module):
    """Probabilities of each symbol given those before it.

    It learns after the codec and changes nothing in it. Until `fit` it says what the tables say.

    Args:
        shape: [V, c, h, w] of one head's latent.
        entries: of a table, the escape's included.
    """

    def __init__(self, shape: tuple[int, ...], entries: int) -> None:
        super().__init__()
        self.groups = math.prod(shape[:2])
        self.grid = shape[2], shape[3]
        self.entries = entries
        hidden = self.groups * WIDTH
        # Without a gradient: the codec's optimiser and its processes leave them alone.
        self.neighbours = _kept(hidden, self.groups, SIZE, SIZE)
        self.first = _kept(hidden)
        self.mixing = _kept(hidden, hidden, 1, 1)
        self.second = _kept(hidden)
        self.saying = _kept(self.groups * entries, hidden, 1, 1)
        self.third = _kept(self.groups * entries)

    @torch.no_grad()
    def fit(self, symbols: Tensor, shared: Tensor, weight: float, tables: SymbolTables) -> None:
        """Learn from the symbols of training heads; seeded, so that equal heads give equal weights.

        Each head is foretold beside a table of all heads but itself: beside one that has seen it,
        nothing would seem left to learn.

        Args:
            symbols: int64 [H, N].
            shared, weight: what the tables were fitted with.
            tables: fitted to the same heads.
        """
        symbols, shared = tables.inside(symbols).cpu(), shared.double().cpu()
        heads = len(symbols)
        if heads < ASIDE:
            return
        device = self.first.device
        seen = (counted(symbols, shared.shape[1]) + weight * shared).float()
        seen = functional.pad(seen, (0, self.entries - shared.shape[1]))

        def loss(chosen: Tensor) -> Tensor:
            own = symbols[chosen]
            others = seen.repeat(len(own), 1, 1)
            others.scatter_add_(2, own[..., None], torch.full((*own.shape, 1), -1.0))
            base = (others / (heads - 1 + weight)).clamp(min=2.0**-24).log().to(device)
            inputs = _standardised(own.to(device), tables)
            return functional.cross_entropy(
                self._logits(inputs, base).flatten(0, 1), own.to(device).flatten()
            )

        aside = torch.arange(0, heads, ASIDE)
        kept = torch.tensor([head for head in range(heads) if head % ASIDE])
        generator = torch.Generator().manual_seed(0)
        for parameter in self.parameters():
            parameter.zero_()
            if parameter.ndim > 1 and parameter is not self.saying:
                fan = parameter[0].numel()
                drawn = torch.randn(parameter.shape, generator=generator) / math.sqrt(fan)
                parameter.copy_(drawn)
        best, least, since = self._copied(), _mean_loss(loss, aside), 0
        with torch.enable_grad():
            learned = list(self.requires_grad_().parameters())
            optimiser = torch.optim.Adam(learned, LEARNING_RATE)
            for step in range(1, STEPS + 1):
                chosen = kept[torch.randperm(len(kept), generator=generator)[:BATCH]]
                optimiser.zero_grad()
                loss(chosen).backward()
                optimiser.step()
                if step % CHECK == 0:
                    found = _mean_loss(loss, aside)
                    if found < least:
                        best, least, since = self._copied(), found, step
                    elif step - since >= PATIENCE:
                        break
        optimiser.zero_grad()
        self.requires_grad_(False)
        self.load_state_dict(best)

    def nats(self, symbols: Tensor, tables: SymbolTables) -> Tensor:
        """Nats [H, N] of symbols [H, N], those of an escape with its payload."""
        inside = tables.inside(symbols)
        logits = self._logits(_standardised(inside, tables), _base(tables))
        nats = -logits.log_softmax(dim=2).gather(2, inside[..., None])[..., 0]
        return nats + math.log(2) * payload_bits(symbols, self.entries - 1)

    def bits(self, symbols: Tensor, tables: SymbolTables) -> float:
        """Bits of a head that a coder by these probabilities would need, mean over heads.

        They are floats, by which nothing is coded: a number to set beside the tables' bits.
        """
        parts = [float(self.nats(part, tables).double().sum()) for part in symbols.split(BATCH)]
        return sum(parts) / len(symbols) / math.log(2)

    @torch.no_grad()
    def draw(
        self,
        heads: int,
        generator: torch.Generator,
        tables: SymbolTables,
        temperature: float = 1.0,
    ) -> Tensor:
        """Symbols int64 [H, N], one after another; never an escape.

        Each symbol's probabilities are taken to the power of 1 / temperature, as the tables' are.
        """
        rows, columns = self.grid
        reach, device = SIZE // 2, self.first.device
        mean, deviation = (own.reshape(self.groups, rows, columns) for own in _moments(tables))
        base = _base(tables).reshape(self.groups, rows, columns, self.entries)
        padded = functional.pad(
            torch.zeros(heads, self.groups, rows, columns, device=device), (reach,) * 4
        )
        drawn = torch.zeros(heads, self.groups, rows, columns, dtype=torch.int64, device=device)
        uniform = torch.rand(drawn.shape, generator=generator, dtype=torch.float64).to(device)
        neighbours, first, mixing, second, saying, third = self._weights()
        own, mixing, saying = neighbours[:, :, reach, reach], mixing[..., 0, 0], saying[..., 0, 0]
        # Group by group: what a group says is made of hidden units of itself and those before it.
        units = [slice(group * WIDTH, (group + 1) * WIDTH) for group in range(self.groups)]
        said = [
            slice(group * self.entries, (group + 1) * self.entries) for group in range(self.groups)
        ]
        for row in range(rows):
            for column in range(columns):
                patch = padded[:, :, row : row + SIZE, column : column + SIZE]
                cell = patch[:, :, reach, reach]  # 0 where nothing is drawn yet
                before = functional.conv2d(patch, neighbours, first)[..., 0, 0]
                hidden = torch.zeros(2, heads, self.groups * WIDTH, device=device)
                for group, unit in enumerate(units):
                    inner = before[:, unit] + cell @ own[unit].T
                    hidden[0][:, unit] = functional.silu(inner)
                    inner = hidden[0] @ mixing[unit].T + second[unit]
                    hidden[1][:, unit] = functional.silu(inner)
                    logits = hidden[1] @ saying[said[group]].T + third[said[group]]
                    logits = logits + base[group, row, column]
                    ends = tempered(logits[:, :-1].double(), temperature).cumsum(dim=1)
                    chosen = (uniform[:, group, row, column, None] * ends[:, -1:] >= ends).sum(1)
                    drawn[:, group, row, column] = chosen
                    value = chosen - mean[group, row, column]
                    cell[:, group] = value / deviation[group, row, column]
        return drawn.flatten(1)

    def _logits(self, inputs: Tensor, base: Tensor) -> Tensor:
        """Logits [H, N, entries] from standardised symbols [H, N] and logarithms of tables."""
        images = inputs.unflatten(1, (self.groups, *self.grid))
        reach = SIZE // 2
        said = _said(functional.pad(images, (reach, reach, reach, reach)), *self._weights())
        said = said.unflatten(1, (self.groups, self.entries)).movedim(2, -1)
        return said.flatten(1, 3) + base

    def _weights(self) -> tuple[Tensor, ...]:
        """Each layer's weights, 0 where it may not look, and its biases."""
        like = self.first
        return (
            self.neighbours * _mask(self.groups, WIDTH, 1, own=False, size=SIZE).to(like),
            self.first,
            self.mixing * _mask(self.groups, WIDTH, WIDTH, own=True).to(like),
            self.second,
            self.saying * _mask(self.groups, self.entries, WIDTH, own=True).to(like),
            self.third,
        )

    def _copied(self) -> dict[str, Tensor]:
        return {name: values.clone() for name, values in self.state_dict().items()}


def _kept(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape), requires_grad=False)


def _mean_loss(loss: Callable[[Tensor], Tensor], heads: Tensor) -> float:
    """The loss over all of some heads."""
    parts = heads.split(BATCH)
    with torch.no_grad():
        return sum(float(loss(part)) * len(part) for part in parts) / len(heads)


def _said(images: Tensor, *weights: Tensor) -> Tensor:
    """What the network adds, [H, G entries, h, w], from inputs padded by the reach."""
    neighbours, first, mixing, second, saying, third = weights
    hidden = functional.silu(functional.conv2d(images, neighbours, first))
    hidden = functional.silu(functional.conv2d(hidden, mixing, second))
    return functional.conv2d(hidden, saying, third)


def _mask(groups: int, after: int, before: int, own: bool, size: int = 1) -> Tensor:
    """Ones [G after, G before, size, size] where a group may look: cells before its own in rows,
    and in its own cell the groups before it, and itself if `own`."""
    rank = torch.arange(groups)
    seen = rank[:, None] >= rank if own else rank[:, None] > rank
    mask = torch.zeros(groups, groups, size, size)
    mask.flatten(2)[:, :, : size * size // 2] = 1
    mask[:, :, size // 2, size // 2] = seen.float()
    return mask.repeat_interleave(after, dim=0).repeat_interleave(before, dim=1)


def _probabilities(tables: SymbolTables) -> Tensor:
    """Those of the first rate, [N, entries]."""
    return tables.slots[0].float() / 2**BITS


def _base(tables: SymbolTables) -> Tensor:
    return _probabilities(tables).clamp(min=2.0**-24).log()


def _moments(tables: SymbolTables) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation [N] of the symbols, by the tables."""
    found = _probabilities(tables)
    values = torch.arange(found.shape[1], device=found.device).float()
    mean = found @ values
    variance = found @ values.square() - mean.square()
    return mean, variance.clamp(min=0.01).sqrt()


def _standardised(symbols: Tensor, tables: SymbolTables) -> Tensor:
    mean, deviation = _moments(tables)
    return (symbols - mean) / deviation

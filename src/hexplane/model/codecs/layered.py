"""The layered codec: the linear codec's field, and corrections to it in blocks of voxels.

Corrections follow the components, whose latent is this one's first part: a file that ends after
its first layer is a file of the linear codec.
"""

from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hexplane.geometry.modality import Features
from hexplane.model import blocks
from hexplane.model.codecs.layered_settings import LayeredSettings
from hexplane.model.codecs.linear import Coefficients, LinearCodec
from hexplane.model.codecs.losses import SDF_TRUNCATION
from hexplane.model.latent_file import LAYER_BYTES
from hexplane.model.settings import CodecSettings

STEPS = 6
"""Quantisation steps of the corrections: the finest one times 2^0 to 2^5."""
PRICES = (0.15, 0.3, 0.6)
"""What a bit may cost, in squared steps."""
LEFT_OUT = 4
"""Each fourth head is left out of the components whose errors the corrections learn from: on
heads that they were fitted to, components hardly err."""
PRICE = 0.02
"""What a bit of the components may cost while the corrections are fitted."""
COARSE = 6
"""Octaves of coefficients that a second set of tables learns from, for heads of another kind."""
SURFACE = 1.3
"""Voxels around a surface, the true one or the decoded one, that are corrected."""


class LayeredCoefficients(Coefficients):
    """Coefficients, beside which corrections lie."""

    def __init__(self, components: int) -> None:
        super().__init__(components)
        self.components = components

    def draw(self, shape: torch.Size, generator: torch.Generator) -> Tensor:
        """Coefficients from the prior; nothing is corrected."""
        drawn = torch.zeros(shape)
        drawn[:, : self.components] = super().draw(
            torch.Size([shape[0], self.components]), generator
        )
        return drawn


class LayeredCodec(LinearCodec):
    """Components and corrections.

    A latent [K + 2 + B * M] holds the integers of the components; the step and the set of tables
    of the corrections; and their integers.

    Attributes:
        transform: int8 [M, M], the blocks' directions, each scaled to 127 and rounded.
        classes: uint8 [B], kinds of places of blocks.
        used, last, value: int32 [2, STEPS, ...], tables of each set and step.
    """

    transform: Tensor
    classes: Tensor
    used: Tensor
    last: Tensor
    value: Tensor

    def __init__(self, features: Features, settings: LayeredSettings) -> None:
        super().__init__(features, settings)
        self.fine_step = settings.fine_step
        self.bottleneck = LayeredCoefficients(settings.components)
        count = (settings.grid // blocks.SIDE) ** 3
        self.places = count
        self.latent_shape = (settings.components + 2 + count * blocks.VALUES,)
        size = blocks.VALUES
        self.register_buffer("transform", torch.zeros(size, size, dtype=torch.int8))
        self.register_buffer("classes", torch.zeros(count, dtype=torch.uint8))
        even = blocks.even_tables(count)
        for name, table in even._asdict().items():
            own = torch.from_numpy(table.astype(np.int32))
            self.register_buffer(name, own.repeat(2, STEPS, 1, 1))

    def fit(self, fields: Iterable[NDArray[np.floating]]) -> None:
        """Components of all heads, and corrections of what other heads' components leave."""
        heads = [field.astype(np.float16) for field in fields]
        unseen = heads[::LEFT_OUT]
        super().fit([field for i, field in enumerate(heads) if i % LEFT_OUT] or heads)
        errors = np.stack([self._errors(field.astype(np.float32)) for field in unseen], axis=1)
        kinds = blocks.classes_of(np.concatenate(errors))
        rows = blocks.directions(np.concatenate(errors))
        scaled = np.round(rows / np.abs(rows).max(axis=1, keepdims=True) * 127).astype(np.int8)
        self.transform = torch.from_numpy(scaled)
        self.classes = torch.from_numpy(kinds)
        for chosen, own in enumerate(errors):
            coefficients = own @ self._directions.T
            for octave in range(STEPS):
                step = self.fine_step * 2**octave
                tables = blocks.fitted(coefficients, step, PRICES[1], kinds)
                for name, table in tables._asdict().items():
                    getattr(self, name)[chosen, octave] = torch.from_numpy(table.astype(np.int32))
        super().fit(heads)

    def statistics(self, views: Tensor) -> Tensor:
        """Coefficients in steps; no corrections."""
        found = super().statistics(views)
        return torch.nn.functional.pad(found, (0, self.latent_shape[0] - found.shape[1]))

    def encode(self, views: Tensor) -> Tensor:
        """Integers of the least error, at a low price for bits."""
        return torch.cat([self._within(view, None) for view in views])

    def encode_within(self, views: Tensor, most: int) -> Tensor:
        """Integers of the least error whose code fits a size: components first."""
        return self._within(views[0], most)

    def layers(self, latent: Tensor) -> list[bytes]:
        """The components; then the corrections, where there are any."""
        base, octave, chosen, integers = self._parts(latent)
        made = [self.bottleneck.pack(base)]
        if integers.any():
            code = blocks.pack(integers, self._tables(chosen, octave), self._classes)
            made.append(bytes([chosen * STEPS + octave]) + code)
        return made

    def from_layers(self, layers: Sequence[bytes]) -> Tensor:
        """The latent of one layer or both.

        Raises:
            ValueError: other bytes.
        """
        base = self.bottleneck.unpack(layers[0], (self.settings.components,))
        if len(layers) == 1:
            return self._joined(base, 0, 0, np.zeros((self.places, blocks.VALUES), np.int64))
        if len(layers) > 2 or not layers[1] or layers[1][0] >= 2 * STEPS:
            raise ValueError("no such layer")
        chosen, octave = divmod(layers[1][0], STEPS)
        tables = self._tables(chosen, octave)
        integers = blocks.unpack(layers[1][1:], tables, self._classes)
        return self._joined(base, octave, chosen, integers)

    def decode(self, latent: Tensor) -> Tensor:
        """Fields [B, N, N, N]."""
        made = []
        for own in latent:
            base, octave, _, integers = self._parts(own)
            field = super().decode(base[None])[0].numpy()
            live = np.flatnonzero(integers.any(axis=1))
            corrected = np.zeros((self.places, blocks.VALUES), dtype=np.float32)
            step = np.float32(self.fine_step * 2**octave)
            corrected[live] = (integers[live].astype(np.float32) * step) @ self._directions
            made.append((field + blocks.join(corrected)).clip(-SDF_TRUNCATION, SDF_TRUNCATION))
        return torch.from_numpy(np.stack(made))

    def _within(self, views: Tensor, most: int | None) -> Tensor:
        if most is None:
            base = super().encode(views[None])[0]
        else:
            base = super().encode_within(views[None], most)[0]
        nothing = self._joined(base, 0, 0, np.zeros((self.places, blocks.VALUES), np.int64))
        room = None if most is None else most - self._size(nothing) - LAYER_BYTES
        if room is not None and room < 8:
            return nothing[None]
        field = self._field(views)
        wanted = blocks.split(correction(field, super().decode(base[None])[0].numpy()))
        coefficients = wanted @ self._directions.T
        best, least = nothing, float(np.square(coefficients).sum())
        fitted = 0
        for octave in range(STEPS):
            step = self.fine_step * 2**octave
            fits = False
            for price in PRICES:
                for chosen in (0, 1):
                    tables = self._tables(chosen, octave)
                    integers = blocks.choose(coefficients, step, price, tables, self._classes)
                    error = float(np.square(coefficients - integers * step).sum())
                    if error >= least or not integers.any():
                        continue
                    code = 1 + len(blocks.pack(integers, tables, self._classes))
                    if room is None or code <= room:
                        best = self._joined(base, octave, chosen, integers)
                        least, fits = error, True
                if fits and room is None:
                    return best[None]
            fitted += fits
            if fitted == 2:  # coarser steps err more
                break
        return best[None]

    def _size(self, latent: Tensor) -> int:
        return sum(len(layer) + LAYER_BYTES for layer in self.layers(latent))

    def _errors(self, field: NDArray[np.float32]) -> NDArray[np.float32]:
        """Corrections [2, B, M] that a field needs after fine and after coarse coefficients."""
        solved = self._solved_field(field)
        integers = np.stack([self._chosen(*solved, octave, PRICE) for octave in (0, COARSE)])
        made = super().decode(torch.from_numpy(integers)).numpy()
        return np.stack([blocks.split(correction(field, own)) for own in made])

    def _parts(self, latent: Tensor) -> tuple[Tensor, int, int, NDArray[np.int64]]:
        count = self.settings.components
        integers = latent[count + 2 :].numpy().reshape(self.places, blocks.VALUES)
        octave, chosen = (int(own) for own in latent[count : count + 2])
        return latent[:count], octave, chosen, integers.astype(np.int64)

    def _joined(
        self, base: Tensor, octave: int, chosen: int, integers: NDArray[np.int64]
    ) -> Tensor:
        how = torch.tensor([float(octave), float(chosen)])
        return torch.cat([base, how, torch.from_numpy(integers.astype(np.float32)).ravel()])

    def _tables(self, chosen: int, octave: int) -> blocks.Tables:
        names = blocks.Tables._fields
        own = (getattr(self, name)[chosen, octave].numpy().astype(np.uint32) for name in names)
        return blocks.Tables(*own)

    @property
    def _classes(self) -> NDArray[np.uint8]:
        return cast(NDArray[np.uint8], self.classes.numpy())

    @property
    def _directions(self) -> NDArray[np.float32]:
        """Rows [M, M], of length 1 but for rounding."""
        rows = self.transform.numpy().astype(np.float32)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)


def correction(field: NDArray[np.float32], made: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is to be added to a field that was decoded, where it matters to the surface."""
    width = SURFACE * 2 / len(field)
    near = np.exp(-((np.minimum(np.abs(field), np.abs(made)) / width) ** 2))
    near[(field < 0) != (made < 0)] = 1
    return np.asarray((field - made) * near, dtype=np.float32)


def build(settings: CodecSettings, resolution: int) -> LayeredCodec:
    """The codec of these settings, not yet fitted."""
    return LayeredCodec(settings.features, cast(LayeredSettings, settings.model))

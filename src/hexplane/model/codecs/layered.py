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
from torch.nn import functional

from hexplane.geometry.modality import Features
from hexplane.model import blocks, corrections
from hexplane.model.alignment import NUMBERS
from hexplane.model.choice import Found, Solved, choose
from hexplane.model.codecs.layered_settings import LayeredSettings
from hexplane.model.codecs.linear import LinearCodec
from hexplane.model.codecs.losses import SDF_TRUNCATION
from hexplane.model.coefficients import COARSEST, Coefficients
from hexplane.model.corrections import STEPS, Choice, Corrections
from hexplane.model.latent_file import LAYER_BYTES
from hexplane.model.settings import CodecSettings

LEFT_OUT = 4
"""Each fourth head is left out of the components whose errors the corrections learn from: on
heads that they were fitted to, components hardly err."""
PRICE = 0.02
"""What a bit of the components costs where nothing bounds the size."""
AS_GOOD = 1.03
"""Times the error of the finest components that coarser ones may have."""
COARSE = 6
"""Octaves of coefficients that a second set of tables learns from, for heads of another kind."""
HOW = 2
"""Numbers of a latent that say how corrections are to be read."""


class LayeredCoefficients(Coefficients):
    """Coefficients, behind which corrections lie."""

    def draw(
        self, shape: torch.Size, generator: torch.Generator, temperature: float = 1.0
    ) -> Tensor:
        """Coefficients from the prior; nothing is corrected."""
        own = len(self.deviation) + NUMBERS
        drawn = super().draw(torch.Size([shape[0], own]), generator, temperature)
        return functional.pad(drawn, (0, shape[1] - own))


class LayeredCodec(LinearCodec):
    """Components and corrections.

    A latent [K + 12 + 2 + B * M] holds the integers of the components and the pose; the step and
    the set of tables of the corrections; and their integers.

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
        self.places = (settings.grid // blocks.SIDE) ** 3
        self.base = settings.components + NUMBERS
        self.latent_shape = (self.base + HOW + self.places * blocks.VALUES,)
        size = blocks.VALUES
        self.register_buffer("transform", torch.zeros(size, size, dtype=torch.int8))
        self.register_buffer("classes", torch.zeros(self.places, dtype=torch.uint8))
        for name, table in blocks.even_tables(self.places)._asdict().items():
            own = torch.from_numpy(table.astype(np.int32))
            self.register_buffer(name, own.repeat(2, STEPS, 1, 1))

    def fit(self, fields: Iterable[NDArray[np.floating]]) -> None:
        """Components of all heads, and corrections of what other heads' components leave."""
        heads = [field.astype(np.float16) for field in fields]
        unseen = heads[::LEFT_OUT]
        vectors = self.vectors(heads)
        seen = np.arange(len(vectors)) % len(heads) % LEFT_OUT > 0
        self._fit(vectors[seen] if seen.any() else vectors)
        errors = np.stack([self._errors(field.astype(np.float32)) for field in unseen], axis=1)
        self._fit(vectors)
        kinds = blocks.classes_of(np.concatenate(errors))
        rows = blocks.directions(np.concatenate(errors))
        scaled = np.round(rows / np.abs(rows).max(axis=1, keepdims=True) * 127).astype(np.int8)
        self.transform = torch.from_numpy(scaled)
        self.classes = torch.from_numpy(kinds)
        directions = self._corrections().directions
        for kind, own in enumerate(errors):
            for octave in range(STEPS):
                step = self.fine_step * 2**octave
                tables = blocks.fitted(own @ directions.T, step, corrections.USUAL, kinds)
                for name, table in tables._asdict().items():
                    getattr(self, name)[kind, octave] = torch.from_numpy(table.astype(np.int32))

    def statistics(self, views: Tensor) -> Tensor:
        """Coefficients in steps; no corrections."""
        found = super().statistics(views)
        return functional.pad(found, (0, self.latent_shape[0] - found.shape[1]))

    def nearest(self, field: NDArray[np.float32], still: bool = False) -> Tensor:
        """Integers of the least error, at a low price for bits."""
        solved = self._solved_still(field) if still else self._solved(field)
        base = choose(solved, self._coefficients, 0, PRICE)
        return self._joined(base, self._corrections().finest(field, self._base_field(base)))

    def _within(self, field: NDArray[np.float32], solved: Solved, most: int) -> Tensor:
        """Integers of the least error whose code fits a size: components first."""
        base, made = self._coarser(field, self._finest_within(field, solved, most))
        room = most - len(self.bottleneck.pack(base)) - 2 * LAYER_BYTES
        return self._joined(base, self._corrections().within(field, made, room))

    def layers(self, latent: Tensor) -> list[bytes]:
        """The components; then the corrections, where there are any."""
        base, choice = self._parts(latent)
        made = [self.bottleneck.pack(base)]
        if choice.integers.any():
            made.append(self._corrections().pack(choice))
        return made

    def from_layers(self, layers: Sequence[bytes]) -> Tensor:
        """The latent of one layer or both.

        Raises:
            ValueError: other bytes.
        """
        base = self.bottleneck.unpack(layers[0], (self.base,))
        if len(layers) == 1:
            return self._joined(base, None)
        (second,) = layers[1:]
        return self._joined(base, self._corrections().unpack(second))

    def decode(self, latent: Tensor) -> Tensor:
        """Fields [B, N, N, N]."""
        made = []
        for own in latent:
            base, choice = self._parts(own)
            field = self._base_field(base) + self._corrections().field(choice)
            made.append(field.clip(-SDF_TRUNCATION, SDF_TRUNCATION))
        return torch.from_numpy(np.stack(made))

    def _coarser(
        self, field: NDArray[np.float32], found: Found
    ) -> tuple[Tensor, NDArray[np.float32]]:
        """The coarsest components that err hardly more, as corrections make more of the bytes.

        And their field.
        """
        base, made = found.latent, self._base_field(found.latent)
        most = AS_GOOD * corrections.error(field, made)
        for octave in range(found.octave + 1, COARSEST + 1):
            other = choose(found.solved, self._coefficients, octave, found.price)
            coarser = self._base_field(other)
            if corrections.error(field, coarser) > most:
                break
            base, made = other, coarser
        return base, made

    def _base_field(self, base: Tensor) -> NDArray[np.float32]:
        field: NDArray[np.float32] = super().decode(base[None])[0].numpy()
        return field

    def _errors(self, field: NDArray[np.float32]) -> NDArray[np.float32]:
        """Corrections [2, B, M] that a field needs after fine and after coarse coefficients."""
        solved = self._solved_still(field)
        chosen = [choose(solved, self._coefficients, octave, PRICE) for octave in (0, COARSE)]
        made = super().decode(torch.stack(chosen)).numpy()
        none = np.zeros_like(field)
        return np.stack([blocks.split(corrections.wanted(field, own, none)) for own in made])

    def _parts(self, latent: Tensor) -> tuple[Tensor, Choice]:
        octave, kind = (int(own) for own in latent[self.base : self.base + HOW])
        integers = latent[self.base + HOW :].numpy().reshape(self.places, blocks.VALUES)
        return latent[: self.base], Choice(octave, kind, integers.astype(np.int64))

    def _joined(self, base: Tensor, choice: Choice | None) -> Tensor:
        if choice is None:
            return functional.pad(base, (0, self.latent_shape[0] - self.base))
        how = torch.tensor([float(choice.octave), float(choice.kind)])
        return torch.cat([base, how, torch.from_numpy(choice.integers.astype(np.float32)).ravel()])

    def _corrections(self) -> Corrections:
        rows = self.transform.numpy().astype(np.float32)
        names = blocks.Tables._fields
        arrays = [getattr(self, name).numpy().astype(np.uint32) for name in names]
        tables = [
            [blocks.Tables(*(array[kind, octave] for array in arrays)) for octave in range(STEPS)]
            for kind in range(2)
        ]
        return Corrections(
            rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1),
            cast(NDArray[np.uint8], self.classes.numpy()),
            tables,
            self.fine_step,
        )


def build(settings: CodecSettings, resolution: int) -> LayeredCodec:
    """The codec of these settings, not yet fitted."""
    return LayeredCodec(settings.features, cast(LayeredSettings, settings.model))

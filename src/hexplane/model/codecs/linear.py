"""The linear codec: six views -> signed distance field -> principal components -> integers.

Fitted in closed form: no steps, no seed. It is what every network has to pass at equal bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr
from torch import Tensor
from torch.nn import functional

from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.implicit import distance_of_silhouettes, signed_distance_of
from hexplane.geometry.modality import Features
from hexplane.model import coding
from hexplane.model.bottlenecks.base import Bottleneck
from hexplane.model.codec import Batch, Codec
from hexplane.model.codecs.linear_settings import LinearSettings
from hexplane.model.codecs.losses import SDF_TRUNCATION, distance_term
from hexplane.model.images import Images
from hexplane.model.latent_file import LAYER_BYTES
from hexplane.model.settings import CodecSettings
from hexplane.plumbing.errors import UserError

VARIES = 1e-3
"""Canonical units by which a voxel has to vary over heads to be a part of the components."""
NEAR, BAND = 0.03, 0.075
"""Voxels near the surface decide the coefficients; weight exp(-(distance / NEAR)^2) in a band."""
FAR_WEIGHT = 0.003
"""Weight of all other voxels."""
SMALLEST = 1e-4
"""Of the prior's precision against the squared error: coefficients that no voxel decides are 0."""
NARROWEST, OCTAVE, REACH = 0.15, 4, 4.5
"""Steps; tables from one deviation to its double; how many deviations a table reaches."""
MOST_TABLES = 80
HEAVY = 0.1
"""Share of a Laplace distribution in a table: unseen heads have longer tails than a Gaussian."""
COARSEST = 8
"""Coefficients are kept to multiples of 2^0 to 2^8 steps."""
PRICES = (0.02, 0.08, 0.3)
"""What a bit may cost, in squared errors of a whole (coarse) step along a typical component.

Near 6 dB a bit: Sullivan and Wiegand, Rate-distortion optimization for video compression, 1998.
"""
SWEEPS = 4


class Coefficients(Bottleneck):
    """Whole steps along each component.

    Integers that are all multiples of 2^j are coded by the tables of 2^j times narrower ones.

    Attributes:
        deviation: [K], standard deviation over the heads that were fitted, in steps.
        table: int16 [K], which table codes each.
        slots: int32 [T, A + 1], cumulative; the deviations are in ratios of 2^(1 / OCTAVE).
    """

    deviation: Tensor
    table: Tensor
    slots: Tensor
    statistics_per_channel = 1

    def __init__(self, components: int) -> None:
        super().__init__()
        self.register_buffer("deviation", torch.zeros(components))
        self.register_buffer("table", torch.zeros(components, dtype=torch.int16))
        self.register_buffer("slots", torch.zeros(1, 3, dtype=torch.int32))

    def tabulate(self, deviation: NDArray[np.floating]) -> None:
        """Tables for integers of these standard deviations [K]."""
        octaves = np.log2(np.maximum(deviation, NARROWEST) / NARROWEST)
        table = np.minimum(np.round(octaves * OCTAVE), MOST_TABLES - 1).astype(np.int16)
        widths = NARROWEST * 2 ** (np.arange(table.max() + 1) / OCTAVE)
        reach = int(np.ceil(REACH * widths[-1]))
        weights = np.stack([_probability(np.arange(-reach, reach + 1), w) for w in widths])
        escape = np.full((len(widths), 1), 1e-5)
        slots = coding.cumulative(np.concatenate([weights, escape], axis=1))
        self.deviation = torch.from_numpy(deviation.astype(np.float32))
        self.table = torch.from_numpy(table)
        self.slots = torch.from_numpy(slots.astype(np.int32))

    def encode(self, statistics: Tensor) -> Tensor:
        """The nearest integers."""
        return statistics.round()

    def decode(self, latent: Tensor) -> Tensor:
        """The latent itself: whoever reads it knows the step."""
        return latent

    def rate(self, statistics: Tensor) -> Tensor:
        """Zeros: nothing is trained."""
        return torch.zeros_like(statistics)

    def draw(self, shape: torch.Size, generator: torch.Generator) -> Tensor:
        """Latents [H, K] of independent normal coefficients."""
        return (torch.randn(shape, generator=generator) * self.deviation).round()

    def pack(self, latent: Tensor) -> bytes:
        """j, a byte, and the integers over 2^j, entropy coded."""
        integers = latent.cpu().numpy().astype(np.int64)
        shared = int(np.bitwise_or.reduce(np.abs(integers), initial=1 << COARSEST))
        octave = (shared & -shared).bit_length() - 1
        tables = self._cumulative()
        symbols = (integers >> octave) + _middle(tables)
        return bytes([octave]) + coding.encode_symbols(symbols, self.rows(octave), tables)

    def unpack(self, packed: bytes, shape: tuple[int, ...]) -> Tensor:
        """The integers, bit for bit.

        Raises:
            ValueError: other bytes.
        """
        if not packed or packed[0] > COARSEST:
            raise ValueError("no such step")
        tables = self._cumulative()
        symbols = coding.decode_symbols(packed[1:], self.rows(packed[0]), tables)
        integers = (symbols - _middle(tables)) << packed[0]
        return torch.from_numpy(integers.astype(np.float32)).reshape(shape)

    def rows(self, octave: int) -> NDArray[np.int64]:
        """Which table [K] codes each integer over 2^octave."""
        table: NDArray[np.int64] = self.table.numpy().astype(np.int64)
        return np.maximum(table - OCTAVE * octave, 0)

    def bits(self) -> NDArray[np.float64]:
        """What each table [T] takes for each integer [A - 1], the middle one 0."""
        return -np.log2(coding.probabilities(self._cumulative())[:, :-1])

    def _cumulative(self) -> NDArray[np.uint32]:
        return self.slots.numpy().astype(np.uint32)


class LinearCodec(Codec):
    """Principal components of truncated signed distance fields.

    A latent [K] holds integers: steps along each component.

    Args:
        features: what the field is taken from: depth and normals, or silhouettes alone.
        settings: sizes.

    Attributes:
        mean: float32 [N^3], the mean field.
        voxels: int32 [V], those that vary over heads.
        basis: int8 [K, V], orthonormal rows but for `scale` and rounding.
        scale: float32 [K].
    """

    mean: Tensor
    voxels: Tensor
    basis: Tensor
    scale: Tensor
    decodes_images = False

    def __init__(self, features: Features, settings: LinearSettings) -> None:
        super().__init__()
        self.features = features
        self.settings = settings
        self.bottleneck = Coefficients(settings.components)
        self.latent_shape = (settings.components,)
        self.register_buffer("mean", torch.zeros(settings.grid**3))
        self.register_buffer("voxels", torch.zeros(0, dtype=torch.int32))
        self.register_buffer("basis", torch.zeros(settings.components, 0, dtype=torch.int8))
        self.register_buffer("scale", torch.zeros(settings.components))
        self._components: NDArray[np.float32] | None = None

    def sized(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """Room for as many voxels, and symbols of a table, as a file of weights has."""
        voxels = shapes.get("voxels", [0])[0]
        self.voxels = torch.zeros(voxels, dtype=torch.int32)
        self.basis = torch.zeros(self.settings.components, voxels, dtype=torch.int8)
        own = cast(Coefficients, self.bottleneck)
        own.slots = torch.zeros(*shapes.get("bottleneck.slots", [1, 3]), dtype=torch.int32)

    def field_of(self, hexplane: Hexplane) -> NDArray[np.float32]:
        """Truncated signed distance [N, N, N] that the components are those of."""
        of = distance_of_silhouettes if self.features == "occupancy" else signed_distance_of
        return of(hexplane, self.settings.grid, SDF_TRUNCATION)

    def fit(self, fields: Iterable[NDArray[np.floating]]) -> None:
        """Components of fields [N, N, N], and tables for their coefficients.

        Singular value decomposition by the H x H Gram matrix of H heads, mirror images included.
        """
        heads = np.stack([field.astype(np.float16) for field in fields])
        if self.settings.mirrors:
            heads = np.concatenate([heads, heads[:, ::-1]])
        flat = heads.reshape(len(heads), -1)
        mean = flat.mean(axis=0, dtype=np.float32)
        varying = np.flatnonzero(flat.max(axis=0) - flat.min(axis=0) > VARIES)
        centred = flat[:, varying].astype(np.float32) - mean[varying]
        values, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
        kept = np.argsort(-values)[: self.settings.components]
        kept = kept[values[kept] > 1e-6 * values.max(initial=0)]
        rows = (vectors[:, kept] / np.sqrt(values[kept])).T.astype(np.float32) @ centred
        scale = np.abs(rows).max(axis=1, initial=0) / 127
        count = self.settings.components
        basis = np.zeros((count, len(varying)), dtype=np.int8)
        basis[: len(kept)] = np.round(rows / np.maximum(scale, 1e-30)[:, None])
        self.mean = torch.from_numpy(mean)
        self.voxels = torch.from_numpy(varying.astype(np.int32))
        self.basis = torch.from_numpy(basis)
        self.scale = torch.from_numpy(np.pad(scale, (0, count - len(kept))).astype(np.float32))
        deviation = np.sqrt(values[kept] / len(heads)) / self.settings.step
        cast(Coefficients, self.bottleneck).tabulate(np.pad(deviation, (0, count - len(kept))))
        self._components = None

    def statistics(self, views: Tensor) -> Tensor:
        """Coefficients [B, K] in steps, from views [B, 6, C, R, R]."""
        found = [self._solved(view)[0] for view in views]
        return torch.from_numpy(np.stack(found).astype(np.float32))

    def encode(self, views: Tensor) -> Tensor:
        """Integers [B, K]: those of the least squared error, at a low price for bits."""
        chosen = [self._chosen(*self._solved(view), 0, PRICES[0]) for view in views]
        return torch.from_numpy(np.stack(chosen))

    def encode_within(self, views: Tensor, most: int) -> Tensor:
        """Integers [1, K] of the least squared error whose code fits a size."""
        solved = self._solved(views[0])
        for octave in range(COARSEST + 1):
            for price in PRICES:  # coarser steps and higher prices err more
                latent = torch.from_numpy(self._chosen(*solved, octave, price))
                if len(self.bottleneck.pack(latent)) + LAYER_BYTES <= most:
                    return latent[None]
        raise UserError(f"no latent of this codec fits {most} bytes besides the header")

    def decode(self, latent: Tensor) -> Tensor:
        """Fields [B, N, N, N] of integers [B, K]."""
        steps = latent.numpy().astype(np.float32) * np.float32(self.settings.step)
        fields = np.tile(self.mean.numpy(), (len(latent), 1))
        fields[:, self.voxels.numpy()] += (self.components @ steps.T).T
        made = torch.from_numpy(fields.clip(-SDF_TRUNCATION, SDF_TRUNCATION))
        return made.reshape(-1, *(self.settings.grid,) * 3)

    @property
    def components(self) -> NDArray[np.float32]:
        """The basis [V, K], scaled."""
        if self._components is None:
            scaled = self.basis.numpy().T * self.scale.numpy()
            self._components = np.ascontiguousarray(scaled)
        return self._components

    def images(self, decoded: Any) -> Images:
        """It decodes none.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("this codec decodes no views")

    def signed_distance(self, decoded: Tensor, points: Tensor) -> Tensor:
        """Trilinear in the fields."""
        # [B, 1, 1, N, 3]; the grid's last axis is z, which grid_sample calls x.
        places = points.flip(-1)[:, None, None].to(decoded.dtype)
        sampled = functional.grid_sample(
            decoded[:, None], places, padding_mode="border", align_corners=False
        )
        return sampled[:, 0, 0, 0]

    def loss_terms(self, batch: Batch, distances: bool) -> dict[str, Tensor]:
        """`sdf` alone, where wanted; nothing has a gradient."""
        if not distances:
            return {}
        found = self.signed_distance(self.decode(self.encode(batch.views)), batch.points)
        return {"sdf": distance_term(found, batch.distance)}

    def matrices(self) -> list[Tensor]:
        """None: nothing is trained."""
        return []

    def _field(self, views: Tensor) -> NDArray[np.float32]:
        return self.field_of(hexplane_of(views.numpy(), self.features))

    def _solved(self, views: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self._solved_field(self._field(views))

    def _solved_field(
        self, values: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coefficients [K] in steps of weighted least squares, and its matrix [K, K] in steps."""
        voxels = self.voxels.numpy()
        field = values.ravel()[voxels]
        rest = field - self.mean.numpy()[voxels]
        band = np.flatnonzero(np.abs(field) < BAND)
        root = np.exp(-((field[band] / NEAR) ** 2) / 2)
        near = self.components[band] * root[:, None]
        # Over all voxels the components are orthonormal.
        matrix = (near.T @ near).astype(np.float64) + FAR_WEIGHT * np.eye(near.shape[1])
        wanted = ((rest[band] * root) @ near).astype(np.float64)
        wanted += FAR_WEIGHT * (rest @ self.components)
        own = cast(Coefficients, self.bottleneck)
        spread = np.maximum(own.deviation.numpy().astype(np.float64), 1e-6) * self.settings.step
        matrix += np.diag(SMALLEST / spread**2)
        step = self.settings.step
        return np.linalg.solve(matrix, wanted) / step, matrix * step**2

    def _chosen(
        self,
        solved: NDArray[np.float64],
        matrix: NDArray[np.float64],
        octave: int,
        price: float,
    ) -> NDArray[np.float32]:
        """Multiples [K] of 2^octave near `solved` of the least error plus price times bits.

        Coordinate descent: each integer in turn, the error of the others known.
        """
        own = cast(Coefficients, self.bottleneck)
        unit = 1 << octave
        target, matrix = solved / unit, matrix * unit**2
        live = np.flatnonzero(own.deviation.numpy() > 0)
        curvature = np.diag(matrix)
        bits = price * float(np.median(curvature[live])) * own.bits()
        rows, middle = own.rows(octave), bits.shape[1] // 2
        integers = target.round().clip(-middle, middle)
        integers[own.deviation.numpy() <= 0] = 0
        slope = matrix @ (integers - target)
        for _ in range(SWEEPS):
            moved = False
            for k in live.tolist():
                now = integers[k]
                lowest = np.floor(now - slope[k] / curvature[k])
                best, least = now, 0.0
                for other in (lowest, lowest + 1, 0.0):
                    change = other - now
                    if not change or abs(other) > middle:
                        continue
                    worse = change * (2 * slope[k] + change * curvature[k])
                    worse += bits[rows[k], middle + int(other)] - bits[rows[k], middle + int(now)]
                    if worse < least:
                        best, least = other, worse
                if best != now:
                    slope += matrix[:, k] * (best - now)
                    integers[k] = best
                    moved = True
            if not moved:
                break
        return (integers * unit).astype(np.float32)


def hexplane_of(views: NDArray[np.float32], features: Features) -> Hexplane:
    """The hexplane that the views [6, C, R, R] of these features show; no normals, where none."""
    if features == "depth_normal":
        return Hexplane(views[:, 0], views[:, 1:])
    depth = np.where(views[:, 0] > 0.5, np.float32(0), np.float32(1))
    return Hexplane(depth, np.zeros((6, 3, *depth.shape[1:]), dtype=np.float32))


def _middle(tables: NDArray[np.uint32]) -> int:
    """Symbol of the integer 0; the last symbol is the escape."""
    return (tables.shape[1] - 2) // 2


def _probability(integers: NDArray[np.integer], deviation: float) -> NDArray[np.float64]:
    """Of rounded values of that standard deviation: a Gaussian with Laplace tails."""
    gaussian = ndtr((integers + 0.5) / deviation) - ndtr((integers - 0.5) / deviation)
    decay = np.exp(-1 / (0.8 * deviation))
    laplace = (1 - decay) / (1 + decay) * decay ** np.abs(integers)
    return np.asarray((1 - HEAVY) * gaussian + HEAVY * laplace)


def build(settings: CodecSettings, resolution: int) -> LinearCodec:
    """The codec of these settings, not yet fitted."""
    return LinearCodec(settings.features, cast(LinearSettings, settings.model))

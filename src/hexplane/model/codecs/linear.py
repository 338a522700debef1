"""The linear codec: six views -> signed distance field -> principal components -> integers.

A head of another kind is first laid on the mean head (`alignment`).
Fitted in closed form: no steps, no seed. It is what every network has to pass at equal bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hexplane.geometry.hexplane import Hexplane
from hexplane.geometry.implicit import distance_of_silhouettes, signed_distance_of
from hexplane.geometry.modality import Features
from hexplane.model import alignment
from hexplane.model.choice import PRICES, Found, Solved, choose, finest_within
from hexplane.model.codec import Batch, Codec
from hexplane.model.codecs.linear_settings import LinearSettings
from hexplane.model.codecs.losses import SDF_TRUNCATION, distance_term
from hexplane.model.coefficients import Coefficients
from hexplane.model.images import Images
from hexplane.model.settings import CodecSettings
from hexplane.plumbing.errors import UserError

VARIES, VARIES_FAR = 1e-4, 1.6e-3
"""Standard deviation, in canonical units, that a voxel has to have over heads to be a part of the
components: less in `BAND` around the mean head's surface than beyond it."""
NEAR, BAND = 0.03, 0.075
"""Voxels near the surface decide the coefficients; weight exp(-(distance / NEAR)^2) in a band."""
FAR_WEIGHT = 0.003
"""Weight of all other voxels."""
SMALLEST = 1e-4
"""Of the prior's precision against the squared error: coefficients that no voxel decides are 0."""
STRANGE, LOST = 0.006, 0.02
"""Error near the surface, in canonical units, from which a head is laid on the mean head: a mean
over voxels, of which each errs by no more than the second, as a missing neck errs without end."""


class LinearCodec(Codec):
    """Principal components of truncated signed distance fields.

    A latent [K + 12] holds integers: steps along each component, and a pose.

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
        self.latent_shape = (settings.components + alignment.NUMBERS,)
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
        self._coefficients.slots = torch.zeros(
            *shapes.get("bottleneck.slots", [1, 3]), dtype=torch.int32
        )

    def field_of(self, hexplane: Hexplane) -> NDArray[np.float32]:
        """Truncated signed distance [N, N, N] that the components are those of."""
        of = distance_of_silhouettes if self.features == "occupancy" else signed_distance_of
        return of(hexplane, self.settings.grid, SDF_TRUNCATION)

    def fit(self, fields: Iterable[NDArray[np.floating]]) -> None:
        """Components of fields [N, N, N], and tables for their coefficients.

        Singular value decomposition by the H x H Gram matrix of H heads, mirror images included.
        """
        self._fit(self.vectors([field.astype(np.float16) for field in fields]))

    def vectors(self, heads: Sequence[NDArray[np.floating]]) -> NDArray[np.float16]:
        """What of heads [N, N, N] the components are of, [H, D]; mirror images follow."""
        own = np.stack(heads).astype(np.float16)
        if self.settings.mirrors:
            own = np.concatenate([own, own[:, ::-1]])
        return own.reshape(len(own), -1)

    def varying(self, flat: NDArray[np.floating], mean: NDArray[np.float32]) -> NDArray[np.integer]:
        """Which of the numbers [H, D], whose mean is [D], components are of."""
        squares = np.zeros_like(mean)
        for row in flat:
            squares += np.square(row.astype(np.float32) - mean)
        least = np.where(np.abs(mean) < BAND, VARIES, VARIES_FAR)
        return np.flatnonzero(np.sqrt(squares / len(flat)) > least)

    def _fit(self, flat: NDArray[np.floating]) -> None:
        own = len(flat) // 2 if self.settings.mirrors else len(flat)
        mean = flat.mean(axis=0, dtype=np.float32)
        varying = self.varying(flat, mean)
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
        deviation = np.sqrt(values[kept] / len(flat)) / self.settings.step
        self._coefficients.tabulate(np.pad(deviation, (0, count - len(kept))))
        self._coefficients.prior.fit(vectors[:, kept] * np.sqrt(values[kept]), own)
        self._components = None

    def statistics(self, views: Tensor) -> Tensor:
        """Coefficients and poses [B, K + 12] in steps, from views [B, 6, C, R, R]."""
        solved = [self._solved(self._field(view)) for view in views]
        found = np.stack([np.concatenate([own.target, own.pose]) for own in solved])
        return torch.from_numpy(found.astype(np.float32))

    def encode(self, views: Tensor) -> Tensor:
        """Integers [B, K + 12]: those of the least squared error, at a low price for bits."""
        return torch.stack([self.nearest(self._field(view)) for view in views])

    def solve(self, views: Tensor) -> tuple[NDArray[np.float32], Solved]:
        """The head's field, and the coefficients that it asks for."""
        field = self._field(views[0])
        return field, self._solved(field)

    def within(self, solved: tuple[NDArray[np.float32], Solved], most: int) -> Tensor:
        """Integers [1, K + 12] of the least squared error whose code fits a size."""
        return self._within(*solved, most)[None]

    def nearest(self, field: NDArray[np.float32], still: bool = False) -> Tensor:
        """The latent of a field [N, N, N], as `encode` chooses it; `still`: without a pose."""
        solved = self._solved_still(field) if still else self._solved(field)
        return choose(solved, self._coefficients, 0, PRICES[0])

    def nearest_within(self, field: NDArray[np.float32], most: int, still: bool = False) -> Tensor:
        """The latent of a field [N, N, N] that fits a size, as `within` chooses it.

        Raises:
            UserError: no latent is as small.
        """
        solved = self._solved_still(field) if still else self._solved(field)
        return self._within(field, solved, most)

    def _within(self, field: NDArray[np.float32], solved: Solved, most: int) -> Tensor:
        return self._finest_within(field, solved, most).latent

    def _finest_within(self, field: NDArray[np.float32], solved: Solved, most: int) -> Found:
        found = finest_within(solved, self._coefficients, most)
        if found is None and solved.pose.any():  # which takes 24 bytes
            found = finest_within(self._solved_still(field), self._coefficients, most)
        if found is None:
            raise UserError(f"no latent of this codec fits {most} bytes besides the header")
        return found

    def decode(self, latent: Tensor) -> Tensor:
        """Fields [B, N, N, N] of integers [B, K + 12]."""
        made = [
            alignment.posed(self._sum(own[: -alignment.NUMBERS]), own[-alignment.NUMBERS :])
            for own in latent.numpy()
        ]
        return torch.from_numpy(np.stack(made))

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

    def grid(self, decoded: Tensor, resolution: int) -> NDArray[np.float32]:
        """Trilinear in the field."""
        size = (resolution,) * 3
        if decoded.shape[-1] == resolution:
            return decoded[0].numpy()
        made = functional.interpolate(decoded[:, None], size, mode="trilinear")
        return made[0, 0].numpy()

    def loss_terms(self, batch: Batch, distances: bool) -> dict[str, Tensor]:
        """`sdf` alone, where wanted; nothing has a gradient."""
        if not distances:
            return {}
        found = self.signed_distance(self.decode(self.encode(batch.views)), batch.points)
        return {"sdf": distance_term(found, batch.distance)}

    def matrices(self) -> list[Tensor]:
        """None: nothing is trained."""
        return []

    @property
    def _coefficients(self) -> Coefficients:
        return cast(Coefficients, self.bottleneck)

    def _field(self, views: Tensor) -> NDArray[np.float32]:
        return self.field_of(hexplane_of(views.numpy(), self.features))

    def _sum(self, integers: NDArray[np.floating], count: int | None = None) -> NDArray[np.float32]:
        """The field [N, N, N] of the first coefficients in steps, in the mean head's frame."""
        made = self.shaped(self._vector(integers[:count] * self.settings.step))
        return made.clip(-SDF_TRUNCATION, SDF_TRUNCATION)

    def _vector(self, coefficients: NDArray[np.floating]) -> NDArray[np.float32]:
        """The vector [D] of the first coefficients."""
        vector: NDArray[np.float32] = self.mean.numpy().copy()
        own = self.components[:, : len(coefficients)]
        vector[self.voxels.numpy()] += own @ coefficients.astype(np.float32)
        return vector

    def shaped(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """The field [N, N, N] of a vector."""
        return vector.reshape((self.settings.grid,) * 3)

    def _solved(self, field: NDArray[np.float32]) -> Solved:
        """The coefficients of a field, laid on the mean head where that pays."""
        still = self._solved_still(field)
        strange = self._error(field, still)
        if strange < STRANGE:
            return still
        pose = alignment.align(field, self.shaped(self.mean.numpy()), self._nearest)
        if not pose.any():
            return still
        moved = self._solved_still(alignment.unposed(field, pose))._replace(pose=pose)
        return moved if self._error(field, moved) < strange else still

    def _error(self, field: NDArray[np.float32], solved: Solved) -> float:
        """Mean error near the surface, up to `LOST` a voxel."""
        made = alignment.posed(self._sum(solved.target), solved.pose)
        return float(np.abs(field - made)[np.abs(field) < NEAR].clip(max=LOST).mean())

    def _nearest(self, field: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """The field of so many components that is nearest to a field."""
        return self._sum(self._solved_still(field, count).target)

    def _solved_still(self, values: NDArray[np.float32], count: int | None = None) -> Solved:
        """Coefficients of weighted least squares, without a pose."""
        voxels = self.voxels.numpy()
        field = values.ravel()[voxels]
        rest = field - self.mean.numpy()[voxels]
        band = np.flatnonzero(np.abs(field) < BAND)
        root = np.exp(-((field[band] / NEAR) ** 2) / 2)
        components = self.components[:, :count]
        near = components[band] * root[:, None]
        # Over all voxels the components are orthonormal.
        matrix = (near.T @ near).astype(np.float64) + FAR_WEIGHT * np.eye(near.shape[1])
        wanted = ((rest[band] * root) @ near).astype(np.float64)
        wanted += FAR_WEIGHT * (rest @ components)
        deviation = self._coefficients.deviation.numpy()[:count]
        step = self.settings.step
        matrix += np.diag(SMALLEST / (np.maximum(deviation.astype(np.float64), 1e-6) * step) ** 2)
        none = np.zeros(alignment.NUMBERS, dtype=np.int64)
        return Solved(np.linalg.solve(matrix, wanted) / step, matrix * step**2, none)


def hexplane_of(views: NDArray[np.float32], features: Features) -> Hexplane:
    """The hexplane that the views [6, C, R, R] of these features show; no normals, where none."""
    if features == "depth_normal":
        return Hexplane(views[:, 0], views[:, 1:])
    depth = np.where(views[:, 0] > 0.5, np.float32(0), np.float32(1))
    return Hexplane(depth, np.zeros((6, 3, *depth.shape[1:]), dtype=np.float32))


def build(settings: CodecSettings, resolution: int) -> LinearCodec:
    """The codec of these settings, not yet fitted."""
    return LinearCodec(settings.features, cast(LinearSettings, settings.model))

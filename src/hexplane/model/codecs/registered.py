"""The registered codec: components of where a head's parts lie and of what is there, as one.

Each head's field is F(y) = T(y + u(y)): a displacement u to a template, and the field T there.
Principal components are of both together, as in active appearance models (Cootes, Edwards and
Taylor, ECCV 1998), so that no mean of two mouths has two. Coefficients of a new head are found as
there, by Gauss-Newton steps with more and more components. Corrections follow, as in `layered`.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from hexplane.geometry.implicit import trilinear
from hexplane.geometry.modality import Features
from hexplane.model import alignment, registration
from hexplane.model.choice import Solved
from hexplane.model.codecs.layered import LayeredCodec
from hexplane.model.codecs.linear import BAND, NEAR, SMALLEST
from hexplane.model.codecs.losses import SDF_TRUNCATION
from hexplane.model.codecs.registered_settings import RegisteredSettings
from hexplane.model.settings import CodecSettings

NUMBERS = 3 * registration.LATTICE**3
WEIGHT = 4.0
"""Of a displacement beside a distance, where components are ranked."""
TEMPLATE = 24
"""Heads that, registered to the mean of all, give the template."""
DEEP = 0.06
"""Voxels of the template that are farther from its surface are those of the mean."""
STAGES = ((16, 3), (64, 2), (4096, 1))
"""Components and Gauss-Newton steps with them."""
SPARSE, SPARSER = 3, 9
"""Each third voxel of the band takes part; each ninth while a pose is found."""


class RegisteredCodec(LayeredCodec):
    """Components of displacements and registered fields, and corrections.

    A latent is that of `LayeredCodec`. The components are of vectors [N^3 + 3 L^3]: the field in
    the template's place, and the displacement's B-spline coefficients times `WEIGHT`.
    """

    def __init__(self, features: Features, settings: RegisteredSettings) -> None:
        super().__init__(features, settings)
        self.register_buffer("mean", torch.zeros(settings.grid**3 + NUMBERS))

    def vectors(self, heads: Sequence[NDArray[np.floating]]) -> NDArray[np.float16]:
        """Registered fields and displacements [H, D]; mirror images follow."""
        mean = np.mean([head.astype(np.float32) for head in heads], axis=0)
        template = mean
        for few in (heads[:TEMPLATE], heads):
            pairs = [self._registered(head.astype(np.float32), template) for head in few]
            template = np.mean([own for own, _ in pairs], axis=0)
        fields = np.stack([own.astype(np.float16) for own, _ in pairs])
        moved = np.stack([own for _, own in pairs]).astype(np.float16)
        if self.settings.mirrors:
            fields = np.concatenate([fields, fields[:, ::-1]])
            flipped = (
                moved[:, :, ::-1] * np.array([-1, 1, 1], dtype=np.float16)[:, None, None, None]
            )
            moved = np.concatenate([moved, flipped])
        count = len(fields)
        return np.concatenate([fields.reshape(count, -1), moved.reshape(count, -1)], axis=1)

    def varying(self, flat: NDArray[np.floating], mean: NDArray[np.float32]) -> NDArray[np.integer]:
        """Voxels by the template's surface that vary, and all numbers of the displacement."""
        found = super().varying(flat, mean)
        return found[(found >= self.settings.grid**3) | (np.abs(mean[found]) < DEEP)]

    def shaped(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """The field [N, N, N] of a vector, each part where the head has it."""
        field, coefficients = self._split(vector)
        moved = registration.displacement(coefficients, self.settings.grid)
        return registration.sampled(field, moved)

    def _registered(
        self, head: NDArray[np.float32], template: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A head in the template's place, and the weighted coefficients [3, L, L, L]."""
        coefficients = registration.register(head, template)
        moved = registration.displacement(coefficients, self.settings.grid)
        field = registration.pulled_back(head, moved)
        return field.clip(-SDF_TRUNCATION, SDF_TRUNCATION), WEIGHT * coefficients

    def _split(
        self, vector: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        size, lattice = self.settings.grid, registration.LATTICE
        field, moved = np.split(vector, [size**3])
        return field.reshape((size,) * 3), moved.reshape((3, *(lattice,) * 3)) / np.float32(WEIGHT)

    def _solved_still(self, values: NDArray[np.float32], count: int | None = None) -> Solved:
        """Coefficients of weighted least squares, without a pose, by Gauss-Newton steps."""
        size, step = self.settings.grid, self.settings.step
        field = values.ravel()
        sparse = SPARSE if count is None else SPARSER
        band = np.flatnonzero(np.abs(field) < BAND)[::sparse]
        root = np.exp(-((field[band] / NEAR) ** 2) / 2).astype(np.float32)
        voxels = self.voxels.numpy()
        within = int(np.searchsorted(voxels, size**3))
        splines = registration.spline_at(band, size)
        centres = registration.places(band, size)
        deviation = self._coefficients.deviation.numpy().astype(np.float64)
        precision = SMALLEST / (np.maximum(deviation, 1e-6) * step) ** 2
        most = len(deviation) if count is None else min(count, len(deviation))
        found = np.zeros(0)
        matrix = np.zeros((0, 0))
        for components, steps in STAGES:
            used = min(components, most)
            found = np.pad(found, (0, used - len(found)))
            own = self.components[:, :used]
            lattice = np.zeros((NUMBERS, used), dtype=np.float32)
            lattice[voxels[within:] - size**3] = own[within:] / WEIGHT
            directions = [splines @ part for part in np.split(lattice, 3)]
            for _ in range(steps):
                target, coefficients = self._split(self._vector(found))
                moved = np.stack([splines @ axis.ravel() for axis in coefficients], axis=1)
                weights = trilinear(centres + moved, size).astype(np.float32)
                slopes = [weights @ each.ravel() for each in np.gradient(target, 2 / size)]
                change = weights[:, voxels[:within]] @ own[:within]
                for slope, direction in zip(slopes, directions, strict=True):
                    change += slope[:, None] * direction
                change *= root[:, None]
                rest = (field[band] - weights @ target.ravel()) * root
                matrix = sparse * (change.T @ change).astype(np.float64)
                matrix += np.diag(precision[:used])
                slope = sparse * (change.T @ rest).astype(np.float64) - precision[:used] * found
                found = found + np.linalg.solve(matrix, slope)
            if used == most:
                break
        none = np.zeros(alignment.NUMBERS, dtype=np.int64)
        return Solved(found / step, matrix * step**2, none)


def build(settings: CodecSettings, resolution: int) -> RegisteredCodec:
    """The codec of these settings, not yet fitted."""
    return RegisteredCodec(settings.features, cast(RegisteredSettings, settings.model))

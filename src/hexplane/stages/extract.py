"""extract: a mesh and six decoded views from a latent."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import trimesh
from torch import Tensor

from hexplane import frame, fusion
from hexplane.errors import UserError
from hexplane.isosurface import drop_islands, marching_cubes
from hexplane.meshes import write_mesh
from hexplane.model.likelihood import Images
from hexplane.model.network import HexplaneAutoencoder, Planes
from hexplane.model.saved import load_model
from hexplane.provenance import Stage, content_digest, manifest_path
from hexplane.specs.extract import ExtractSpec
from hexplane.store import read_attributes, read_latent, write_decoded


def run(
    latent: Path,
    output: Path,
    model: Path,
    spec: ExtractSpec,
    code: str | None = None,
    canonical: bool = False,
    decoded: Path | None = None,
) -> None:
    """Write the mesh of a latent, and its manifest with the range of the decoded field.

    Args:
        latent: the latent's store.
        output: the mesh; without faces when the field never crosses its level.
        model: folder of the model that made the latent.
        spec: settings.
        code: code digest that the workflow planned with.
        canonical: leave the mesh in the canonical frame; otherwise it is put back into its
            source's own coordinates where the latent knows them.
        decoded: store for the six decoded views, if wanted; beside `output`.
    """
    stage = Stage(__name__, spec.model_dump(mode="json"), code)
    saved = load_model(model)
    attributes = read_attributes(latent)
    if attributes.get("model") != saved.weights_hash:
        raise UserError(f"{latent}: encoded by another model than {model}")
    images, field, level, mesh = decode(saved.network, torch.from_numpy(read_latent(latent)), spec)
    transform = attributes.get("source_to_canonical")
    if not canonical and transform is not None:
        back = np.linalg.inv(np.array(transform))
        vertices = frame.apply_transform(back, mesh.vertices)
        mesh = trimesh.Trimesh(vertices, mesh.faces, process=False)
    write_mesh(mesh, output)
    written = [output]
    if decoded is not None:
        write_decoded(decoded, images)
        written.append(decoded)
    stage.write_manifest(
        manifest_path(output),
        written,
        inputs={"model": saved.weights_hash, "latent": content_digest(latent)},
        empty=len(mesh.faces) == 0,
        field_min=float(field.min()),
        field_max=float(field.max()),
        level=level,
    )


class Decoded(NamedTuple):
    """What one latent stands for."""

    images: dict[str, np.ndarray]  # as `decoded_images` names them
    field: fusion.Field  # [N, N, N]
    level: float  # of the field, at the surface
    mesh: trimesh.Trimesh  # canonical; without faces when the field never crosses its level


@torch.no_grad()
def decode(network: HexplaneAutoencoder, latent: Tensor, spec: ExtractSpec) -> Decoded:
    """From one latent [6, c, h, w] to its images, field and mesh."""
    planes = network.decode(latent[None])
    images = decoded_images(network.images(planes))
    field, level, outside = decoded_field(network, planes, images, spec)
    mesh = drop_islands(marching_cubes(field, level, outside), spec.islands)
    return Decoded(images, field, level, mesh)


def decoded_images(images: Images) -> dict[str, np.ndarray]:
    """One head's decoded images by name: coverage [6, R, R]; depth and normal where decoded."""
    return {name: image[0].numpy() for name, image in images._asdict().items() if image is not None}


def decoded_field(
    network: HexplaneAutoencoder, planes: Planes, images: dict[str, np.ndarray], spec: ExtractSpec
) -> tuple[fusion.Field, float, float]:
    """The field [N, N, N] that a mesh is taken from, its level, and its value outside."""
    if spec.field == "sdf":
        return distance_grid(network, planes, spec.resolution), 0.0, 1.0
    coverage = images["coverage"]
    if "depth" in images:
        field = fusion.carve(coverage, images["depth"], images.get("normal"), spec.resolution)
    else:
        field = fusion.visual_hull(coverage, spec.resolution)
    return field, spec.level, 0.0


def distance_grid(network: HexplaneAutoencoder, planes: Planes, resolution: int) -> fusion.Field:
    """The network's signed distance [N, N, N] at the voxel centres."""
    axis = torch.from_numpy(frame.voxel_centres(resolution)).float()
    slabs = []
    for x in axis:  # a slab at a time: memory stays flat in N
        y, z = torch.meshgrid(axis, axis, indexing="ij")
        points = torch.stack([x.expand_as(y), y, z], dim=-1).reshape(1, -1, 3)
        slabs.append(network.signed_distance(planes, points).reshape(resolution, resolution))
    return torch.stack(slabs).numpy()

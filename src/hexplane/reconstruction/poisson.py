"""Screened Poisson reconstruction of what six views see, by MeshLab's library (optional)."""

import numpy as np
import trimesh

from hexplane.geometry import frame
from hexplane.geometry.hexplane import Hexplane
from hexplane.plumbing.errors import UserError

GRAZING = 0.2
"""Cosine of a view's angle below which its points are left to other views."""
FINEST = 9
"""Depth of the octree at most: 512 cells along a side."""


def poisson(views: Hexplane) -> trimesh.Trimesh:
    """The surface whose indicator function has the views' normals as its gradient.

    Kazhdan and Hoppe, Screened Poisson surface reconstruction, TOG 2013. Points are those of all
    views, with their normals; where no view sees the surface, it is closed smoothly.

    Returns:
        The mesh, canonical; without faces where the views see nothing.

    Raises:
        UserError: pymeshlab is not installed.
    """
    cosine = np.einsum("vchw,vc->vhw", views.normal, frame.TOWARD)
    seen = views.occupancy & (cosine > GRAZING)
    if not seen.any():
        return trimesh.Trimesh()
    try:
        import pymeshlab
    except ImportError as error:
        raise UserError(
            "extraction.method: poisson needs pymeshlab; run `pip install pymeshlab`"
        ) from error
    points = frame.unproject(views.depth.astype(np.float64))[seen]
    normals = np.moveaxis(views.normal, 1, -1)[seen].astype(np.float64)
    work = pymeshlab.MeshSet(verbose=False)
    work.add_mesh(pymeshlab.Mesh(vertex_matrix=points, v_normals_matrix=normals))
    work.generate_surface_reconstruction_screened_poisson(
        depth=min(FINEST, int(np.log2(views.resolution))), preclean=True, threads=1
    )
    made = work.current_mesh()
    return trimesh.Trimesh(made.vertex_matrix(), made.face_matrix(), process=False)

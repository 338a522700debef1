"""The methods by name; libraries are loaded with the one that is called."""

import trimesh

from hexplane.geometry.hexplane import Hexplane


def reconstructed(method: str, views: Hexplane) -> trimesh.Trimesh:
    """The mesh that a method makes of six views, canonical; maybe without faces.

    Raises:
        ValueError: there is no such method.
    """
    if method == "contour":
        from hexplane.reconstruction.contour import contour

        return contour(views)
    raise ValueError(method)

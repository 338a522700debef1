"""The methods by name; libraries are loaded with the one that is called."""

import trimesh

from hexplane.geometry.hexplane import Hexplane


def reconstructed(method: str, views: Hexplane) -> trimesh.Trimesh:
    """The mesh that a method makes of six views, canonical; maybe without faces.

    Raises:
        ValueError: there is no such method.
        UserError: its library is not installed.
    """
    if method == "contour":
        from hexplane.reconstruction.contour import contour

        return contour(views)
    if method == "cloth":
        from hexplane.reconstruction.cloth import cloth

        return cloth(views)
    if method == "poisson":
        from hexplane.reconstruction.poisson import poisson

        return poisson(views)
    raise ValueError(method)

"""Hexplanes from meshes, behind one interface for every backend."""

from hexplane.hexplane import Hexplane
from hexplane.render.select import Renderer, select_backend

__all__ = ["Hexplane", "Renderer", "select_backend"]

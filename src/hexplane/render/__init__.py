"""Hexplanes from meshes, behind one interface for every backend."""

from hexplane.render.hexplane import Hexplane
from hexplane.render.select import Renderer, select_backend

__all__ = ["Hexplane", "Renderer", "select_backend"]

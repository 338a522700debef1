"""Hexplanes from meshes, behind one interface for every backend."""

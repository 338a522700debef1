"""Mesh formats; apart from their readers, so that planning a run imports none."""

EXTENSIONS = (".obj", ".ply", ".stl", ".glb", ".off")

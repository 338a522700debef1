"""Meshes from six views without a network and without a field: classical reconstruction."""

"""Meshes, views and fields in the canonical frame; no network, no files but meshes."""

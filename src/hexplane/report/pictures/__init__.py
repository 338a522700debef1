"""Views and meshes as pictures."""

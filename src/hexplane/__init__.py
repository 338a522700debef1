"""Head meshes through six orthographic views into a small latent and back."""

__version__ = "0.1.0"

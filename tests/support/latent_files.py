"""Latent files that somebody altered before their checksums were taken."""

from random import Random

import torch

from hexplane.decoding import read_latent_file
from hexplane.model import latent_file
from hexplane.model.saved import SavedModel
from support.fuzz import damaged_bytes, outcome

ROUNDS = 200


def check_latent_files(saved: SavedModel, latent: torch.Tensor) -> None:
    """Damaged and foreign layers are refused in one line, or are some latent of the codec.

    Args:
        saved: the model.
        latent: one of its latents.
    """
    sound = saved.codec.layers(latent)
    read = 0
    for number in range(ROUNDS):
        rng = Random(number)
        layers = [damaged_bytes(own, rng) if rng.random() < 0.7 else own for own in sound]
        layers += [b"x"] * rng.choice((0, 0, 0, 1))
        if rng.random() < 0.1:
            layers = [rng.randbytes(rng.randrange(300)) for _ in layers]
        packed = latent_file.pack(saved.weights_hash, None, layers)
        found = outcome(number, read_latent_file, packed, saved, "a.hxl")
        if found is None:
            continue
        read += 1
        assert tuple(found[0].shape) == tuple(saved.codec.latent_shape)
        assert torch.isfinite(found[0]).all()
        if layers == sound:
            assert torch.equal(found[0], saved.codec.from_layers(sound))
    assert 5 < read < ROUNDS - 50

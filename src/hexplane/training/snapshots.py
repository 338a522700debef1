"""What a network under training decodes, looked at once in a while."""

import torch

from hexplane.decoding import images_by_name
from hexplane.extraction import extract, fused
from hexplane.model.codec import Codec
from hexplane.model.images import composed, plain
from hexplane.settings.extract import ExtractionSection
from hexplane.training.data import Heads, StoredHeads
from hexplane.training.history import HistoryRow

GRID = ExtractionSection(resolution=48)
"""Coarse: it is enough to see whether there is a mesh."""


@torch.no_grad()
def row(codec: Codec, heads: Heads | StoredHeads, seed: int) -> HistoryRow:
    """What the first training head's mean latent, a sample of it and one of the prior decode to.

    Of each way, `mean`, `sample` and `prior` (the last two where there is a prior): the share of
    pixels that are covered, the mean squared error over the head's plain channels, the range of
    the fused field, and whether its mesh is empty. `coverage_head` is the head's own share.

    Args:
        codec: a network; left in evaluation mode.
        heads: the training heads.
        seed: of what is drawn.
    """
    held, first = next(iter(heads.picked([torch.tensor([0])])))
    truth = held.images.map(lambda image: image[first])
    codec.eval()
    statistics = codec.statistics(held.views[first])
    latents = {"mean": codec.bottleneck.encode(statistics)}
    generator = torch.Generator().manual_seed(seed)
    drawn = codec.bottleneck.draw(torch.Size([1, *codec.latent_shape]), generator)
    if drawn is not None:
        codec.bottleneck.train()
        latents |= {"sample": codec.bottleneck.encode(statistics), "prior": drawn.to(truth[0])}
        codec.bottleneck.eval()
    columns = {"coverage_head": float(truth.coverage.mean())}
    for way, latent in latents.items():
        images = composed(codec.images(codec.decode(latent)))
        shown = images_by_name(images)
        field = fused(shown["coverage"], shown.get("depth"), shown.get("normal"), GRID)
        found = {
            "coverage": float((images.coverage >= 0.5).float().mean()),
            "distortion": float((plain(images) - plain(truth)).square().mean()),
            **extract(field, GRID).facts,
        }
        del found["level"]
        columns |= {f"{name}_{way}": float(value) for name, value in found.items()}
    return columns

"""What a training decodes as it goes, of decoders that are known."""

import csv
from pathlib import Path

import pytest
import torch

from hexplane.model.bottlenecks.deterministic import Deterministic
from hexplane.model.bottlenecks.gaussian import Gaussian
from hexplane.model.images import Images
from hexplane.training import snapshots
from hexplane.training.data import Heads
from support.trained import render_and_sample, start_training

R = 8
WAYS = ("mean", "sample", "prior")


class _Codec(torch.nn.Module):
    """Sees nothing, and shows the whole square where a latent is not 0: noise, and never a mean."""

    latent_shape = (6, 1, R, R)
    decodes_images = True

    def __init__(self, bottleneck):
        super().__init__()
        self.bottleneck = bottleneck

    def statistics(self, views):
        channels = self.bottleneck.statistics_per_channel
        return torch.zeros(len(views), 6, channels, R, R)

    def decode(self, latent):
        return (latent[:, :, 0] != 0).float()

    def images(self, decoded):
        return Images(decoded, None, None)


def _head(share: float) -> Heads:
    """A head that covers so much of each view."""
    coverage = torch.zeros(1, 6, R, R)
    coverage[..., : round(share * R)] = 1
    nothing = torch.zeros(1, 1, 3), torch.zeros(1, 1)
    return Heads(coverage[:, :, None], Images(coverage, None, None), *nothing)


def test_mean_sample_and_prior_are_told_apart():
    row = snapshots.row(_Codec(Gaussian()), _head(0.25), 0)
    assert row["coverage_head"] == 0.25
    assert [row[f"coverage_{way}"] for way in WAYS] == [0, 1, 1]
    assert [row[f"empty_{way}"] for way in WAYS] == [1, 0, 0]
    assert [row[f"field_max_{way}"] for way in WAYS] == pytest.approx([0, 1, 1])
    # Nothing misses the covered quarter, everything adds the other three.
    assert [row[f"distortion_{way}"] for way in WAYS] == pytest.approx([0.25, 0.75, 0.75])


def test_what_has_no_prior_has_a_mean_alone():
    row = snapshots.row(_Codec(Deterministic()), _head(0.5), 0)
    assert set(row) == {
        "coverage_head",
        *(f"{name}_mean" for name in ("coverage", "distortion", "empty", "field_min", "field_max")),
    }


@pytest.mark.slow
def test_snapshots_are_rows_of_their_own_and_change_no_weight(tmp_path: Path) -> None:
    data = render_and_sample(tmp_path, "ab")
    weights, steps = [], []
    for name, taken in (("plain", []), ("watched", [3, 10])):
        training = {"steps": 12, "log_every": 5, "snapshots": taken}
        spec = {"bottleneck": {"kind": "gaussian"}, "training": training}
        trained = start_training(data, name, "ab", spec, f"--state={data / name}")
        _, printed = trained.communicate()
        assert trained.returncode == 0, printed
        weights.append((data / name / "model.safetensors").read_bytes())
        with (data / name / "history.csv").open() as stream:
            rows = list(csv.DictReader(stream))
        steps.append([int(row["step"]) for row in rows])
        assert [int(row["step"]) for row in rows if row.get("coverage_head")] == taken
    assert steps == [[5, 10, 12], [3, 5, 10, 12]]
    assert weights[0] == weights[1]

"""A checkpoint comes back as it was written, or not at all."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hexplane.training.checkpoint import NAME, Damaged, load_checkpoint, save_checkpoint
from support.damage import flip_a_bit_of_a_weight

STATE = {"codec": {"weight": torch.arange(1000.0)}, "step": 7, "rows": [{"loss": 0.5}]}


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path) is None
    save_checkpoint(tmp_path, STATE)
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert torch.equal(found["codec"]["weight"], STATE["codec"]["weight"])
    assert (found["step"], found["rows"]) == (7, [{"loss": 0.5}])
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def _empty(checkpoint: Path) -> None:
    checkpoint.write_bytes(b"")


def _cut(checkpoint: Path) -> None:
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])


def _without_digest(checkpoint: Path) -> None:
    torch.save(STATE, checkpoint)


@pytest.mark.parametrize("damage", [_empty, _cut, _without_digest, flip_a_bit_of_a_weight])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    save_checkpoint(tmp_path, STATE)
    damage(tmp_path / NAME)
    with pytest.raises(Damaged, match=f"{tmp_path / NAME} is damaged"):
        load_checkpoint(tmp_path)
    save_checkpoint(tmp_path, STATE)
    assert load_checkpoint(tmp_path) is not None

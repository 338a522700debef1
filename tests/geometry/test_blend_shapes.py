"""anny's reader of blend shapes and its faster twin: the same tensors, bit for bit."""

from pathlib import Path

import anny
import anny.models.full_model
import pytest
import torch

from hexplane.geometry import heads

VERTICES = 19_158


def targets(count: int) -> list[Path]:
    """Some of the assets that anny brings, the smallest and the largest among them."""
    found = sorted(Path(anny.__file__).parent.rglob("*.target.gz"), key=lambda f: f.stat().st_size)
    assert len(found) > 100
    return [found[i * (len(found) - 1) // (count - 1)] for i in range(count)]


class Transformation:
    """A change of axes, as anny applies one to what it reads."""

    def apply(self, offsets: torch.Tensor) -> torch.Tensor:
        return offsets[:, [0, 2, 1]] * torch.tensor([1.0, -1.0, 1.0], dtype=offsets.dtype)


@pytest.mark.parametrize("target", targets(5), ids=lambda target: target.stem)
def test_the_twin_reads_what_annys_reader_reads(target: Path) -> None:
    assert anny.__version__ == heads.READER_TESTED
    arguments = str(target), VERTICES, Transformation(), torch.float64
    theirs = anny.models.full_model.load_blend_shape(*arguments)
    ours = heads._blend_shape(*arguments)
    assert ours.dtype == theirs.dtype
    assert torch.equal(ours, theirs)
    assert ours.any() or target == targets(5)[0]  # some shapes change nothing, the smallest file


def test_another_version_reads_by_itself_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = anny.models.full_model.load_blend_shape
    with heads._fast_reader(anny):
        assert anny.models.full_model.load_blend_shape is heads._blend_shape
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(anny, "__version__", "99.0")
    with heads._fast_reader(anny):
        assert anny.models.full_model.load_blend_shape is original
    assert "99.0" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.delattr(anny.models.full_model, "load_blend_shape")
    with heads._fast_reader(anny):
        assert not hasattr(anny.models.full_model, "load_blend_shape")

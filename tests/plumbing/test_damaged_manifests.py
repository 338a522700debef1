"""Manifests that are damaged, or somebody else's: one line, whoever reads them."""

import json
from pathlib import Path
from typing import Any

import pytest

from hexplane.plumbing.errors import UserError
from hexplane.plumbing.manifests import content_digest, read_manifest
from hexplane.plumbing.verify import run as verify
from support.stores import stored_samples


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return stored_samples(tmp_path / "results/default/sdf", 1.0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 100_000, "not a readable manifest"),
        ("[]", "not a manifest of this version"),
        ("7", "not a manifest of this version"),
        ('{"format": "hexplane manifest 1", "content": NaN}', "not a readable manifest"),
        ("\xff", "not a manifest"),
    ],
)
def test_texts_that_are_none(manifest: Path, text: str, says: str) -> None:
    manifest.write_bytes(text.encode("latin-1"))
    check(manifest, says if text != "\xff" else "not a readable manifest")


@pytest.mark.parametrize(
    "changes",
    [
        {"files": ["ada.zarr"]},
        {"files": {"ada.zarr/zarr.json": 7}},
        {"inputs": None},
        {"content": 3},
        {"tables": "summary.csv"},
    ],
)
def test_parts_that_are_damaged(manifest: Path, changes: dict[str, Any]) -> None:
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **changes}))
    check(manifest, "not a readable manifest")


def check(manifest: Path, says: str) -> None:
    readers = (
        lambda: read_manifest(manifest),
        lambda: content_digest(manifest.with_name("ada.zarr")),
        lambda: verify(manifest.parents[2]),
    )
    for read in readers:
        with pytest.raises(UserError) as caught:
            read()
        assert str(caught.value).startswith(f"{manifest}: {says}")

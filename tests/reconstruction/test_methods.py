"""`extraction.method`: the way of the mesh, for oracles and for decoded views alike."""

import importlib.util
import json
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import trimesh

from hexplane.config import parse_config
from hexplane.extraction import from_views
from hexplane.geometry.hexplane import hexplane_of
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.texts import read_yaml
from hexplane.reconstruction.methods import reconstructed
from hexplane.settings.extract import ExtractionSection, Method, OracleSettings
from hexplane.stages import oracle
from hexplane.store import write_hexplane

METHODS = [
    pytest.param(method, marks=pytest.mark.skipif(not there, reason="pymeshlab is not installed"))
    for method in get_args(Method)
    if method != "fusion"
    for there in [method != "poisson" or importlib.util.find_spec("pymeshlab") is not None]
]


@pytest.mark.parametrize("method", METHODS)
def test_an_oracle_is_of_the_method_and_says_whether_it_is_closed(
    renderer, sphere, tmp_path: Path, method: str
) -> None:
    store, made = tmp_path / "a.zarr", tmp_path / "a.ply"
    write_hexplane(store, renderer.render(sphere, 64))
    oracle.run(store, made, made, OracleSettings(method=method, resolution=32), force=True)
    facts = json.loads((tmp_path / "a.json").read_text())
    mesh = trimesh.load_mesh(made)
    assert (facts["method"], facts["closed"]) == (method, True)
    assert mesh.is_volume
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.8**3, rel=0.1)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_an_empty_mesh(method: str) -> None:
    nothing = hexplane_of(np.zeros((6, 16, 16)), np.ones((6, 16, 16)), None)
    assert len(reconstructed(method, nothing).faces) == 0


def test_a_missing_library_is_one_line(renderer, sphere, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pymeshlab", None)
    with pytest.raises(UserError, match="poisson needs pymeshlab; run `pip install pymeshlab`"):
        reconstructed("poisson", renderer.render(sphere, 16))


def test_silhouettes_alone_are_refused(root: Path) -> None:
    covered = np.ones((6, 16, 16), np.float32)
    with pytest.raises(UserError, match="contour needs depth"):
        from_views(covered, None, None, ExtractionSection(method="contour"))
    values = read_yaml(root / "config.yaml")
    values["extraction"]["method"] = "contour"
    with pytest.raises(UserError) as caught:
        parse_config(values)
    assert len(str(caught.value).splitlines()) == 2  # two arms of the default study
    assert "arms.ae-occupancy.features: occupancy has none" in str(caught.value)


def test_decoded_views_become_a_hexplane(renderer, sphere) -> None:
    views = renderer.render(sphere, 48)
    made = hexplane_of(views.occupancy.astype(float), views.depth, None)
    assert (made.occupancy == views.occupancy).all()
    np.testing.assert_array_equal(made.depth, views.depth)
    # In the middle of each view, away from the rim, normals are those of the depth.
    middle = np.s_[:, :, 14:34, 14:34]
    cosine = (made.normal[middle] * views.normal[middle]).sum(axis=1)
    assert cosine.min() > 0.99

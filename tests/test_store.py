"""Zarr stores and the files under them: round trips, self-description, damage, atomicity."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import zarr

from hexplane import store
from hexplane.geometry import frame
from hexplane.geometry.hexplane import Hexplane
from hexplane.plumbing import files
from hexplane.plumbing.errors import UserError

R = 24
RNG = np.random.default_rng(0)
TRANSFORM = [[2.0, 0, 0, 1], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]]


def _hexplane() -> Hexplane:
    depth = RNG.uniform(size=(6, R, R)).astype(np.float32)
    normal = RNG.normal(size=(6, 3, R, R)).astype(np.float32)
    return Hexplane(depth, normal)


@pytest.fixture
def written(tmp_path):
    """A hexplane and its store."""
    hexplane = _hexplane()
    path = tmp_path / "ada.zarr"
    store.write_hexplane(path, hexplane, TRANSFORM)
    return hexplane, path


def test_hexplane_round_trip(written):
    hexplane, path = written
    back = store.read_hexplane(path)
    assert np.array_equal(back.depth, hexplane.depth)
    assert np.array_equal(back.normal, hexplane.normal)
    assert back.depth.dtype == back.normal.dtype == np.float32
    assert store.read_attributes(path)["source_to_canonical"] == TRANSFORM


def test_samples_round_trip(tmp_path):
    points = RNG.normal(size=(50, 3)).astype(np.float32)
    distance = RNG.normal(size=50).astype(np.float32)
    store.write_samples(tmp_path / "s.zarr", points, distance)
    back = store.read_samples(tmp_path / "s.zarr")
    assert np.array_equal(back[0], points)
    assert np.array_equal(back[1], distance)


def test_latent_round_trip_and_bytes(tmp_path):
    latent = RNG.normal(size=(6, 4, 8, 8)).astype(np.float32)
    path = tmp_path / "l.zarr"
    store.write_latent(path, latent, model="abc", source_to_canonical=TRANSFORM, packed_bytes=77)
    assert np.array_equal(store.read_latent(path, latent.shape), latent)
    assert store.read_attributes(path)["model"] == "abc"
    assert store.read_attributes(path)["source_to_canonical"] == TRANSFORM
    raw, stored, packed = store.latent_bytes(path)
    assert raw == 6 * 4 * 8 * 8 * 4
    assert packed == 77
    (chunk,) = _chunks(path / "latent")
    assert stored == chunk.stat().st_size


def _names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def _chunks(array: Path) -> list[Path]:
    return sorted(file for file in (array / "c").rglob("*") if file.is_file())


@pytest.mark.parametrize("names", [("coverage",), ("coverage", "depth", "normal")])
def test_decoded_round_trip(tmp_path, names):
    hexplane = _hexplane()
    images = {"coverage": hexplane.depth, "depth": hexplane.depth, "normal": hexplane.normal}
    images = {name: images[name] for name in names}
    store.write_decoded(tmp_path / "d.zarr", images)
    back = store.read_decoded(tmp_path / "d.zarr")
    assert back.keys() == set(names)
    assert all(np.array_equal(back[name], images[name]) for name in names)
    assert set(zarr.open_group(tmp_path / "d.zarr", mode="r").array_keys()) == set(names)


def test_format_3_one_zstd_chunk_a_view(written):
    _, path = written
    assert json.loads((path / "zarr.json").read_text())["zarr_format"] == 3
    for name, chunk in (("depth", [1, R, R]), ("normal", [1, 3, R, R])):
        facts = json.loads((path / name / "zarr.json").read_text())
        assert facts["zarr_format"] == 3
        assert facts["chunk_grid"]["configuration"]["chunk_shape"] == chunk
        assert [codec["name"] for codec in facts["codecs"]] == ["bytes", "zstd"]
        assert len(_chunks(path / name)) == 6


def test_store_explains_itself_to_plain_zarr(written):
    hexplane, path = written
    group = zarr.open_group(path, mode="r")
    assert np.array_equal(group["depth"][2], hexplane.depth[2])
    about = group["depth"].attrs
    assert [view["name"] for view in about["views"]] == [
        "top", "bottom", "front", "back", "left", "right",
    ]  # fmt: skip
    assert about["views"][3] == {
        "name": "back",
        "camera_at": [0, 0, -1],
        "image_right": [-1, 0, 0],
        "image_up": [0, 1, 0],
    }
    assert about["background"] == frame.BACKGROUND_DEPTH == 1.0
    assert about["axes"] == ["view", "row", "column"]
    assert "divided by 2" in about["units"]
    assert "+y up" in about["frame"]
    assert "row 0 is the top" in about["pixels"]
    assert group["normal"].attrs["background"] == 0.0
    assert "unit vector" in group["normal"].attrs["units"]


def test_samples_explain_their_sign(tmp_path):
    store.write_samples(tmp_path / "s.zarr", np.zeros((2, 3), "f4"), np.zeros(2, "f4"))
    group = zarr.open_group(tmp_path / "s.zarr", mode="r")
    assert group["distance"].attrs["sign"] == "negative inside"
    assert "canonical" in group["points"].attrs["frame"]


def test_network_input_stacks_what_the_features_name():
    from hexplane.geometry.features import network_input

    hexplane = _hexplane()
    hexplane.depth[:, :4] = 1.0
    silhouettes = network_input(hexplane, "occupancy")
    assert silhouettes.shape == (6, 1, R, R)
    assert silhouettes.dtype == np.float32
    assert not silhouettes[:, :, :4].any()
    assert silhouettes[:, :, 4:].all()
    views = network_input(hexplane, "depth_normal")
    assert np.array_equal(views[:, 0], hexplane.depth)
    assert np.array_equal(views[:, 1:], hexplane.normal)


def test_damaged_chunk(written):
    _, path = written
    chunk = _chunks(path / "depth")[0]
    chunk.write_bytes(chunk.read_bytes()[:20])
    with pytest.raises(UserError, match=r"ada\.zarr: damaged Zarr store"):
        store.read_hexplane(path)


def test_deleted_chunk(written):
    # Zarr itself reads a missing chunk as zeros: a surface at the near face.
    _, path = written
    _chunks(path / "depth")[0].unlink()
    with pytest.raises(UserError, match=r"ada\.zarr"):
        store.read_hexplane(path)


def test_missing_array_store_or_metadata(written, tmp_path):
    _, path = written
    with pytest.raises(UserError, match="latent"):
        store.read_latent(path, (6, 4, 8, 8))
    with pytest.raises(UserError, match=r"none\.zarr"):
        store.read_hexplane(tmp_path / "none.zarr")
    with pytest.raises(UserError, match=r"none\.zarr"):
        store.read_attributes(tmp_path / "none.zarr")
    (path / "zarr.json").write_text("{")
    for read in (store.read_hexplane, store.read_attributes):
        with pytest.raises(UserError, match=r"ada\.zarr"):
            read(path)


def test_a_write_replaces_the_whole_store(written):
    _, path = written
    store.write_latent(
        path, np.ones((6, 1, 2, 2), "f4"), model="m", source_to_canonical=None, packed_bytes=1
    )
    assert _names(path) == ["latent", "zarr.json"]
    assert _names(path.parent) == ["ada.zarr"]


def test_failed_store_write_keeps_the_old_one(written, monkeypatch):
    hexplane, path = written
    monkeypatch.setattr(zarr.Group, "create_array", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.write_hexplane(path, _hexplane())
    monkeypatch.undo()
    assert np.array_equal(store.read_hexplane(path).depth, hexplane.depth)
    assert _names(path.parent) == ["ada.zarr"]


# Files


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_failed_write_leaves_the_old_content_and_nothing_else(tmp_path, kind, error):
    path = tmp_path / "out.zarr"
    old = path
    if kind == "folder":
        path.mkdir()
        old = path / "inner"
    old.write_text("old")

    def write() -> None:
        with files.replacing(path) as temporary:
            if kind == "folder":
                temporary.mkdir()
                (temporary / "inner").write_text("half")
            else:
                temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert old.read_text() == "old"
    assert _names(tmp_path) == ["out.zarr"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_of_the_same_number_left_is_no_hindrance(tmp_path, kind):
    path = tmp_path / "ada.zarr"
    with files.replacing(path) as temporary:
        temporary.write_text("")
    path.unlink()
    if kind == "folder":  # as processes in containers do, whose numbers are alike
        (temporary / "normal").mkdir(parents=True)
    else:
        temporary.write_text("half")
    hexplane = _hexplane()
    store.write_hexplane(path, hexplane)
    assert np.array_equal(store.read_hexplane(path).depth, hexplane.depth)
    assert _names(tmp_path) == ["ada.zarr"]


def test_write_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "out.txt"
    with files.replacing(path) as temporary:
        temporary.write_text("done")
        assert not path.exists()
        assert temporary.parent == path.parent  # renamed within one file system
    assert path.read_text() == "done"
    assert _names(path.parent) == ["out.txt"]


def test_where_nothing_can_be_written_is_said_in_one_line(tmp_path):
    scan = tmp_path / "a.obj"
    scan.write_text("kept")
    for path, says in (
        (scan / "x.ply", "no folder for it can be made (File exists)"),
        (scan / "deep/x.ply", "no folder for it can be made (Not a directory)"),
        (Path("/proc/x.ply"), "cannot be written (No such file or directory)"),
        (Path("/proc/deep/x.ply"), "no folder for it can be made (No such file or directory)"),
    ):
        with pytest.raises(UserError) as caught:
            files.write_text(path, "text")
        assert str(caught.value) == f"{path}: {says}"
        with pytest.raises(UserError, match=rf"^{path}: .*(file|File|directory)"):
            store.write_samples(path, np.zeros((4, 3), "f4"), np.zeros(4, "f4"))
    assert scan.read_text() == "kept"
    assert _names(tmp_path) == ["a.obj"]


def test_a_folder_of_somebody_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    kept = tmp_path / "mine/scan.obj"
    kept.write_text("kept")
    with pytest.raises(UserError, match="mine: a folder, which is left alone"):
        files.write_text(tmp_path / "mine", "text")
    with pytest.raises(UserError, match="mine: a folder, which is left alone"):
        store.write_samples(tmp_path / "mine", np.zeros((4, 3), "f4"), np.zeros(4, "f4"))
    assert kept.read_text() == "kept"
    assert _names(tmp_path) == ["mine"]


def test_a_store_replaces_a_store_and_no_file_replaces_one(tmp_path):
    path = tmp_path / "a.zarr"
    for value in (1.0, 2.0):
        store.write_samples(path, np.zeros((4, 3), "f4"), np.full(4, value, "f4"))
    with pytest.raises(UserError, match="a folder"):
        files.write_text(path, "text")
    assert store.read_samples(path)[1].tolist() == [2.0] * 4


def test_json_refuses_nan_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"b": 1, "a": [1.5, None]})
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"b": 1, "a": [1.5, None]}
    assert _names(tmp_path) == ["a.json"]


def test_hashes_of_a_folder_and_of_a_file(tmp_path):
    (tmp_path / "x/deep").mkdir(parents=True)
    (tmp_path / "x/deep/one").write_bytes(b"1")
    (tmp_path / "x/two").write_bytes(b"22")
    one, two = (hashlib.sha256(data).hexdigest() for data in (b"1", b"22"))
    assert files.tree_hashes(tmp_path / "x") == {"x/deep/one": one, "x/two": two}
    assert files.tree_hashes(tmp_path / "x/two") == {"two": two}
    assert files.sha256(tmp_path / "x/two") == two

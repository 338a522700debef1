"""Mesh files of every format, sound and broken."""

import numpy as np
import pytest
import trimesh

from hexplane.geometry.meshes import (
    check_meshes,
    load_mesh,
    read_canonical,
    read_mesh,
    read_normalised,
)
from hexplane.geometry.writing import write_mesh
from hexplane.plumbing.errors import UserError

FORMATS = ["obj", "ply", "stl", "glb", "off"]
SIZE = (2.0, 3.0, 4.0)


def _box() -> trimesh.Trimesh:
    return trimesh.creation.box(extents=SIZE)


@pytest.mark.parametrize("kind", [*FORMATS, "OBJ"])
def test_every_format_gives_the_same_welded_box(tmp_path, kind):
    path = tmp_path / f"box.{kind}"
    _box().export(path, file_type=kind.lower())
    mesh = load_mesh(path)
    assert (len(mesh.vertices), len(mesh.faces)) == (8, 12)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(24)
    assert np.allclose(mesh.bounds, [[-1, -1.5, -2], [1, 1.5, 2]])


def test_text_variants_of_binary_formats(tmp_path):
    (tmp_path / "box.stl").write_text(trimesh.exchange.stl.export_stl_ascii(_box()))
    (tmp_path / "box.ply").write_bytes(trimesh.exchange.ply.export_ply(_box(), encoding="ascii"))
    for name in ("box.stl", "box.ply"):
        assert load_mesh(tmp_path / name).volume == pytest.approx(24)
        assert len(load_mesh(tmp_path / name).vertices) == 8


def test_off_with_comments_colours_and_quads(tmp_path):
    path = tmp_path / "quad.off"
    path.write_text(
        "OFF # header\n\n# counts\n4 1 0\n0 0 0\n2 0 0\n2 3 0\n0 3 0 # last\n4 0 1 2 3 255 0 0\n"
    )
    assert load_mesh(path).area == pytest.approx(6)
    path.write_text("OFF 3 1 0\n0 0 0\n2 0 0\n0 3 0\n3 0 1 2")
    assert load_mesh(path).area == pytest.approx(3)


def test_obj_with_texture_seams_and_negative_indices_is_welded(tmp_path):
    path = tmp_path / "seam.obj"
    path.write_text(
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nvt 1 1\nvt .5 .5\n"
        "f 1/1 2/2 3/3\nf -3/5 -1/4 -2/1\n"
    )
    mesh = load_mesh(path)
    assert len(mesh.vertices) == 4
    assert mesh.area == pytest.approx(1)


@pytest.mark.parametrize("kind", ["obj", "off"])
@pytest.mark.parametrize(
    ("scale", "offset"),
    [(1.0, (5e5, -3e6, 100.0)), (100.0, (0, 0, 1e5)), (1e-3, (0.0, 1.7, 0.0))],
    ids=["far from the origin", "millimetres", "small in metres"],
)
def test_scale_and_offset_cost_no_precision(tmp_path, kind, scale, offset):
    box = _box().apply_scale(scale).apply_translation(offset)
    path = tmp_path / f"far.{kind}"
    rows = [" ".join(f"{c:.9f}" for c in v) for v in box.vertices]
    if kind == "obj":
        text = [f"v {row}" for row in rows] + [
            f"f {a + 1} {b + 1} {c + 1}" for a, b, c in box.faces
        ]
    else:
        text = ["OFF", "8 12 0", *rows, *(f"3 {a} {b} {c}" for a, b, c in box.faces)]
    path.write_text("\n".join(text))
    mesh = load_mesh(path)
    assert len(mesh.vertices) == 8
    assert mesh.is_watertight
    assert np.abs(mesh.extents / scale - SIZE).max() < 2e-6
    assert np.abs(mesh.bounds - box.bounds).max() < 1e-8


@pytest.mark.parametrize("kind", FORMATS)
def test_all_bodies_are_joined(tmp_path, kind):
    other = _box().apply_translation((10, 0, 0))
    path = tmp_path / f"two.{kind}"
    if kind == "glb":  # a scene whose second part is placed by its node
        scene = trimesh.Scene({"a": _box()})
        scene.add_geometry(_box(), transform=trimesh.transformations.translation_matrix([10, 0, 0]))
        scene.export(path)
    else:
        trimesh.util.concatenate([_box(), other]).export(path)
    mesh = load_mesh(path)
    assert mesh.body_count == 2
    assert mesh.volume == pytest.approx(48)
    assert mesh.bounds[1, 0] == pytest.approx(11)


def _with(value: float) -> trimesh.Trimesh:
    vertices = np.array(_box().vertices)
    vertices[3, 1] = value
    return trimesh.Trimesh(vertices, _box().faces, process=False, validate=False)


def _one_face(*points) -> trimesh.Trimesh:
    return trimesh.Trimesh(np.array(points, dtype=float), [[0, 1, 2]], process=False)


def _exported(mesh: trimesh.Trimesh, kind: str) -> bytes:
    data = mesh.export(file_type=kind)
    return data if isinstance(data, bytes) else data.encode()


def _triangle_ply(elements: str, rows: str) -> bytes:
    return (
        "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\n"
        f"property float z\n{elements}end_header\n0 0 0\n1 0 0\n0 1 0\n{rows}"
    ).encode()


_LIST = "property list uchar int vertex_indices\n"
BROKEN = {
    "empty": {kind: b"" for kind in FORMATS},
    "random bytes": {kind: np.random.default_rng(7).bytes(3000) for kind in FORMATS},
    "prose": {kind: b"this is\nno mesh\n" for kind in FORMATS},
    "zero extent": {k: _exported(_one_face(*[(1, 1, 1)] * 3), k) for k in FORMATS},
    "a line": {k: _exported(_one_face((0, 0, 0), (1, 0, 0), (2, 0, 0)), k) for k in FORMATS},
    "cut at 30 %": {
        k: _exported(_box(), k)[: int(0.3 * len(_exported(_box(), k)))] for k in FORMATS
    },
    "cut at the end": {k: _exported(_box(), k)[:-5] for k in ("ply", "stl", "glb", "off")},
    "cut at 90 %": {
        k: _exported(_box(), k)[: int(0.9 * len(_exported(_box(), k)))]
        for k in ("ply", "stl", "glb", "off")
    },
    "text cut": {
        "stl": trimesh.exchange.stl.export_stl_ascii(_box())[:900].encode(),
        "ply": _triangle_ply(f"element face 2\n{_LIST}", "3 0 1 2\n"),
        "off": b"OFF\n3 2 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n",
    },
    "text cut within a row": {
        "ply": _triangle_ply(f"element face 2\n{_LIST}", "3 0 1 2\n3 0"),
        "off": b"OFF\n3 2 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n3 0 1",
    },
    "point cloud": {
        "obj": b"v 0 0 0\nv 1 0 0\nv 0 1 0\n",
        "off": b"OFF\n3 0 0\n0 0 0\n1 0 0\n0 1 0\n",
        "ply": _triangle_ply("", ""),
        "glb": _exported(trimesh.PointCloud(np.eye(3)).scene(), "glb"),
    },
    "missing vertices": {
        "obj": b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\nf 1 2 9\n",
        "ply": _triangle_ply(f"element face 1\n{_LIST}", "3 0 1 7\n"),
        "off": b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n",
    },
    "index below the first": {
        "obj": b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\nf 0 1 2\n",
        "ply": _triangle_ply(f"element face 2\n{_LIST}", "3 0 1 2\n3 0 1 -1\n"),
        "off": b"OFF\n3 2 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n3 0 1 -1\n",
    },
}
with np.errstate(invalid="ignore"):
    BROKEN["NaN"] = {kind: _exported(_with(np.nan), kind) for kind in FORMATS}
    BROKEN["infinite"] = {kind: _exported(_with(np.inf), kind) for kind in FORMATS}


def _refusal(path) -> str:
    with pytest.raises(UserError) as caught:
        load_mesh(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "how"), [(kind, how) for how, files in BROKEN.items() for kind in files]
)
def test_broken_file_is_refused_in_one_line_that_names_it(tmp_path, kind, how):
    path = tmp_path / f"scan.{kind}"
    path.write_bytes(BROKEN[how][kind])
    line = _refusal(path)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("how", "kind", "reason"),
    [
        ("empty", "obj", "empty"),
        ("NaN", "ply", "1 vertices are NaN or infinite"),
        ("zero extent", "off", "zero extent"),
        ("point cloud", "ply", "no faces"),
        ("a line", "obj", "degenerate"),
        ("text cut", "off", "cut short"),
        ("missing vertices", "ply", "names a vertex that is not there"),
    ],
)
def test_refusals_say_why(tmp_path, how, kind, reason):
    path = tmp_path / f"scan.{kind}"
    path.write_bytes(BROKEN[how][kind])
    assert reason in _refusal(path)


def test_wrong_extension_missing_file_and_folder(tmp_path):
    (tmp_path / "scan.fbx").write_bytes(b"x")
    assert "allowed: .obj .ply .stl .glb .off" in _refusal(tmp_path / "scan.fbx")
    assert "no such file" in _refusal(tmp_path / "none.obj")
    (tmp_path / "folder.obj").mkdir()
    assert "folder" in _refusal(tmp_path / "folder.obj")


def test_check_names_all_bad_files_at_once(tmp_path):
    good, empty, cloud = (tmp_path / name for name in ("good.ply", "empty.stl", "cloud.obj"))
    _box().export(good)
    empty.write_bytes(b"")
    cloud.write_bytes(BROKEN["point cloud"]["obj"])
    check_meshes([good])
    with pytest.raises(UserError) as caught:
        check_meshes([empty, good, cloud])
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [str(empty), str(cloud)]


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_written_is_read_again(tmp_path, kind):
    path = tmp_path / "folder" / f"box.{kind}"
    write_mesh(_box(), path)
    assert load_mesh(path).volume == pytest.approx(24)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_normalised_mesh_keeps_its_vertices_and_faces(tmp_path):
    ball = trimesh.creation.icosphere(2, 0.9)
    write_mesh(ball, tmp_path / "ball.ply")
    back = read_normalised(tmp_path / "ball.ply")
    assert np.array_equal(back.faces, ball.faces)
    assert np.abs(back.vertices - ball.vertices).max() < 1e-7


def test_empty_mesh_survives_the_round_trip(tmp_path):
    path = tmp_path / "nothing.ply"
    write_mesh(trimesh.Trimesh(), path)
    assert len(read_canonical(path).faces) == 0
    assert "no faces" in _refusal(path)


def test_unknown_format_is_not_written(tmp_path):
    with pytest.raises(UserError, match=r"box\.xyz: unknown mesh format"):
        write_mesh(_box(), tmp_path / "box.xyz")
    assert list(tmp_path.iterdir()) == []


def test_normalised_mesh_that_is_missing_or_none(tmp_path):
    (tmp_path / "bad.ply").write_bytes(b"ply\nnonsense")
    for name in ("none.ply", "bad.ply"):
        with pytest.raises(UserError, match=name):
            read_mesh(tmp_path / name)


@pytest.mark.parametrize("size", [0.1, 0.8, 0.901, 100.0])
def test_a_mesh_that_was_never_normalised_is_refused(tmp_path, size):
    write_mesh(trimesh.creation.icosphere(2, size), tmp_path / "ball.ply")
    with pytest.raises(UserError, match=r"ball\.ply: not normalised.*hexplane normalise"):
        read_normalised(tmp_path / "ball.ply")


def test_a_mesh_off_the_middle_or_empty_is_not_normalised(tmp_path):
    ball = trimesh.creation.icosphere(2, 0.9)
    write_mesh(ball.apply_translation((0, 0.01, 0)), tmp_path / "ball.ply")
    write_mesh(trimesh.Trimesh(), tmp_path / "empty.ply")
    for name, says in (("ball", "not normalised"), ("empty", "no faces")):
        with pytest.raises(UserError, match=f"{name}.ply: {says}"):
            read_normalised(tmp_path / f"{name}.ply")


def test_a_reconstruction_lies_in_the_cube(tmp_path):
    for size in (0.3, 1.05):
        write_mesh(trimesh.creation.icosphere(2, size), tmp_path / "ball.ply")
        assert len(read_canonical(tmp_path / "ball.ply").faces) == 320
    write_mesh(trimesh.creation.icosphere(2, 100), tmp_path / "ball.ply")
    with pytest.raises(UserError, match=r"ball\.ply: reaches out.*--canonical"):
        read_canonical(tmp_path / "ball.ply")

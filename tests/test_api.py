"""`import hexplane`: a trained codec, views and measures, and the README's examples."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh

import hexplane
from hexplane.model import latent_file
from hexplane.plumbing.errors import UserError
from support.project import ROOT, Project, bump

MODEL = "results/default/models/ae-depth-normal"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with one trained model, and a head in coordinates of its own."""
    project = Project(tmp_path_factory.mktemp("project"))
    built = project.snakemake("--cores", "2", f"{MODEL}/manifest.json")
    assert built.returncode == 0, built.stderr[-4000:]
    far_away().export(project.folder / "head.obj")
    return project


@pytest.fixture(scope="module")
def codec(project: Project) -> "hexplane.TrainedCodec":
    return hexplane.load(project.folder / MODEL)


def far_away() -> trimesh.Trimesh:
    head = bump(0)
    head.apply_scale(250.0)
    head.apply_translation([1000.0, -400.0, 30.0])
    return head


def test_a_head_comes_back_in_its_own_coordinates(codec: "hexplane.TrainedCodec") -> None:
    head = far_away()
    latent = codec.encode(head)
    assert latent.values.shape == (6, 2, 16, 16)
    assert latent.values.dtype == np.float32
    # The field's surface is wherever eight steps put it; both ways lead to the same mesh.
    own = codec.decode(latent, resolution=32, field="sdf")
    canonical = codec.decode(latent, canonical=True, resolution=32, field="sdf")
    moved = trimesh.transform_points(own.vertices, latent.source_to_canonical)
    np.testing.assert_allclose(moved, canonical.vertices, atol=1e-9)
    corners = trimesh.transform_points(head.bounds, latent.source_to_canonical)
    assert np.abs(corners).max() == pytest.approx(0.9)


def test_the_stages_and_python_make_the_same_latent(
    project: Project, codec: "hexplane.TrainedCodec"
) -> None:
    from hexplane.store import read_latent

    done = project.command("hexplane", "encode", "head.obj", "x.zarr", "--model", MODEL)
    assert done.returncode == 0, done.stderr
    stored = read_latent(project.folder / "x.zarr", (6, 2, 16, 16))
    np.testing.assert_array_equal(codec.encode(project.folder / "head.obj").values, stored)


def test_the_command_line_is_told_what_is_up(
    project: Project, codec: "hexplane.TrainedCodec"
) -> None:
    from hexplane.store import read_attributes, read_latent

    cone = trimesh.creation.cone(radius=0.3, height=2.0)  # along z
    cone.export(project.folder / "cone.ply")
    done = project.command("hexplane", "encode", "cone.ply", "--model", MODEL)
    assert "hint: cone.ply: z is its longest axis, but up is y (does up: z fit?)" in done.stderr
    told = project.command(
        "hexplane", "encode", "cone.ply", "cone.zarr", "--model", MODEL, "--up=z"
    )
    assert told.returncode == 0, told.stderr
    assert "hint" not in told.stderr
    store = project.folder / "cone.zarr"
    own = codec.encode(project.folder / "cone.ply", up="z")
    np.testing.assert_array_equal(own.values, read_latent(store, (6, 2, 16, 16)))
    np.testing.assert_array_equal(
        own.source_to_canonical, read_attributes(store)["source_to_canonical"]
    )
    for arguments, says in (
        (("cone.ply", "--up", "x"), "'y', 'z'"),
        ((str(store), "out.zarr", "--up", "y"), "stands as it is"),
    ):
        done = project.command("hexplane", "encode", *arguments, "--model", MODEL)
        assert done.returncode
        assert says in done.stderr


def test_a_packed_latent_comes_back_bit_for_bit(codec: "hexplane.TrainedCodec") -> None:
    latent = codec.encode(far_away())
    packed = codec.pack(latent)
    assert 4 * latent.values.size < len(packed) < 4 * latent.values.size + 64
    back = codec.unpack(packed)
    assert back.values.tobytes() == latent.values.tobytes()
    np.testing.assert_allclose(back.source_to_canonical, latent.source_to_canonical, rtol=1e-6)
    with pytest.raises(UserError, match="cut short"):
        codec.unpack(packed[:-1])
    with pytest.raises(UserError, match="another model"):
        codec.unpack(latent_file.pack("00" * 32, None, [b""]))
    with pytest.raises(UserError, match="one rate, of"):
        codec.encode(far_away(), max_bytes=1024)


def test_a_latent_file_alone_brings_the_mesh_back(
    project: Project, codec: "hexplane.TrainedCodec"
) -> None:
    done = project.command("hexplane", "encode", "head.obj", "--model", MODEL)
    assert (done.returncode, done.stdout) == (0, "head.hxl\n"), done.stderr
    packed = (project.folder / "head.hxl").read_bytes()
    assert packed == codec.pack(codec.encode(project.folder / "head.obj"))
    said = project.command("hexplane", "inspect", "head.hxl")
    assert said.returncode == 0 and f"{len(packed)} bytes" in said.stdout
    spec = "{resolution: 32, field: sdf}"
    done = project.command("hexplane", "extract", "head.hxl", "--model", MODEL, "--spec", spec)
    assert (done.returncode, done.stdout) == (0, "head.mesh.ply\n"), done.stderr
    made = trimesh.load_mesh(project.folder / "head.mesh.ply")
    own = codec.decode(codec.unpack(packed), resolution=32, field="sdf")
    np.testing.assert_allclose(made.vertices, own.vertices, atol=1e-3)
    (project.folder / "head.hxl").write_bytes(packed[:-3])
    refused = project.command("hexplane", "inspect", "head.hxl")
    assert refused.returncode == 1
    assert refused.stderr == "error: head.hxl: cut short or altered inside layer 1\n"


def test_views_of_a_sphere_are_discs(sphere: trimesh.Trimesh) -> None:
    views = hexplane.render(sphere, 64)
    # Normalised to a radius of 0.9: pi 0.9^2 of the image's 2 x 2.
    assert views.occupancy.mean() == pytest.approx(np.pi * 0.9**2 / 4, rel=0.01)
    assert views.depth[views.occupancy].min() == pytest.approx((1 - 0.9) / 2, abs=2e-3)


def test_measures_are_in_the_references_canonical_units() -> None:
    ball = trimesh.creation.icosphere(subdivisions=4, radius=50.0)
    larger = trimesh.creation.icosphere(subdivisions=4, radius=51.0)
    scores = hexplane.evaluate(larger, ball, samples=2000)
    assert scores["chamfer_l1"] == pytest.approx(0.9 / 50, rel=0.02)
    assert scores["iou"] == pytest.approx((50 / 51) ** 3, abs=0.03)
    empty = hexplane.evaluate(trimesh.Trimesh(), ball, samples=2000)
    assert (empty["empty"], empty["iou"], empty["chamfer_l1"]) == (True, 0.0, None)


def test_a_mesh_with_split_seams_is_welded_first() -> None:
    ball = trimesh.creation.icosphere(subdivisions=3)
    soup = trimesh.Trimesh(
        ball.triangles.reshape(-1, 3), np.arange(ball.faces.size).reshape(-1, 3), process=False
    )
    assert not soup.is_watertight
    np.testing.assert_array_equal(hexplane.render(soup, 32).depth, hexplane.render(ball, 32).depth)
    scores = hexplane.evaluate(ball, soup, samples=500)
    assert scores["iou"] == 1.0
    assert scores["source_completeness"] == scores["completeness"]


def test_up_is_told(sphere: trimesh.Trimesh) -> None:
    cone = trimesh.creation.cone(radius=0.5, height=2.0)  # along z
    front = hexplane.render(cone, 32, up="z").occupancy[2]
    assert front[-6].sum() > 2 * front[6].sum() > 0  # broad below, narrow above


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (lambda codec: codec.encode("missing.obj"), "missing.obj: no such file"),
        (lambda codec: codec.encode(trimesh.Trimesh()), "no faces"),
        (
            lambda codec: codec.decode(hexplane.Latent(np.zeros((6, 2, 8, 8), "f4"), np.eye(4))),
            r"latent of shape \[6, 2, 8, 8\] \(allowed: \[6, 2, 16, 16\]\)",
        ),
        (lambda codec: hexplane.load("nowhere"), "nowhere: no model here"),
        (lambda codec: hexplane.evaluate(bump(0), bump(0), sample=5), "unknown key 'sample'"),
        (lambda codec: hexplane.evaluate(bump(0), bump(0), samples=1), "samples: .* 100"),
        (lambda codec: hexplane.render(bump(0), 64, up="q"), "up: .*'y' or 'z'"),
        (lambda codec: hexplane.render(bump(0), 4), "resolution: .* 16"),
    ],
)
def test_mistakes_are_one_line(codec: "hexplane.TrainedCodec", mistake, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        mistake(codec)
    assert "\n" not in str(caught.value)


def test_importing_the_package_imports_no_library() -> None:
    code = (
        "import sys, hexplane; assert 'load' in dir(hexplane); "
        "print([name for name in ('torch', 'numpy', 'trimesh', 'zarr') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_readmes_examples_run(project: Project) -> None:
    """All Python of the README in one go, in a folder with a trained model and a mesh."""
    text = (ROOT / "README.md").read_text()
    examples = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert examples
    for name in ("load", "encode", "decode", "render", "evaluate"):
        assert any(f"{name}(" in example for example in examples), name
    program = project.folder / "example.py"
    program.write_text("\n".join(examples))
    environment = {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "PATH": ""}
    done = subprocess.run(
        [sys.executable, program],
        cwd=project.folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(hexplane.__file__).parent / "py.typed").is_file()

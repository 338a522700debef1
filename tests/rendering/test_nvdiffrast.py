"""The GPU backend against Embree: on the CPU all but the CUDA kernels, on a GPU those as well."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pytest
import torch
import trimesh
from scipy.ndimage import binary_dilation, binary_erosion

from hexplane.geometry import frame
from hexplane.geometry.heads import generate_head
from hexplane.geometry.meshes import normalise
from hexplane.geometry.writing import write_mesh
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.manifests import read_manifest
from hexplane.rendering.raster import clip_batch, decode, device_bytes, within_budget
from hexplane.rendering.select import select_backend
from hexplane.rendering.surface import surface_of
from hexplane.settings.render import RenderSettings
from hexplane.stages import render
from hexplane.store import read_hexplane
from support import rasteriser

MEDIAN_DEPTH = 1e-5
COVERAGE = 1e-3


@pytest.fixture(scope="module")
def head() -> trimesh.Trimesh:
    return normalise(generate_head(0), "y")[0]


@pytest.fixture(scope="module")
def tilted() -> trimesh.Trimesh:
    """A box of twelve large triangles, none of them along an axis."""
    box = trimesh.creation.box(extents=(0.9, 0.7, 0.5))
    box.apply_transform(trimesh.transformations.euler_matrix(0.5, 0.4, 0.3))
    return box


SHAPES = ["sphere", "torus", "tilted", "head"]


def _assert_parity(ours, truth) -> None:
    assert ours.depth.shape == truth.depth.shape and ours.depth.dtype == np.float32
    assert ours.normal.shape == truth.normal.shape and ours.normal.dtype == np.float32
    both = ours.occupancy & truth.occupancy
    assert both.any(axis=(1, 2)).all()
    assert np.median(np.abs(ours.depth - truth.depth)[both]) < MEDIAN_DEPTH
    cosine = (ours.normal * truth.normal).sum(axis=1)[both]
    assert np.median(cosine) > 1 - 1e-5
    # Where they differ, another of two surfaces one behind the other was hit.
    assert np.mean(cosine > 1 - 1e-3) > 0.99
    assert np.mean(np.abs(ours.depth - truth.depth)[both] < 1e-3) > 0.99
    assert np.all(ours.depth[~ours.occupancy] == frame.BACKGROUND_DEPTH)
    assert np.all(ours.normal.transpose(0, 2, 3, 1)[~ours.occupancy] == 0)

    differ = ours.occupancy ^ truth.occupancy
    assert differ.mean() < COVERAGE
    around = np.ones((3, 3), dtype=bool)
    for view, seen in zip(differ, truth.occupancy, strict=True):
        outline = binary_dilation(seen, around) & ~binary_erosion(seen, around)
        assert not (view & ~outline).any()


# What goes into the rasteriser


def test_clip_coordinates_worked_out_by_hand():
    # The points of one triangle; (0.2, -0.4, 0.6) is looked at. z runs away from the camera.
    points = [[0.2, -0.4, 0.6], [0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]
    mesh = trimesh.Trimesh(points, [[0, 1, 2]], process=False)
    batch = clip_batch([surface_of(mesh)])
    expected = [
        (0.2, -0.6, 0.4, 1),
        (0.2, 0.6, -0.4, 1),
        (0.2, -0.4, -0.6, 1),
        (-0.2, -0.4, 0.6, 1),
        (-0.6, -0.4, -0.2, 1),
        (0.6, -0.4, 0.2, 1),
    ]
    assert np.allclose(batch.positions.reshape(6, 3, 4)[:, 0], expected, atol=1e-6)
    assert batch.positions.dtype == batch.attributes.dtype == np.float32
    assert batch.triangles.dtype == batch.ranges.dtype == np.int32


def test_clip_coordinates_are_those_of_the_frame():
    points = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    mesh = trimesh.Trimesh(points, np.arange(48).reshape(-1, 3), process=False)
    positions = clip_batch([surface_of(mesh)]).positions.reshape(6, 50, 4)
    seen = frame.project(points)
    assert np.allclose(positions[..., :2], seen[..., :2], atol=1e-6)
    assert np.allclose((positions[..., 2] + 1) / 2, seen[..., 2], atol=1e-6)
    assert np.abs(positions[..., :3]).max() <= 1


def test_the_near_face_is_at_minus_one_for_each_camera():
    near = np.concatenate([frame.TOWARD, -frame.TOWARD])  # middles of the cube's faces
    mesh = trimesh.Trimesh(near, np.arange(12).reshape(-1, 3), process=False)
    z = clip_batch([surface_of(mesh)]).positions.reshape(6, 12, 4)[..., 2]
    assert np.array_equal(np.diagonal(z[:, :6]), [-1] * 6)
    assert np.array_equal(np.diagonal(z[:, 6:]), [1] * 6)


def test_each_image_draws_its_own_mesh_and_view(sphere, tilted):
    surfaces = [surface_of(sphere), surface_of(tilted)]
    batch = clip_batch(surfaces)
    assert len(batch.ranges) == 12
    assert batch.ranges[:, 1].sum() == len(batch.triangles)
    for image, (first, count) in enumerate(batch.ranges):
        vertices, faces, normals = surfaces[image // 6]
        corners = batch.triangles[first : first + count]
        seen = frame.project(vertices)[image % 6][faces]
        assert np.allclose(batch.positions[corners][..., :2], seen[..., :2], atol=1e-6)
        assert np.allclose(batch.attributes[corners][..., 0], seen[..., 2], atol=1e-6)
        assert np.array_equal(batch.attributes[corners][..., 1:], normals[faces])


def test_runs_keep_to_the_budget_and_the_order(sphere, tilted):
    big, small = surface_of(sphere), surface_of(tilted)
    surfaces = [small, small, big, small, big, big]
    budget = device_bytes(big, 64) + device_bytes(small, 64)
    runs = list(within_budget(surfaces, 64, budget))
    assert [len(run) for run in runs] == [2, 2, 1, 1]
    assert [id(one) for run in runs for one in run] == [id(one) for one in surfaces]
    assert [len(run) for run in within_budget(surfaces, 64, 1)] == [1] * 6
    assert list(within_budget([], 64, budget)) == []


# What comes out of it


def test_decoding_a_picture_worked_out_by_hand():
    # R = 2, one mesh: only the lower left pixel of the front view is covered.
    front = frame.VIEW_NAMES.index("front")
    values = torch.full((6, 2, 2, 4), 0.7)  # what is not covered says nothing
    covered = torch.zeros(6, 2, 2, dtype=torch.bool)
    values[front, 0, 0] = torch.tensor([0.25, 0.0, 1.5, -2.0])  # too long, and away from +z
    covered[front, 0, 0] = True
    depth, normal = decode(values, covered)
    expected = np.ones((1, 6, 2, 2))
    expected[0, front, 1, 0] = 0.25
    assert np.array_equal(depth, expected)
    assert np.allclose(normal[0, front, :, 1, 0], [0, -0.6, 0.8])
    normal[0, front, :, 1, 0] = 0
    assert not normal.any()


@pytest.mark.parametrize("resolution", [96, 101])
@pytest.mark.parametrize("shape", SHAPES)
def test_parity_of_all_but_the_kernels(on_cpu, renderer, shape, resolution, request):
    mesh = request.getfixturevalue(shape)
    _assert_parity(on_cpu.render(mesh, resolution), renderer.render(mesh, resolution))


def test_markers_are_where_embree_sees_them(on_cpu, renderer, marker):
    ours, truth = on_cpu.render(marker, 20), renderer.render(marker, 20)
    assert np.abs(ours.depth - truth.depth).max() < 1e-6
    assert np.abs(ours.normal - truth.normal).max() < 1e-5


def test_normals_of_an_inside_out_mesh_face_the_camera(on_cpu, tilted):
    turned = tilted.copy()
    turned.invert()
    ours, views = on_cpu.render(tilted, 64), on_cpu.render(turned, 64)
    assert np.array_equal(views.occupancy, ours.occupancy)
    # On edges either of two triangles may count.
    assert np.abs(views.normal - ours.normal).max() < 1e-3


def test_several_meshes_in_one_call_are_those_one_by_one(on_cpu, sphere, tilted, torus):
    meshes = [tilted, sphere, torus]
    together = on_cpu.render_many(meshes, 64)
    assert rasteriser.calls == [18]
    for mesh, seen in zip(meshes, together, strict=True):
        alone = on_cpu.render(mesh, 64)
        assert np.array_equal(seen.depth, alone.depth)
        assert np.array_equal(seen.normal, alone.normal)


def test_a_small_budget_takes_more_calls_for_the_same_result(on_cpu, sphere, tilted, torus):
    meshes = [tilted, sphere, torus]
    together = on_cpu.render_many(meshes, 64)
    rasteriser.calls.clear()
    on_cpu.budget = 1
    split = on_cpu.render_many(meshes, 64)
    assert rasteriser.calls == [6, 6, 6]
    for one, other in zip(together, split, strict=True):
        assert np.array_equal(one.depth, other.depth)


def test_embree_takes_several_meshes_too(renderer, sphere, tilted):
    first, second = renderer.render_many([sphere, tilted], 32)
    assert np.array_equal(first.depth, renderer.render(sphere, 32).depth)
    assert np.array_equal(second.normal, renderer.render(tilted, 32).normal)


# Which backend is chosen


@pytest.fixture
def absent(monkeypatch):
    """A machine without nvdiffrast."""
    monkeypatch.setitem(sys.modules, "nvdiffrast", None)


@pytest.fixture
def cuda(stand_in, monkeypatch):
    """A machine with nvdiffrast and a CUDA device."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


@pytest.fixture
def no_cuda(stand_in, monkeypatch):
    """A machine with nvdiffrast alone."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_auto_falls_back_to_embree_and_says_why(absent, capsys):
    assert select_backend("auto").name == "embree"
    assert capsys.readouterr().err == "Rendering with embree: nvdiffrast is not installed\n"


def test_auto_without_a_cuda_device_is_embree(no_cuda, capsys):
    assert select_backend("auto").name == "embree"
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "Rendering with embree: nvdiffrast needs a CUDA device and torch finds none"


@pytest.mark.parametrize("backend", ["auto", "nvdiffrast"])
def test_nvdiffrast_is_taken_where_it_can_run(cuda, capsys, backend):
    assert select_backend(backend).name == "nvdiffrast"
    said = capsys.readouterr().err
    assert said == ("Rendering with nvdiffrast\n" if backend == "auto" else "")


def test_embree_asks_for_nothing_else(cuda, capsys):
    assert select_backend("embree").name == "embree"
    assert capsys.readouterr().err == ""


def test_nvdiffrast_that_is_not_installed_is_one_line_with_the_command(absent):
    with pytest.raises(UserError) as caught:
        select_backend("nvdiffrast")
    (line,) = str(caught.value).splitlines()
    assert line.startswith("render.backend: nvdiffrast is not installed; ")
    assert "--no-build-isolation git+https://github.com/NVlabs/nvdiffrast.git" in line
    assert "envs/cuda.yaml" in line


def test_nvdiffrast_without_a_cuda_device_is_another_line(no_cuda):
    with pytest.raises(UserError) as caught:
        select_backend("nvdiffrast")
    assert str(caught.value) == (
        "render.backend: nvdiffrast needs a CUDA device and torch finds none; use embree or auto"
    )


def test_nvdiffrast_built_for_another_torch_is_a_third(cuda, monkeypatch):
    monkeypatch.setitem(sys.modules, "nvdiffrast.torch", None)  # importing it raises ImportError
    with pytest.raises(UserError) as caught:
        select_backend("nvdiffrast")
    (line,) = str(caught.value).splitlines()
    assert line.startswith("render.backend: nvdiffrast does not load (")
    assert "build it for this torch: `pip install" in line


def test_without_nvdiffrast_no_torch_is_loaded(tmp_path):
    # Neither by the choice, nor by a server that imports all that its jobs may need.
    code = (
        "import sys; sys.modules['nvdiffrast'] = None\n"
        "from contextlib import suppress; from importlib import import_module\n"
        "from hexplane.plumbing.digests import import_closure\n"
        "from hexplane.rendering.select import select_backend\n"
        "assert select_backend('auto').name == 'embree'\n"
        "for module in sorted(import_closure('hexplane.stages.render')):\n"
        "    with suppress(ImportError): import_module(module)\n"
        "assert 'hexplane.rendering.raster' in sys.modules\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0


def test_the_command_refuses_in_one_line_before_it_reads_or_writes(tmp_path):
    call = "import sys; sys.modules['nvdiffrast'] = None; from hexplane.cli import main; main()"
    arguments = ["render", "none.ply", "out.zarr", "--spec", "{backend: nvdiffrast}"]
    done = subprocess.run(
        [sys.executable, "-c", call, *arguments], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: render.backend: nvdiffrast is not installed; ")
    assert not list(tmp_path.iterdir())


# On a GPU


@pytest.fixture(scope="module")
def on_gpu():
    """The backend itself."""
    try:
        version("nvdiffrast")
    except PackageNotFoundError:
        pytest.skip("nvdiffrast is not installed")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    from hexplane.rendering.nvdiffrast import NvdiffrastRenderer

    return NvdiffrastRenderer()


@pytest.mark.gpu
@pytest.mark.parametrize("resolution", [128, 500, 512])
@pytest.mark.parametrize("shape", SHAPES)
def test_parity_on_a_gpu(on_gpu, renderer, shape, resolution, request):
    mesh = request.getfixturevalue(shape)
    _assert_parity(on_gpu.render(mesh, resolution), renderer.render(mesh, resolution))


@pytest.mark.gpu
def test_eight_meshes_in_one_call_on_a_gpu(on_gpu, renderer, head, sphere, torus, tilted):
    meshes = [head, tilted, sphere, torus] * 2
    for mesh, seen in zip(meshes, on_gpu.render_many(meshes, 512), strict=True):
        _assert_parity(seen, renderer.render(mesh, 512))


@pytest.mark.gpu
def test_the_stage_renders_on_a_gpu_and_records_it(on_gpu, tmp_path, head):
    write_mesh(head, tmp_path / "head.ply")
    render.run(tmp_path / "head.ply", tmp_path / "head.zarr", RenderSettings(backend="nvdiffrast"))
    manifest = read_manifest(tmp_path / "head.manifest.json")
    assert manifest["backend"] == "nvdiffrast"
    assert manifest["versions"]["nvdiffrast"] == version("nvdiffrast")
    seen = read_hexplane(tmp_path / "head.zarr")
    assert np.array_equal(seen.depth, on_gpu.render(head, 128).depth)


@pytest.mark.gpu
def test_the_device_draws_as_the_rasteriser_of_these_tests(on_gpu, head):
    batch = clip_batch([surface_of(head)])
    positions, _, triangles, ranges = (torch.from_numpy(array) for array in batch)
    import nvdiffrast.torch

    real, _ = nvdiffrast.torch.rasterize(
        on_gpu.context, positions.cuda(), triangles.cuda(), (128, 128), ranges=ranges
    )
    ours, _ = rasteriser.rasterize(
        rasteriser.RasterizeCudaContext(), positions, triangles, (128, 128), ranges=ranges
    )
    real = real.cpu()
    shown = (real[..., 3] > 0) & (ours[..., 3] > 0)
    assert ((real[..., 3] > 0) == (ours[..., 3] > 0)).float().mean() > 0.999
    # Faces are smaller than a pixel here, and where one ends is a matter of rounding.
    same = shown & (real[..., 3] == ours[..., 3])
    assert same.sum() > 0.97 * shown.sum()
    assert (real - ours)[same][:, :3].abs().median() < 1e-5
    assert (real - ours)[shown][:, 2].abs().quantile(0.99) < 1e-3

"""What edits do to heads, against what they have to do."""

import numpy as np
import pytest
import torch
import trimesh

from hexplane.geometry.isosurface import drop_islands
from hexplane.geometry.meshes import normalise
from hexplane.plumbing.errors import UserError
from hexplane.rendering.embree import EmbreeRenderer
from hexplane.studio.edits import Edit, Part, Spot, Swap
from hexplane.studio.library import Library
from hexplane.studio.planes import mirror_image, principal
from hexplane.studio.replay import Replay
from hexplane.studio.space import weights_on_grid
from support.project import bump

COMPONENTS = ("linear", "layered")


def start(library: Library, name: str = "h") -> Edit:
    head = library.study_head(name).head
    return Edit(model=library.saved.weights_hash[:8], head=head)


def field(library: Library, edit: Edit) -> np.ndarray:
    latent = Replay(library.space).latent(edit)
    return library.space.decoded(latent, 32)[0].values


@pytest.mark.parametrize("kind", [*COMPONENTS, "planes"])
def test_an_edit_that_changes_nothing_gives_the_latent_in_the_file(libraries, kind):
    library = libraries[kind]
    edit = start(library)
    assert Replay(library.space).file(edit) == edit.head.file


@pytest.mark.parametrize("kind", COMPONENTS)
def test_symmetry_gives_a_field_that_is_its_own_mirror_image(libraries, kind):
    library = libraries[kind]
    edit = start(library, "a")
    before = field(library, edit)
    after = field(library, edit.model_copy(update={"symmetry": 1.0}))
    near = np.abs(after) < 0.05
    asked = (before + before[::-1]) / 2
    assert np.abs(before - before[::-1])[near].mean() > 0.01
    assert np.abs(after - after[::-1])[near].mean() < 0.002
    assert np.abs(after - asked)[near].mean() < 0.004


@pytest.mark.parametrize("kind", COMPONENTS)
def test_the_whole_way_to_the_mean_is_the_mean(libraries, kind):
    library = libraries[kind]
    made = field(library, start(library).model_copy(update={"towards_mean": 1.0}))
    mean = library.saved.codec.mean.numpy().reshape(made.shape)
    np.testing.assert_allclose(made, mean.clip(made.min(), made.max()), atol=1e-5)


@pytest.mark.parametrize("kind", [*COMPONENTS, "planes"])
def test_a_mixture_ends_at_its_heads(libraries, kind):
    library = libraries[kind]
    other = library.study_head("b").head
    edit = start(library).model_copy(update={"mix": (Part(head=other, weight=1.0),)})
    replay = Replay(library.space)
    theirs = replay.latent(start(library, "b"))
    torch.testing.assert_close(replay.latent(edit), theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", COMPONENTS)
def test_half_way_between_two_heads_is_the_mean_of_their_fields(libraries, kind):
    library = libraries[kind]
    other = library.study_head("b").head
    half = start(library, "a").model_copy(update={"mix": (Part(head=other, weight=0.5),)})
    asked = (field(library, start(library, "a")) + field(library, start(library, "b"))) / 2
    near = np.abs(asked) < 0.05
    assert np.abs(field(library, half) - asked)[near].mean() < 0.004


def test_a_swapped_part_is_the_other_head_s_and_the_rest_is_not(libraries):
    library = libraries["layered"]
    own, theirs = start(library, "a"), start(library, "b")
    swap = Swap(head=theirs.head, view="front")
    made = field(library, own.model_copy(update={"swaps": (swap,)}))
    first, second = field(library, own), field(library, theirs)
    front = np.zeros(made.shape, dtype=bool)
    front[:, :, 20:] = True  # +z
    back = np.zeros(made.shape, dtype=bool)
    back[:, :, :12] = True
    for part, like, unlike in ((front, second, first), (back, first, second)):
        near = part & (np.abs(like) < 0.05)
        away = np.abs(made - like)[near].mean()
        assert away < 0.5 * np.abs(made - unlike)[near].mean()


def test_a_painted_part_lies_under_the_paint():
    spot = Spot(right=0.5, up=0.0, radius=0.3)
    head = {"name": "x", "latent": ""}
    weight = weights_on_grid(Swap(head=head, view="front", spots=(spot,)), 32)
    place = np.argwhere(weight > 0.5)
    centres = (place + 0.5) / 32 * 2 - 1
    assert len(place)
    assert (centres[:, 2] > -0.05).all()  # the front half
    assert np.hypot(centres[:, 0] - 0.5, centres[:, 1]).max() < 0.36
    left = weights_on_grid(Swap(head=head, view="left"), 32)
    assert left[-1].min() == 1 and left[0].max() == 0  # the left view looks from +x


@pytest.mark.parametrize("kind", COMPONENTS)
def test_a_rate_bounds_the_file_and_more_bytes_err_less(libraries, kind):
    library = libraries[kind]
    edit = start(library)
    replay = Replay(library.space)
    truth = field(library, edit)
    near = np.abs(truth) < 0.05
    errors = []
    for most in (64, len(edit.head.file)):
        smaller = edit.model_copy(update={"most_bytes": most})
        assert len(replay.file(smaller)) <= most
        errors.append(np.abs(field(library, smaller) - truth)[near].mean())
    assert errors[1] == 0
    assert kind == "linear" or errors[0] > 0


def test_a_codec_of_one_rate_says_so(libraries):
    edit = start(libraries["planes"]).model_copy(update={"most_bytes": 64})
    with pytest.raises(UserError, match="one rate, of .* bytes"):
        Replay(libraries["planes"].space).latent(edit)


def test_a_view_s_code_is_swapped_and_of_paint_only_its_cells(libraries):
    library = libraries["planes"]
    other = library.study_head("b").head
    replay = Replay(library.space)
    own, theirs = replay.latent(start(library)), replay.latent(start(library, "b"))
    whole = Swap(head=other, view="back")
    made = replay.latent(start(library).model_copy(update={"swaps": (whole,)}))
    assert torch.equal(made[3], theirs[3])
    assert torch.equal(made[[0, 1, 2, 4, 5]], own[[0, 1, 2, 4, 5]])
    painted = Swap(head=other, view="back", spots=(Spot(right=-1, up=1, radius=0.4),))
    made = replay.latent(start(library).model_copy(update={"swaps": (painted,)}))
    taken = (made[3] != own[3]).any(dim=0)
    assert taken[0, 0] and taken[:2, :2].sum() == taken.sum()  # the picture's upper left


def test_the_mirror_image_of_views_is_the_view_of_the_mirror_image():
    mesh = normalise(bump(3), "y")[0]
    turned = trimesh.Trimesh(mesh.vertices * [-1, 1, 1], mesh.faces[:, ::-1], process=False)
    made = mirror_image(EmbreeRenderer().render(mesh, 32))
    truth = EmbreeRenderer().render(turned, 32)
    # A ray along an edge of two triangles may hit one or the other.
    assert (np.abs(made.depth - truth.depth) > 1e-5).mean() < 1e-3
    assert (np.abs(made.normal - truth.normal) > 1e-4).mean() < 1e-3


def test_principal_directions_are_one_deviation_long():
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(20, 3)))[0].T
    heads = (rng.normal(size=(600, 3)) * [5, 2, 1]) @ axes
    found = principal((heads - heads.mean(axis=0)).astype(np.float32), 3)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [5, 2, 1], rtol=0.1)
    np.testing.assert_allclose(np.abs(found @ axes.T), np.diag([5, 2, 1]), atol=0.6)


@pytest.mark.parametrize("kind", [*COMPONENTS, "planes"])
def test_a_direction_moves_by_deviations(libraries, kind):
    library = libraries[kind]
    replay = Replay(library.space)
    edit = start(library)
    moved = edit.model_copy(update={"directions": (0.0, 2.0)})
    change = library.space.point(replay.latent(moved)) - library.space.point(replay.latent(edit))
    size = library.space.directions.shape[1]
    np.testing.assert_allclose(change[:size], 2 * library.space.directions[1], atol=0.51)
    assert np.abs(change[:size]).max() > 0


def test_islands_go_by_their_area():
    large, small = trimesh.creation.icosphere(2, 0.8), trimesh.creation.icosphere(2, 0.1)
    small.apply_translation([2, 0, 0])
    both = trimesh.util.concatenate([small, large, small.copy().apply_translation([0, 3, 0])])
    kept = drop_islands(both, 0.05)  # the small ones have 1/64 of the area
    assert len(kept.faces) == len(large.faces) and kept.is_watertight
    np.testing.assert_allclose(kept.volume, large.volume)
    assert len(drop_islands(both, 0.01).faces) == len(both.faces)


def test_the_nearest_training_head_of_one_is_itself(libraries):
    library = libraries["linear"]
    name, apart = library.nearest(library.study_head("c").views)
    assert name == "c" and apart == 0
    name, apart = library.nearest(library.study_head("h").views)
    assert name != "h" and apart > 0

"""Edits as files, their replay by the command, and a session's history."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh

from hexplane.geometry.meshes import normalise
from hexplane.plumbing.errors import UserError
from hexplane.studio.edit import run
from hexplane.studio.edits import Edit, Output, Part, Spot, Swap, from_yaml, read_edit, write_edit
from hexplane.studio.library import Library, newest_model
from hexplane.studio.replay import Replay
from hexplane.studio.session import LONGEST, Session
from support.project import ROOT
from support.studies import source_of

KINDS = ("linear", "layered")


def full_edit(library: Library, **output: object) -> Edit:
    """An edit with everything that there is."""
    heads = {name: library.study_head(name).head for name in "abh"}
    return Edit(
        model=library.saved.weights_hash[:8],
        head=heads["h"],
        mix=(Part(head=heads["a"], weight=0.3),),
        swaps=(Swap(head=heads["b"], view="front", spots=(Spot(right=0, up=0.2, radius=0.4),)),),
        symmetry=0.5,
        towards_mean=0.25,
        directions=(1.5, 0.0, -0.5),
        most_bytes=300,
        output=Output(**{"resolution": 48, **output}),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_makes_the_page_s_mesh(project, libraries, kind, tmp_path, monkeypatch):
    edit = full_edit(libraries[kind], faces=500)
    write_edit(edit, tmp_path / "edit.yaml")
    assert read_edit(tmp_path / "edit.yaml") == edit
    # The page makes its mesh after others, with what it remembers of them.
    session = Session(libraries[kind].space, edit.head)
    session.change("moved", directions=(0.2,))
    session.replay.made(session.edit, 32)
    session.replaced(edit, "read")
    page = session.replay.output(session.edit)
    monkeypatch.chdir(project)
    command = [sys.executable, "-m", "hexplane", "edit", str(tmp_path / "edit.yaml")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("head.glb", "head.hxl"):
        run(tmp_path / "edit.yaml", tmp_path / name)
    made = trimesh.load_mesh(tmp_path / "edit.ply", process=False)
    np.testing.assert_array_equal(made.faces, page.faces)
    np.testing.assert_allclose(made.vertices, page.vertices, atol=1e-6)
    assert len(made.faces) <= 500
    placed = trimesh.load_scene(tmp_path / "head.glb").to_mesh()
    np.testing.assert_allclose(placed.bounds, made.bounds, atol=1e-5)
    assert (tmp_path / "head.hxl").read_bytes() == session.replay.file(edit)
    assert len(session.replay.file(edit)) <= 300


def test_a_head_comes_back_in_its_own_place(libraries):
    library = libraries["layered"]
    edit = Edit(model=library.saved.weights_hash[:8], head=library.study_head("h").head)
    source = source_of(7)
    own = Replay(library.space).output(edit)
    np.testing.assert_allclose(own.bounds, source.bounds, atol=0.05)
    assert own.is_watertight
    canonical = edit.model_copy(update={"output": Output(canonical=True)})
    truth = normalise(source, "y")[0]
    np.testing.assert_allclose(
        Replay(library.space).output(canonical).bounds, truth.bounds, atol=0.02
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1, 2", "not readable as YAML"),
        ("7", "no edit"),
        ("{model: '12345678'}", "head: field required"),
        ("{model: '12345678', head: {name: a, latent: '%%'}}", "head.latent: not base64"),
        ("{model: '12345678', head: {name: a, latent: ''}, noses: 2}", "unknown key 'noses'"),
        (
            "{model: '12345678', head: {name: a, latent: ''}, directions: [9]}",
            "directions: from -2 to 2 standard deviations each",
        ),
        (
            "{model: '12345678', head: {name: a, latent: ''}, symmetry: 2}",
            "symmetry: input should be less than or equal to 1",
        ),
    ],
)
def test_what_is_no_edit_is_told(text, said):
    with pytest.raises(UserError) as error:
        from_yaml(text, "x.yaml")
    assert str(error.value).startswith("x.yaml: ") and said in str(error.value)
    assert "\n" not in str(error.value)


def test_the_command_s_mistakes_are_one_line_and_nothing_is_replaced(
    project, layout, libraries, tmp_path, monkeypatch
):
    monkeypatch.chdir(project)
    edit = full_edit(libraries["linear"])
    file = tmp_path / "edit.yaml"
    write_edit(edit, file)
    own = tmp_path / "own.ply"
    own.write_text("mine")
    for output, model, said in (
        (own, None, "own.ply: is there"),
        (tmp_path / "x.txt", None, "neither a mesh nor a latent file"),
        (tmp_path / "x.ply", Path(layout.model.format(run="layered")), "model: the edit is of"),
    ):
        with pytest.raises(UserError, match=said):
            run(file, output, model=model)
    assert own.read_text() == "mine"
    write_edit(edit.model_copy(update={"model": "00000000"}), file)
    with pytest.raises(UserError, match="no model with weights 00000000"):
        run(file, tmp_path / "x.ply")
    damaged = edit.model_copy(update={"head": edit.head.model_copy(update={"latent": "SFhMAQ=="})})
    write_edit(damaged, file)
    with pytest.raises(UserError, match="cut short inside its header"):
        run(file, tmp_path / "x.ply")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edit.yaml", "own.ply"]


def test_the_newest_model_is_found(project, layout, tmp_path):
    newest = Path(layout.model.format(run="planes"))
    assert newest_model(project / "results") == newest
    with pytest.raises(UserError, match="no model here"):
        newest_model(tmp_path)


def test_undo_and_redo_walk_the_history(libraries):
    library = libraries["linear"]
    session = Session(library.space, library.study_head("a").head)
    first = session.edit
    second = session.change("Symmetry", symmetry=0.5)
    session.preview(symmetry=0.7)  # half-way
    assert [step.label for step in session.steps] == ["a", "Symmetry"]
    third = session.change("Symmetry", symmetry=0.9)
    assert session.change("Symmetry", symmetry=0.9) == third and len(session.steps) == 3
    assert session.undo() and session.edit == second
    assert session.undo() and session.edit == first
    assert not session.undo()
    assert session.redo() and session.redo() and session.edit == third and not session.redo()
    assert session.go(1) and session.edit == second
    session.change("Mean", towards_mean=1.0)  # what was undone is gone
    assert [step.label for step in session.steps] == ["a", "Symmetry", "Mean"]
    session.reset()
    assert session.edit == first and session.undo() and session.edit.towards_mean == 1.0


def test_what_is_out_of_range_changes_nothing(libraries):
    library = libraries["linear"]
    session = Session(library.space, library.study_head("a").head)
    before = session.edit
    for values in ({"symmetry": 3.0}, {"directions": (99.0,)}, {"noses": 1}):
        with pytest.raises(ValueError):
            session.change("wrong", **values)
    assert session.edit == before and len(session.steps) == 1


def test_a_long_history_keeps_its_beginning(libraries):
    library = libraries["linear"]
    session = Session(library.space, library.study_head("a").head)
    for k in range(LONGEST + 50):
        session.change(f"{k}", symmetry=(k % 100 + 1) / 200)
    assert len(session.steps) == LONGEST
    assert session.steps[0].label == "a" and session.steps[-1].label == f"{LONGEST + 49}"

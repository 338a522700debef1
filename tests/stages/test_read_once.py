"""`check` and `normalise` read a source file once between them, and make the same of it."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import trimesh

from hexplane.geometry.kept import Keeper
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import sha256
from hexplane.stages import check, normalise

OPENED: list[str] = []
sys.addaudithook(lambda event, about: OPENED.append(str(about[0])) if event == "open" else None)


def scan(folder: Path, name: str = "scan.stl") -> Path:
    path = folder / name
    trimesh.creation.icosphere(2).export(path)
    return path


def normalised(source: Path, output: Path, kept: Path | None) -> tuple[bytes, dict[str, Any]]:
    normalise.run(source, output, kept=kept, force=True)
    said = json.loads(output.with_suffix(".json").read_text())
    return output.read_bytes(), {key: said[key] for key in ("inputs", "source_to_canonical")}


def test_a_source_is_opened_once(tmp_path: Path) -> None:
    source, known, kept = scan(tmp_path), tmp_path / "checked.json", tmp_path / "kept"
    output = tmp_path / "mesh.ply"
    plainly = normalised(source, output, None)
    assert plainly[1]["inputs"] == {"source": sha256(source)}
    OPENED.clear()
    check.run([source], known=known, kept=kept)
    assert len(list(kept.iterdir())) == 1
    assert normalised(source, output, kept) == plainly
    assert OPENED.count(str(source)) == 1
    assert list(kept.iterdir()) == []  # it takes no room any more
    assert normalised(source, output, kept) == plainly


def test_a_source_that_changed_since_is_read_again(tmp_path: Path) -> None:
    source, kept = scan(tmp_path), tmp_path / "kept"
    check.run([source], kept=kept)
    trimesh.creation.box().export(source)
    _, facts = normalised(source, tmp_path / "mesh.ply", kept)
    assert facts["inputs"] == {"source": sha256(source)}
    assert len(trimesh.load_mesh(tmp_path / "mesh.ply").faces) == 12
    check.run([source], kept=kept)
    assert len(list(kept.iterdir())) == 1  # the former mesh is gone


def test_a_damaged_kept_mesh_is_none(tmp_path: Path) -> None:
    source, kept = scan(tmp_path), tmp_path / "kept"
    plainly = normalised(source, tmp_path / "mesh.ply", None)
    check.run([source], kept=kept)
    (file,) = kept.iterdir()
    whole = file.read_bytes()
    for damaged in (b"", whole[:-100], whole[:500] + b"\xff" + whole[501:]):
        file.write_bytes(damaged)
        assert normalised(source, tmp_path / "mesh.ply", kept) == plainly
        check.run([source], kept=kept)


def test_meshes_are_kept_as_far_as_there_is_room(tmp_path: Path) -> None:
    sources = [scan(tmp_path, f"{i}.stl") for i in range(3)]
    kept = tmp_path / "kept"
    size = 162 * 24 + 320 * 24
    for room in (2.5 * size, 3 * size):  # with names and sizes a kept file is a little larger
        keeper = Keeper(kept, sources, room)
        for source in sources:
            keeper.read(source)
        assert len(list(kept.iterdir())) == 2
    assert keeper.contents == {str(source): sha256(source) for source in sources}


def test_where_nothing_can_be_kept_the_check_goes_on(tmp_path: Path) -> None:
    source, file = scan(tmp_path), tmp_path / "file"
    file.write_bytes(b"")
    check.run([source], kept=file)
    bad = tmp_path / "bad.ply"
    bad.write_bytes(b"ply")
    with pytest.raises(UserError, match="bad.ply"):
        check.run([source, bad], kept=file)
